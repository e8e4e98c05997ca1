//! A lock that its holder may take again: parking_lot's, told to the pool.
//!
//! The way to wait is that of `mutex.rs`.

use std::fmt;
use std::time::{Duration, Instant};

use super::guard::{OnItsThread, guard, show};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{self, thread};
use crate::wait::deadline::Deadline;

/// A lock that the thread which holds it may take again: Python's `RLock`.
///
/// Each guard counts; the last one unlocks. Since a thread can have several
/// guards, they give `&T` only; for data that change, put a `Cell` or a
/// `RefCell` inside.
///
/// # Fairness
///
/// That of `Mutex`, too: newcomers may overtake those who sleep, until the lock
/// is handed over. The holder locks again at once, whoever waits.
///
/// # Memory ordering
///
/// What a thread did before its last guard ended happens-before what the next one
/// does after it locked.
///
/// # Waiting
///
/// A worker of a pool that has to wait says so, and a spare worker takes its
/// place. Panics and `fork` are as with a [`Mutex`](super::Mutex).
///
/// # Examples
///
/// ```
/// use raddle::sync::ReentrantMutex;
/// use std::cell::Cell;
///
/// static BALANCE: ReentrantMutex<Cell<i64>> = ReentrantMutex::new(Cell::new(100));
///
/// fn add(amount: i64) {
///     let balance = BALANCE.lock();
///     balance.set(balance.get() + amount);
/// }
///
/// let whole_transfer = BALANCE.lock();
/// add(-30); // locks again
/// add(5);
/// assert_eq!(whole_transfer.get(), 75);
/// ```
///
/// A guard stays on its thread:
///
/// ```compile_fail,E0277
/// let mutex = raddle::sync::ReentrantMutex::new(0);
/// let guard = mutex.lock();
/// std::thread::scope(|s| {
///     s.spawn(move || drop(guard));
/// });
/// ```
#[doc(alias = "RLock")]
#[doc(alias = "threading.RLock")]
#[doc(alias = "ReentrantLock")]
pub struct ReentrantMutex<T: ?Sized> {
    inner: primitive::ReentrantMutex<T>,
}

impl<T> ReentrantMutex<T> {
    /// Makes an unlocked mutex. `const`: it can be a `static`, except in a
    /// model, where [`lazy!`](crate::sync::lazy) is for that.
    ///
    /// # Examples
    ///
    /// ```
    /// static ONE_AT_A_TIME: raddle::sync::ReentrantMutex<()> = raddle::sync::ReentrantMutex::new(());
    /// let _held = ONE_AT_A_TIME.lock();
    /// ```
    pub const fn new(value: T) -> Self {
        Self {
            inner: primitive::ReentrantMutex::undecided(value),
        }
    }

    /// Takes the data out. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::ReentrantMutex::new(3).into_inner(), 3);
    /// ```
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> ReentrantMutex<T> {
    /// Locks, or locks once more; waits as long as it takes.
    ///
    /// # Panics
    ///
    /// If this thread has `usize::MAX` guards.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = raddle::sync::ReentrantMutex::new(1);
    /// let (once, twice) = (mutex.lock(), mutex.lock());
    /// assert_eq!(*once, *twice);
    /// ```
    #[doc(alias = "acquire")]
    pub fn lock(&self) -> ReentrantMutexGuard<'_, T> {
        self.try_lock().unwrap_or_else(|| self.lock_contended())
    }

    #[cold]
    fn lock_contended(&self) -> ReentrantMutexGuard<'_, T> {
        let inner = thread::spin_briefly(|| self.inner.try_lock()).unwrap_or_else(|| {
            let _blocking = Blocking::start(BlockedOn::Thing("a reentrant mutex"));
            self.inner.lock()
        });
        ReentrantMutexGuard::new(inner)
    }

    /// Locks, or locks once more, if that needs no waiting. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = raddle::sync::ReentrantMutex::new(1);
    /// let _held = mutex.lock();
    /// assert!(mutex.try_lock().is_some());
    /// std::thread::scope(|s| {
    ///     s.spawn(|| assert!(mutex.try_lock().is_none()));
    /// });
    /// ```
    #[inline]
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, T>> {
        self.inner.try_lock().map(ReentrantMutexGuard::new)
    }

    /// As [`lock`](Self::lock), for `limit` at most; `None` says that the time
    /// is over. `Duration::ZERO` tries once, `Duration::MAX` waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mutex = raddle::sync::ReentrantMutex::new(1);
    /// assert!(mutex.lock_timeout(Duration::from_millis(1)).is_some());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn lock_timeout(&self, limit: Duration) -> Option<ReentrantMutexGuard<'_, T>> {
        self.lock_by(Deadline::after(limit))
    }

    /// As [`lock`](Self::lock), until `at` at most; `None` says that the time
    /// is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = raddle::sync::ReentrantMutex::new(1);
    /// assert!(mutex.lock_deadline(std::time::Instant::now()).is_some());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn lock_deadline(&self, at: Instant) -> Option<ReentrantMutexGuard<'_, T>> {
        self.lock_by(Deadline::at(at))
    }

    fn lock_by(&self, deadline: Deadline) -> Option<ReentrantMutexGuard<'_, T>> {
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
            let _blocking = Blocking::start(BlockedOn::Thing("a reentrant mutex"));
            self.inner.lock_until(at)
        });
        inner.map(ReentrantMutexGuard::new)
    }

    /// The data, without a lock: whoever has `&mut` is alone with them.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut mutex = raddle::sync::ReentrantMutex::new(1);
    /// *mutex.get_mut() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: Default> Default for ReentrantMutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for ReentrantMutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Shows the value, or `<locked>` if another thread holds it; does not wait.
impl<T: ?Sized + fmt::Debug> fmt::Debug for ReentrantMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = self.try_lock();
        let value = guard.as_ref().map(|guard| guard as &dyn fmt::Debug);
        show(f, "ReentrantMutex", value)
    }
}

/// The right to look at what a [`ReentrantMutex`] guards; the end of a thread's
/// last one unlocks.
///
/// It stays on the thread that locked.
///
/// # Examples
///
/// ```
/// let mutex = raddle::sync::ReentrantMutex::new("text");
/// let guard = mutex.lock();
/// assert_eq!(guard.len(), 4);
/// ```
#[must_use = "the mutex is unlocked at once if the guard is not kept"]
pub struct ReentrantMutexGuard<'a, T: ?Sized> {
    inner: primitive::ReentrantMutexGuard<'a, T>,
    _thread: OnItsThread,
}

guard!(ReentrantMutexGuard);

impl<'a, T: ?Sized> ReentrantMutexGuard<'a, T> {
    fn new(inner: primitive::ReentrantMutexGuard<'a, T>) -> Self {
        Self {
            inner,
            _thread: OnItsThread::HERE,
        }
    }
}
