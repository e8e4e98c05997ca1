//! A count that goes down to zero, and opens.
//!
//! ```text
//!   n ── count_down ──► … ──► 1 ── count_down ──► OPEN (0), for good
//!   └───────── add ◄──────────┘
//! ```
//!
//! 1. The count is never negative, and zero is final.
//! 2. Who brings it to zero opens the queue, under its lock: nobody joins later.
//!
//! Orderings: each `count_down` releases, and keeps the chain of the others, so
//! who sees zero sees what was done before every one of them.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Mutex, mutant, weaken};
use crate::wait::deadline::Deadline;
use crate::wait::queue::{Sleeper, Ticket, WaitQueue, Wakes};
use crate::wait::waited::{Leaves, Waited, Waiting, wait};

/// Opens once, when a count has come down to zero; threads and async tasks wait
/// for it.
///
/// For work whose parts are known: one count for each part. Where they are not,
/// begin with one count for yourself, [`add`](Self::add) one for each part, and
/// give back your own last: so the latch cannot open too early. It does not
/// close again; what meets again and again takes a [`Barrier`](super::Barrier).
/// For tasks that have results there is [`TaskGroup`](crate::TaskGroup).
///
/// # Fairness
///
/// All who wait go on when it opens, in the order of their coming: first the
/// threads, then the futures, whose wakers may take their time.
///
/// # Memory ordering
///
/// What was done before each of the [`count_down`](Self::count_down)s that
/// brought it to zero happens-before the return of a wait, and before
/// [`is_open`](Self::is_open) says `true`.
///
/// # Waiting
///
/// A worker that waits tells its pool, and a spare worker takes its place.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use raddle::{ThreadPool, sync::Latch};
///
/// let pool = ThreadPool::new(2)?;
/// let started = Arc::new(Latch::new(3));
/// for _ in 0..3 {
///     let started = started.clone();
///     pool.submit(move || started.count_down()).detach();
/// }
/// started.wait();
/// assert!(started.is_open());
/// # Ok::<_, raddle::StartError>(())
/// ```
#[doc(alias("CountDownLatch", "CountdownEvent", "WaitGroup"))]
pub struct Latch {
    count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    is_open: bool,
    queue: WaitQueue<(), ()>,
}

impl Waited for State {
    type Need = ();
    type Gift = ();

    fn queue(&mut self) -> &mut WaitQueue<(), ()> {
        &mut self.queue
    }

    fn take(&mut self, (): &()) -> Option<()> {
        (self.is_open && !mutant("latch-join-without-look")).then_some(())
    }

    fn leave(&mut self, ticket: Ticket, _: Leaves, _: &mut Wakes) -> Option<Sleeper> {
        self.queue.leave(ticket).1
    }
}

/// The latch is open: nothing can be added any more.
///
/// # Examples
///
/// ```
/// use raddle::sync::{Latch, LatchIsOpen};
///
/// assert_eq!(Latch::new(0).add(1), Err(LatchIsOpen));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error(
    "nothing was added to the latch: it is open for good, or its count would overflow; \
     add before the last `count_down`"
)]
pub struct LatchIsOpen;

impl Latch {
    maybe_const! {
        /// A latch that opens after `count` calls of
        /// [`count_down`](Self::count_down); with 0 it is open.
        ///
        /// # Examples
        ///
        /// ```
        /// use raddle::sync::Latch;
        ///
        /// static LOADED: Latch = Latch::new(1);
        /// assert_eq!(LOADED.count(), 1);
        /// ```
        pub fn new(count: usize) -> Self {
            Self {
                count: AtomicUsize::new(count),
                state: Mutex::new(State {
                    is_open: count == 0,
                    queue: WaitQueue::new(),
                }),
            }
        }
    }

    /// Counts one down; at zero all who wait go on. Of an open latch it does
    /// nothing: the count is never negative.
    ///
    /// Does not block. Returns what is left.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = raddle::sync::Latch::new(2);
    /// assert_eq!(latch.count_down(), 1);
    /// assert_eq!(latch.count_down(), 0);
    /// assert_eq!(latch.count_down(), 0);
    /// ```
    #[doc(alias("countDown", "done", "signal"))]
    pub fn count_down(&self) -> usize {
        self.count_down_by(1)
    }

    /// Counts `by` down, zero at most; see [`count_down`](Self::count_down).
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = raddle::sync::Latch::new(5);
    /// assert_eq!(latch.count_down_by(3), 2);
    /// assert_eq!(latch.count_down_by(3), 0);
    /// ```
    pub fn count_down_by(&self, by: usize) -> usize {
        // ORDERING: AcqRel: Release pairs with the Acquire in `count`; Acquire, for
        // who opens the queue speaks for all. Relaxed before: nothing is read.
        let order = weaken("latch-count-relaxed", Ordering::AcqRel);
        let counted = self.count.fetch_update(order, Ordering::Relaxed, |count| {
            (count > 0).then(|| count.saturating_sub(by))
        });
        let Ok(before) = counted else { return 0 };
        let left = before.saturating_sub(by);
        if left == 0 && !mutant("latch-opens-silently") {
            self.open();
        }
        left
    }

    #[cold]
    fn open(&self) {
        let mut wakes = Wakes::default();
        let mut state = self.state.lock();
        state.is_open = true;
        while let Some(sleeper) = state.queue.give_first(()) {
            wakes.add(Some(sleeper));
            if mutant("latch-opens-for-one") {
                break;
            }
        }
        drop(state);
        wakes.wake();
    }

    /// Adds `more` to the count.
    ///
    /// # Errors
    ///
    /// [`LatchIsOpen`] when it was open already, or the count would overflow.
    /// To add from a part that is itself counted is always in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Latch;
    ///
    /// let parts = Latch::new(1); // our own
    /// for _ in 0..3 {
    ///     parts.add(1)?;
    /// }
    /// assert_eq!(parts.count_down(), 3);
    /// parts.count_down_by(3);
    /// assert!(parts.add(1).is_err());
    /// # Ok::<_, raddle::sync::LatchIsOpen>(())
    /// ```
    pub fn add(&self, more: usize) -> Result<(), LatchIsOpen> {
        // ORDERING: Relaxed, to add says nothing; the exchange keeps the chain.
        let added = (self.count).fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            count.checked_add(more).filter(|_| count > 0)
        });
        added.map(drop).map_err(|_| LatchIsOpen)
    }

    /// What is left of the count at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = raddle::sync::Latch::new(2);
    /// latch.count_down();
    /// assert_eq!(latch.count(), 1);
    /// ```
    #[doc(alias("getCount"))]
    #[must_use]
    pub fn count(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `count_down_by`.
        self.count
            .load(weaken("latch-open-relaxed", Ordering::Acquire))
    }

    /// Whether the count has come to zero.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = raddle::sync::Latch::new(1);
    /// assert!(!latch.is_open());
    /// latch.count_down();
    /// assert!(latch.is_open());
    /// ```
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        self.count() == 0
    }

    /// Waits until the latch is open, in this thread.
    ///
    /// Blocks; a worker of a pool lends its place to a spare meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use raddle::sync::Latch;
    ///
    /// let done = Latch::new(1);
    /// thread::scope(|s| {
    ///     s.spawn(|| done.count_down());
    ///     done.wait();
    /// });
    /// ```
    #[doc(alias("await"))]
    #[inline]
    pub fn wait(&self) {
        self.wait_by(Deadline::NEVER);
    }

    /// As [`wait`](Self::wait), but does not wait: whether the latch is open, as
    /// [`is_open`](Self::is_open).
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = raddle::sync::Latch::new(1);
    /// assert!(!latch.try_wait());
    /// latch.count_down();
    /// assert!(latch.try_wait());
    /// ```
    #[must_use = "it does not wait: the latch may not be open"]
    #[inline]
    pub fn try_wait(&self) -> bool {
        self.is_open()
    }

    /// As [`wait`](Self::wait), at most for `limit`; `false` says that it has
    /// passed. `Duration::ZERO` looks once, `Duration::MAX` waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let latch = raddle::sync::Latch::new(1);
    /// assert!(!latch.wait_timeout(Duration::from_millis(1)));
    /// latch.count_down();
    /// assert!(latch.wait_timeout(Duration::ZERO));
    /// ```
    #[must_use = "it may have ended because of the limit"]
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        self.wait_by(Deadline::after(limit))
    }

    /// As [`wait`](Self::wait), at most until `at`; `false` says that it has
    /// passed.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = raddle::sync::Latch::new(1);
    /// let soon = std::time::Instant::now() + std::time::Duration::from_millis(1);
    /// assert!(!latch.wait_deadline(soon));
    /// ```
    #[must_use = "it may have ended because of the limit"]
    pub fn wait_deadline(&self, at: Instant) -> bool {
        self.wait_by(Deadline::at(at))
    }

    /// Waits until the latch is open, as a future. It may be dropped at any
    /// time.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = raddle::sync::Latch::new(1);
    /// latch.count_down();
    /// raddle::block_on(latch.wait_async());
    /// ```
    pub fn wait_async(&self) -> impl Future<Output = ()> + Send + Unpin + fmt::Debug {
        Waiting::new(&self.state, ())
    }

    /// How many wait at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Latch::new(1).waiting(), 0);
    /// ```
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }

    fn wait_by(&self, deadline: Deadline) -> bool {
        self.is_open() || wait(&self.state, (), deadline, "a latch").is_some()
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}
