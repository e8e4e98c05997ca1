//! Permits for so many at once, for threads and futures.
//!
//! ```text
//!   mod.rs     what users call
//!   many.rs    the same for several permits; the future
//!   permit.rs  what they hold
//!   look.rs    what is to be seen of them
//!   error.rs   what is refused
//!   line.rs    who gets the permits, and when      ◄── the story
//!   word.rs    the packed word of the fast paths
//! ```
//!
//! The protocol has a page of its own, `docs/protocols/semaphore.md`.

mod error;
mod line;
mod look;
mod many;
#[cfg(all(test, raddle_loom))]
mod models;
mod permit;
#[cfg(test)]
mod tests;
mod word;

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use line::Line;

pub use error::{AcquireError, AddPermitsError};
pub use permit::{OwnedPermit, Permit};

/// Lets so many in at once: threads and async tasks, from one count.
///
/// Who [acquires](Self::acquire) a [`Permit`] is in, until it drops the permit.
/// Permits cannot be given back twice, so there are never more than there
/// should be: it is what other libraries call a *bounded* semaphore.
///
/// | | waits | gives up |
/// |---|---|---|
/// | [`acquire`](Self::acquire), [`acquire_many`](Self::acquire_many) | in the thread | when closed |
/// | `acquire_timeout`, `acquire_deadline`, and `_many_` | in the thread | also at a time |
/// | `acquire_async`, `acquire_many_async` | as a future | when dropped |
/// | [`try_acquire`](Self::try_acquire), `try_acquire_many` | not at all | at once |
///
/// Whoever gives up hands on what it had been given; nothing is lost.
///
/// # Fairness
///
/// A semaphore made by [`new`](Self::new) is *fast*: a newcomer may take a
/// permit while others stand in line, but at most [`OVERTAKES_MAX`](Self::OVERTAKES_MAX)
/// (65,535) newcomers pass whoever is first in line; then all join its end, until
/// the first is served. A thread that is first and was woken 16 times in vain is
/// not passed any longer either. So a request behind `k` others is passed by at
/// most `65535 * (k + 1)` that came later, and big requests are not starved by
/// small ones. Among those who stand in line the order is that of their coming.
///
/// One made by [`fair`](Self::fair) is *strict*: nobody passes, a big request
/// holds up the small ones behind it, and each permit is handed to who came
/// first. With threads that costs some microseconds for each permit under
/// contention: it lies idle until the thread is awake.
///
/// A future that is first in line is handed its permits, in either mode. Not
/// polled any longer, and not dropped, it keeps them.
///
/// [`drain`](Self::drain) and [`forget_permits`](Self::forget_permits) pass
/// everybody, in either mode, and are not counted.
///
/// # Memory ordering
///
/// What was done before a permit was given back happens-before the return of
/// the `acquire` that gets it; what was done before [`close`](Self::close)
/// happens-before [`Closed`](AcquireError::Closed) is returned.
///
/// # Waiting
///
/// A worker that waits tells its pool, and a spare worker takes its place. With one
/// permit, held by whoever waits for it, nobody ever goes on.
///
/// # Source
///
/// The queue with permits handed to its head is the one of Java's
/// `AbstractQueuedSynchronizer` and of tokio's semaphore; waking instead of
/// handing over, with an end to it, is the idea of WebKit's locks ("eventual
/// fairness") with a count in place of their clock.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use raddle::sync::{AcquireError, Semaphore};
///
/// // Everywhere in the program: at most 2 downloads at once.
/// static DOWNLOADS: Semaphore = Semaphore::new(2);
///
/// fn download(url: &str) -> Result<usize, AcquireError> {
///     let _permit = DOWNLOADS.acquire()?;
///     Ok(url.len())
/// }
///
/// thread::scope(|s| {
///     for url in ["a", "bb", "ccc"] {
///         s.spawn(move || download(url));
///     }
/// });
/// assert_eq!(DOWNLOADS.available(), 2);
/// ```
#[doc(alias("BoundedSemaphore", "SemaphoreSlim", "counting_semaphore", "throttle"))]
pub struct Semaphore {
    line: Line,
    max: usize,
}

impl Semaphore {
    /// So many permits fit into a semaphore.
    pub const PERMITS_MAX: usize = word::PERMITS_MAX;

    /// So many newcomers may pass the first in line of a semaphore that is not
    /// [fair](Self::fair): 65,535, or 255 where a pointer has 32 bits.
    #[doc(alias("barging", "bypass"))]
    pub const OVERTAKES_MAX: usize = word::OVERTAKES_MAX;

    maybe_const! {
        /// A semaphore with `permits` permits, and never more: the fast one.
        ///
        /// # Panics
        ///
        /// When `permits` is above [`PERMITS_MAX`](Self::PERMITS_MAX).
        ///
        /// # Examples
        ///
        /// ```
        /// use raddle::sync::Semaphore;
        ///
        /// static CONNECTIONS: Semaphore = Semaphore::new(8);
        /// assert_eq!(CONNECTIONS.available(), 8);
        /// ```
        #[track_caller]
        pub fn new(permits: usize) -> Self {
            Self::with(permits, Self::OVERTAKES_MAX)
        }
    }

    maybe_const! {
        /// A semaphore that serves strictly in the order of coming: nobody
        /// passes anybody, big requests included.
        ///
        /// See [Fairness](Self#fairness) for what it costs.
        ///
        /// # Panics
        ///
        /// When `permits` is above [`PERMITS_MAX`](Self::PERMITS_MAX).
        ///
        /// # Examples
        ///
        /// ```
        /// use raddle::sync::{AcquireError, Semaphore};
        ///
        /// let seats = Semaphore::fair(2);
        /// let seat = seats.acquire()?;
        /// let mut two = Box::pin(seats.acquire_many_async(2));
        /// assert!(raddle::block_on_timeout(two.as_mut(), Default::default()).is_err());
        ///
        /// // One is free, but who wants two came first.
        /// assert_eq!(seats.try_acquire().unwrap_err(), AcquireError::NotNow);
        /// drop(seat);
        /// assert_eq!(raddle::block_on(two)?.count(), 2);
        /// # Ok::<_, AcquireError>(())
        /// ```
        #[doc(alias("fifo"))]
        #[track_caller]
        pub fn fair(permits: usize) -> Self {
            Self::with(permits, 0)
        }
    }

    maybe_const! {
        #[track_caller]
        fn with(permits: usize, bypass: usize) -> Self {
            assert!(
                permits <= Self::PERMITS_MAX,
                "raddle: a semaphore has at most `Semaphore::PERMITS_MAX` permits"
            );
            Self {
                line: Line::new(permits, bypass),
                max: permits,
            }
        }
    }

    /// Lets there be up to `max` permits, once [added](Self::add_permits).
    ///
    /// # Panics
    ///
    /// When `max` is above [`PERMITS_MAX`](Self::PERMITS_MAX), or below the
    /// number of permits that the semaphore was made with.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// // Counts what was produced: nothing yet, and never more than 100.
    /// let produced = Semaphore::new(0).up_to(100);
    /// produced.add_permits(2)?;
    /// produced.acquire()?.forget();
    /// assert_eq!(produced.available(), 1);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn up_to(mut self, max: usize) -> Self {
        assert!(
            max <= Self::PERMITS_MAX && max >= self.max,
            "raddle: `up_to` with a limit above `Semaphore::PERMITS_MAX`, or below the permits that \
             there are"
        );
        self.max = max;
        self
    }

    /// Waits for a permit, in this thread.
    ///
    /// Blocks; a worker of a pool lends its place to a spare meanwhile.
    ///
    /// # Errors
    ///
    /// [`Closed`](AcquireError::Closed), and [`Impossible`](AcquireError::Impossible)
    /// when there can be no permit at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// let seats = Semaphore::new(1);
    /// let seat = seats.acquire()?;
    /// assert_eq!(seats.available(), 0);
    /// # drop(seat);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[doc(alias("wait", "P", "down", "acquire_blocking", "blocking_acquire"))]
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.acquire_many(1)
    }

    /// As [`acquire`](Self::acquire), at most for `limit`: `Duration::ZERO`
    /// tries once, `Duration::MAX` waits for ever.
    ///
    /// # Errors
    ///
    /// As `acquire`, and [`TimedOut`](AcquireError::TimedOut).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use raddle::sync::{AcquireError, Semaphore};
    ///
    /// let seats = Semaphore::new(1);
    /// let _seat = seats.acquire()?;
    /// let late = seats.acquire_timeout(Duration::from_millis(1));
    /// assert_eq!(late.unwrap_err(), AcquireError::TimedOut);
    /// # Ok::<_, AcquireError>(())
    /// ```
    pub fn acquire_timeout(&self, limit: Duration) -> Result<Permit<'_>, AcquireError> {
        self.acquire_many_timeout(1, limit)
    }

    /// As [`acquire`](Self::acquire), at most until `at`.
    ///
    /// # Errors
    ///
    /// As `acquire`, and [`TimedOut`](AcquireError::TimedOut).
    ///
    /// # Examples
    ///
    /// ```
    /// let seats = raddle::sync::Semaphore::new(1);
    /// let _seat = seats.acquire_deadline(std::time::Instant::now())?;
    /// assert!(seats.acquire_deadline(std::time::Instant::now()).is_err());
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    pub fn acquire_deadline(&self, at: Instant) -> Result<Permit<'_>, AcquireError> {
        self.acquire_many_deadline(1, at)
    }

    /// Waits for a permit as a future.
    ///
    /// It takes its place in line when it is first polled, not when this is
    /// called. Cancel-safe: dropped before it is ready, it leaves the line and
    /// hands on what it had been given.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// let seats = Semaphore::new(1);
    /// raddle::block_on(async {
    ///     let seat = seats.acquire_async().await?;
    ///     assert_eq!(seats.available(), 0);
    /// #   drop(seat);
    ///     Ok::<_, raddle::sync::AcquireError>(())
    /// })?;
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    pub fn acquire_async(
        &self,
    ) -> impl Future<Output = Result<Permit<'_>, AcquireError>> + Send + Unpin + fmt::Debug {
        self.acquire_many_async(1)
    }

    /// Takes a permit if it can be had at once.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire), and [`NotNow`](AcquireError::NotNow).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{AcquireError, Semaphore};
    ///
    /// let seats = Semaphore::new(1);
    /// let _seat = seats.try_acquire()?;
    /// assert_eq!(seats.try_acquire().unwrap_err(), AcquireError::NotNow);
    /// # Ok::<_, AcquireError>(())
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes all free permits at once, past those who wait; `None` when there
    /// are none.
    ///
    /// Works on a closed semaphore, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// let seats = Semaphore::new(5);
    /// let one = seats.acquire()?;
    /// let rest = seats.drain().unwrap();
    /// assert_eq!((rest.count(), seats.available()), (4, 0));
    /// assert!(seats.drain().is_none());
    /// # drop(one);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[doc(alias("drainPermits", "acquire_all"))]
    #[must_use = "dropped, the permits are given back at once"]
    pub fn drain(&self) -> Option<Permit<'_>> {
        match self.line.take_free(usize::MAX) {
            0 => None,
            count => Some(Permit::new(self, count)),
        }
    }

    /// Makes `count` new permits, and gives them to those who wait.
    ///
    /// Does not block. For permits that were [forgotten](Permit::forget), or to
    /// raise a limit below [`up_to`](Self::up_to).
    ///
    /// # Errors
    ///
    /// [`AddPermitsError`] when `count` is 0, or there would be more than the
    /// semaphore may have, those that are held included; then none is added.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// let seats = Semaphore::new(1);
    /// assert!(seats.add_permits(1).is_err()); // a release too many
    /// seats.acquire()?.forget();
    /// seats.add_permits(1)?;
    /// assert_eq!(seats.available(), 1);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias("release", "V", "up", "post", "signal"))]
    pub fn add_permits(&self, count: usize) -> Result<(), AddPermitsError> {
        let added = self.line.add(count, self.max);
        added.map_err(|room| AddPermitsError { asked: count, room })
    }

    /// Takes up to `count` free permits out of the world, past those who wait;
    /// returns how many it were.
    ///
    /// Does not wait for those that are held; `acquire_many(n)?.forget()` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Semaphore;
    ///
    /// let seats = Semaphore::new(3);
    /// let seat = seats.acquire()?;
    /// assert_eq!(seats.forget_permits(5), 2);
    /// drop(seat);
    /// assert_eq!(seats.available(), 1);
    /// # Ok::<_, raddle::sync::AcquireError>(())
    /// ```
    #[doc(alias("reduce_permits", "reducePermits"))]
    pub fn forget_permits(&self, count: usize) -> usize {
        let taken = self.line.take_free(count);
        self.line.forget(taken);
        taken
    }

    /// Lets nobody in any longer: all who wait, and all who come later, get
    /// [`Closed`](AcquireError::Closed). Permits that are held stay good.
    ///
    /// Does not block. `true` for the call that closed it.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{AcquireError, Semaphore};
    ///
    /// let seats = Semaphore::new(1);
    /// assert!(seats.close());
    /// assert!(!seats.close());
    /// assert_eq!(seats.acquire().unwrap_err(), AcquireError::Closed);
    /// ```
    pub fn close(&self) -> bool {
        self.line.close()
    }
}
