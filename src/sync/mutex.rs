//! A lock around data: parking_lot's, told to the pool when a worker waits.
//!
//! ```text
//!   lock ── try ──► held
//!            │ taken
//!            └── try for a moment ──► held
//!                 │ still taken
//!                 └── tell the pool, sleep ──► held, tell the pool
//! ```
//!
//! Orderings: what the one who unlocks did happens-before what the next one who
//! locks does; parking_lot's promise, and that of the door's model side.
//!
//! WHY NOT tell the pool at once: most waits are shorter than the call for a
//! spare worker.

use std::fmt;
use std::time::{Duration, Instant};

use super::guard::{OnItsThread, guard, show};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{self, thread};
use crate::wait::deadline::Deadline;

/// A lock that holds what it guards, for one thread at a time.
///
/// [`lock`](Self::lock) gives a guard; the end of the guard unlocks. There is
/// no poisoning: a thread that panics with the guard in its hands unlocks, and
/// the next one finds the data as they were left.
///
/// The algorithm is that of WebKit's `WTF::Lock`, by way of parking_lot.
///
/// # Fairness
///
/// Whoever comes may overtake those who sleep, which is fast. Every half
/// millisecond, on average, an unlock hands the lock to the first of those who
/// sleep, past all newcomers, so that none of them starves ([parking_lot's
/// eventual fairness][fair]). How many overtake meanwhile is not bounded; where
/// it must be, a [`Semaphore`](super::Semaphore) of one permit counts.
///
/// [fair]: https://docs.rs/parking_lot/latest/parking_lot/type.Mutex.html#fairness
///
/// # Memory ordering
///
/// What a thread did before it unlocked happens-before what the next one does
/// after it locked. An attempt that fails orders nothing.
///
/// # Waiting
///
/// A worker of a pool that has to wait says so, and a spare worker takes its
/// place. A thread that locks what it holds already waits for ever
/// ([`ReentrantMutex`](super::ReentrantMutex) is for that).
///
/// # After `fork`
///
/// A lock stays as it was: one that another thread held is held for ever in the
/// child.
///
/// # Cost
///
/// One byte beside the data; a lock and its unlock, uncontended, take two
/// instructions more than parking_lot's (`cargo bench --bench instructions`).
///
/// # Examples
///
/// ```
/// use raddle::ThreadPool;
/// use raddle::sync::Mutex;
///
/// static TOTAL: Mutex<u64> = Mutex::new(0);
///
/// let pool = ThreadPool::new(2)?;
/// let tasks = pool.submit_many((1..=100).map(|n| move || *TOTAL.lock() += n));
/// for task in tasks {
///     task.result()?;
/// }
/// assert_eq!(*TOTAL.lock(), 5050);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// A guard stays on its thread:
///
/// ```compile_fail,E0277
/// let mutex = raddle::sync::Mutex::new(0);
/// let guard = mutex.lock();
/// std::thread::scope(|s| {
///     s.spawn(move || drop(guard));
/// });
/// ```
#[doc(alias = "Lock")]
#[doc(alias = "threading.Lock")]
pub struct Mutex<T: ?Sized> {
    inner: primitive::Mutex<T>,
}

impl<T> Mutex<T> {
    /// Makes an unlocked mutex. `const`: it can be a `static`.
    ///
    /// In a model, a `static` would outlive the execution: use
    /// [`lazy!`](crate::sync::lazy) there.
    ///
    /// # Examples
    ///
    /// ```
    /// static COUNT: raddle::sync::Mutex<u32> = raddle::sync::Mutex::new(0);
    /// *COUNT.lock() += 1;
    /// ```
    #[inline]
    pub const fn new(value: T) -> Self {
        Self {
            inner: primitive::Mutex::undecided(value),
        }
    }

    /// Takes the data out. Never waits: whoever owns the mutex is alone with it.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Mutex::new(3).into_inner(), 3);
    /// ```
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks; waits as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = raddle::sync::Mutex::new(vec![1]);
    /// mutex.lock().push(2);
    /// assert_eq!(*mutex.lock(), [1, 2]);
    /// ```
    #[doc(alias = "acquire")]
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        match self.inner.try_lock() {
            Some(inner) => MutexGuard::new(inner),
            None => self.lock_contended(),
        }
    }

    #[cold]
    fn lock_contended(&self) -> MutexGuard<'_, T> {
        let inner = thread::spin_briefly(|| self.inner.try_lock()).unwrap_or_else(|| {
            let _blocking = Blocking::start(BlockedOn::Thing("a mutex"));
            self.inner.lock()
        });
        MutexGuard::new(inner)
    }

    /// Locks if that needs no waiting. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = raddle::sync::Mutex::new(0);
    /// let guard = mutex.lock();
    /// assert!(mutex.try_lock().is_none());
    /// drop(guard);
    /// assert!(mutex.try_lock().is_some());
    /// ```
    #[inline]
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.inner.try_lock().map(MutexGuard::new)
    }

    /// Locks; waits for `limit` at most, and returns `None` then.
    ///
    /// `Duration::ZERO` tries once, `Duration::MAX` waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mutex = raddle::sync::Mutex::new(0);
    /// let guard = mutex.lock();
    /// assert!(mutex.lock_timeout(Duration::from_millis(1)).is_none());
    /// ```
    #[doc(alias = "acquire")]
    #[doc(alias = "try_lock_for")]
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn lock_timeout(&self, limit: Duration) -> Option<MutexGuard<'_, T>> {
        self.lock_by(Deadline::after(limit))
    }

    /// Locks; waits until `at` at most, and returns `None` then. A time that has
    /// passed tries once.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let mutex = raddle::sync::Mutex::new(0);
    /// assert!(mutex.lock_deadline(Instant::now()).is_some());
    /// ```
    #[doc(alias = "try_lock_until")]
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn lock_deadline(&self, at: Instant) -> Option<MutexGuard<'_, T>> {
        self.lock_by(Deadline::at(at))
    }

    pub(super) fn lock_by(&self, deadline: Deadline) -> Option<MutexGuard<'_, T>> {
        if let Some(guard) = self.try_lock() {
            return Some(guard);
        }
        let Some(at) = deadline.instant() else {
            return Some(self.lock_contended());
        };
        if deadline.has_passed() {
            return None;
        }
        let inner = thread::spin_briefly(|| self.inner.try_lock()).or_else(|| {
            let _blocking = Blocking::start(BlockedOn::Thing("a mutex"));
            self.inner.lock_until(at)
        });
        inner.map(MutexGuard::new)
    }

    /// The data, without a lock: whoever has `&mut` is alone with them.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut mutex = raddle::sync::Mutex::new(1);
    /// *mutex.get_mut() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Shows the value, or `<locked>`; does not wait.
impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = self.try_lock();
        let value = guard.as_ref().map(|guard| guard as &dyn fmt::Debug);
        show(f, "Mutex", value)
    }
}

/// The right to use what a [`Mutex`] guards; its end unlocks.
///
/// It stays on the thread that locked. `mem::forget` leaves the mutex locked.
///
/// # Examples
///
/// ```
/// let mutex = raddle::sync::Mutex::new(1);
/// let mut guard = mutex.lock();
/// *guard += 1;
/// assert_eq!(*guard, 2);
/// ```
#[must_use = "the mutex is unlocked at once if the guard is not kept"]
pub struct MutexGuard<'a, T: ?Sized> {
    pub(super) inner: primitive::MutexGuard<'a, T>,
    _thread: OnItsThread,
}

guard!(MutexGuard, deref_mut);

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    #[inline(always)]
    fn new(inner: primitive::MutexGuard<'a, T>) -> Self {
        Self {
            inner,
            _thread: OnItsThread::HERE,
        }
    }

    /// Goes on with a part of the data; the lock stays held.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new((1, "one"));
    /// let mut number = MutexGuard::map(mutex.lock(), |pair| &mut pair.0);
    /// *number = 2;
    /// drop(number);
    /// assert_eq!(mutex.into_inner(), (2, "one"));
    /// ```
    pub fn map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        MappedMutexGuard::new(primitive::MutexGuard::map(this.inner, part))
    }

    /// As [`map`](Self::map), if there is such a part.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(vec![1, 2]);
    /// assert!(MutexGuard::filter_map(mutex.lock(), |items| items.get_mut(1)).is_ok());
    /// assert!(MutexGuard::filter_map(mutex.lock(), |items| items.get_mut(2)).is_err());
    /// ```
    #[doc(alias = "try_map")]
    pub fn filter_map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        match primitive::MutexGuard::try_map(this.inner, part) {
            Ok(inner) => Ok(MappedMutexGuard::new(inner)),
            Err(inner) => Err(Self::new(inner)),
        }
    }
}

/// The right to use a part of what a [`Mutex`] guards; its end unlocks.
///
/// From [`MutexGuard::map`]. A [`Condvar`](super::Condvar) cannot wait with it:
/// the part may be gone when the lock is taken again.
///
/// # Examples
///
/// ```
/// use raddle::sync::{MappedMutexGuard, Mutex, MutexGuard};
///
/// let mutex = Mutex::new([[1, 2], [3, 4]]);
/// let row = MutexGuard::map(mutex.lock(), |rows| &mut rows[1]);
/// let cell = MappedMutexGuard::map(row, |row| &mut row[0]);
/// assert_eq!(*cell, 3);
/// ```
#[must_use = "the mutex is unlocked at once if the guard is not kept"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    inner: primitive::MappedMutexGuard<'a, T>,
    _thread: OnItsThread,
}

guard!(MappedMutexGuard, deref_mut);

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    fn new(inner: primitive::MappedMutexGuard<'a, T>) -> Self {
        Self {
            inner,
            _thread: OnItsThread::HERE,
        }
    }

    /// Goes on with a part of the part; the lock stays held.
    ///
    /// # Examples
    ///
    /// See [`MappedMutexGuard`].
    pub fn map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        MappedMutexGuard::new(primitive::MappedMutexGuard::map(this.inner, part))
    }
}
