//! A condition variable beside a mutex: std's shape, parking_lot's work.
//!
//! Every wait goes through [`Condvar::sleep`]: it tells the pool, gives the lock
//! away and sleeps in one step, and takes the lock again.

use std::fmt;
use std::time::{Duration, Instant};

use super::mutex::MutexGuard;
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{self, mutant};
use crate::wait::deadline::Deadline;

/// A place to wait for a change of what a [`Mutex`](super::Mutex) guards.
///
/// The shape is that of `std::sync::Condvar`, without the `unwrap`s.
/// [`Condition`](super::Condition) is a lock and a condition in one, with which
/// no wrong lock can be waited with; take it unless one lock needs several
/// conditions.
///
/// The algorithm is parking_lot's: `notify_all` wakes one and moves the others
/// to the queue of the mutex.
///
/// # Fairness
///
/// Waiters are notified in the order of their coming; who gets the lock first is
/// up to the lock, and newcomers may have it before them.
///
/// # Memory ordering
///
/// The lock orders: what was done before it was unlocked happens-before the
/// return of a wait that locked it later. A notification by itself promises
/// nothing.
///
/// # Waiting
///
/// A wait may end without a notification, so look in a loop, or let
/// [`wait_while`](Self::wait_while) do it. A worker of a pool that waits says so,
/// and a spare worker takes its place.
///
/// # Examples
///
/// ```
/// use raddle::sync::{Condvar, Mutex};
///
/// static READY: Mutex<bool> = Mutex::new(false);
/// static CHANGED: Condvar = Condvar::new();
///
/// let other = std::thread::spawn(|| {
///     *READY.lock() = true;
///     CHANGED.notify_one();
/// });
/// let ready = CHANGED.wait_while(READY.lock(), |ready| !*ready);
/// assert!(*ready);
/// # drop(ready);
/// # other.join().unwrap();
/// ```
///
/// A wait without the lock cannot be written:
///
/// ```compile_fail,E0308
/// let mutex = raddle::sync::Mutex::new(0);
/// raddle::sync::Condvar::new().wait(&mutex);
/// ```
#[doc(alias = "threading.Condition")]
pub struct Condvar {
    inner: primitive::Condvar,
}

/// Whether a timed wait of a [`Condvar`] ended because its time was over.
///
/// # Examples
///
/// ```
/// use raddle::sync::{Condvar, Mutex};
/// use std::time::Duration;
///
/// let mutex = Mutex::new(0);
/// let (guard, ended) = Condvar::new().wait_timeout(mutex.lock(), Duration::ZERO);
/// assert!(ended.timed_out());
/// # drop(guard);
/// ```
#[must_use = "the wait may have ended because of the limit"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was over before the wait ended otherwise.
    ///
    /// # Examples
    ///
    /// See [`WaitTimeoutResult`].
    #[must_use]
    pub const fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// Makes a condition variable. `const`: it can be a `static`, except in a
    /// model, where [`lazy!`](crate::sync::lazy) is for that.
    ///
    /// # Examples
    ///
    /// ```
    /// static CHANGED: raddle::sync::Condvar = raddle::sync::Condvar::new();
    /// assert!(!CHANGED.notify_one());
    /// ```
    pub const fn new() -> Self {
        Self {
            inner: primitive::Condvar::undecided(),
        }
    }

    /// Unlocks, waits for a notification, and locks again. May end without one.
    ///
    /// # Panics
    ///
    /// If another thread waits here with another mutex at this moment.
    ///
    /// # Examples
    ///
    /// See [`Condvar`].
    pub fn wait<'a, T: ?Sized>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.sleep(&mut guard, Deadline::NEVER);
        guard
    }

    /// As [`wait`](Self::wait), for `limit` at most, beside the time that it
    /// takes to get the lock again.
    ///
    /// `Duration::ZERO` gives the lock away for a moment, `Duration::MAX` waits
    /// for ever.
    ///
    /// # Panics
    ///
    /// As `wait` does.
    ///
    /// # Examples
    ///
    /// See [`WaitTimeoutResult`].
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        self.wait_by(guard, Deadline::after(limit))
    }

    /// As [`wait`](Self::wait), until `at` at most, beside the time that it
    /// takes to get the lock again.
    ///
    /// # Panics
    ///
    /// As `wait` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Condvar, Mutex};
    /// use std::time::Instant;
    ///
    /// let mutex = Mutex::new(0);
    /// let (_guard, ended) = Condvar::new().wait_deadline(mutex.lock(), Instant::now());
    /// assert!(ended.timed_out());
    /// ```
    pub fn wait_deadline<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        at: Instant,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        self.wait_by(guard, Deadline::at(at))
    }

    fn wait_by<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let notified = self.sleep(&mut guard, deadline);
        (guard, WaitTimeoutResult(!notified))
    }

    /// Waits as long as `condition` says so. It is asked with the lock held,
    /// before each sleep and after the last one.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait) does, and as `condition` does.
    ///
    /// # Examples
    ///
    /// See [`Condvar`].
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        self.sleep_until(&mut guard, Deadline::NEVER, |value| !condition(value));
        guard
    }

    /// As [`wait_while`](Self::wait_while), for `limit` at most. It has timed
    /// out only if the condition still says to wait.
    ///
    /// # Panics
    ///
    /// As `wait_while` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, changed) = (Mutex::new(3), Condvar::new());
    /// let limit = Duration::from_millis(1);
    /// let (_guard, ended) = changed.wait_timeout_while(mutex.lock(), limit, |n| *n < 5);
    /// assert!(ended.timed_out());
    /// ```
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
        condition: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        self.wait_while_by(guard, Deadline::after(limit), condition)
    }

    /// As [`wait_timeout_while`](Self::wait_timeout_while), until `at` at most.
    ///
    /// # Panics
    ///
    /// As `wait_while` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Condvar, Mutex};
    /// use std::time::Instant;
    ///
    /// let (mutex, changed) = (Mutex::new(5), Condvar::new());
    /// let (_guard, ended) = changed.wait_deadline_while(mutex.lock(), Instant::now(), |n| *n < 5);
    /// assert!(!ended.timed_out());
    /// ```
    pub fn wait_deadline_while<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        at: Instant,
        condition: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        self.wait_while_by(guard, Deadline::at(at), condition)
    }

    fn wait_while_by<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Deadline,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let holds = self.sleep_until(&mut guard, deadline, |value| !condition(value));
        (guard, WaitTimeoutResult(!holds))
    }

    /// Wakes the one that has waited longest. Returns whether there was one.
    ///
    /// # Examples
    ///
    /// See [`Condvar`].
    #[doc(alias = "notify")]
    pub fn notify_one(&self) -> bool {
        self.inner.notify_one() || mutant("lock-notify-always-woke-one")
    }

    /// Wakes all that wait. Returns how many they were.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Condvar::new().notify_all(), 0);
    /// ```
    pub fn notify_all(&self) -> usize {
        if mutant("lock-notify-all-wakes-one") {
            return usize::from(self.inner.notify_one());
        }
        self.inner.notify_all()
    }

    /// One sleep; `false` says that the time is over.
    pub(super) fn sleep<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, by: Deadline) -> bool {
        let _blocking = Blocking::start(BlockedOn::Thing("a condition"));
        match by.instant() {
            None => {
                self.inner.wait(&mut guard.inner);
                true
            }
            Some(at) => {
                let notified = self.inner.wait_until(&mut guard.inner, at);
                notified && !mutant("lock-timed-wait-swallows-notification")
            }
        }
    }

    /// Sleeps until `holds`; `false` says that the time is over and it does not.
    pub(super) fn sleep_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        by: Deadline,
        mut holds: impl FnMut(&mut T) -> bool,
    ) -> bool {
        while !holds(guard) {
            if by.has_passed() {
                return false;
            }
            let in_time = self.sleep(guard, by);
            if mutant("lock-wait-looks-once") {
                return in_time;
            }
            if !in_time {
                // The change may have come in the moment the time was over.
                return !mutant("lock-timed-wait-no-last-look") && holds(guard);
            }
        }
        true
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Condvar { .. }")
    }
}
