//! A lock and a condition in one: what Python calls a `Condition`.
//!
//! ```text
//!   update(f)      lock │ f(value) │ notify all │ unlock
//!   wait_for(p)    lock │ p(value)? ── yes ─► guard
//!                       │    ▲ no
//!                       └── sleep, unlocked
//! ```
//!
//! The value, the lock and the list of waiters are one object, so a wait with
//! the wrong lock cannot be written, and a change through `update` cannot forget
//! its notification: not even when `f` panics half-way.
//!
//! WHY NOT notify when the guard of `lock` ends: those who only look would wake
//! everybody. A change through a guard says so itself.

use std::fmt;
use std::time::{Duration, Instant};

use super::condvar::Condvar;
use super::guard::{guard, show};
use super::mutex::{Mutex, MutexGuard};
use crate::primitive::mutant;
use crate::wait::deadline::Deadline;

/// A value under a lock, and a place to wait until the value is as one likes.
///
/// * [`update`](Self::update) changes the value and wakes all who wait.
/// * [`wait_for`](Self::wait_for) waits until the value is as asked, and returns
///   a guard: nobody changes it in between.
/// * [`lock`](Self::lock) is for everything else; a change made through its guard
///   is told to the waiters with [`notify_all`](ConditionGuard::notify_all).
///
/// | Python | here |
/// |---|---|
/// | `with c: x = 1; c.notify_all()` | `c.update(\|value\| value.x = 1)` |
/// | `with c: c.wait_for(lambda: x > 0); ..` | `let guard = c.wait_for(\|value\| value.x > 0);` |
/// | `with c: ..` | `let guard = c.lock();` |
/// | `c.wait()` in a loop | `wait_for`: there is no wait without a question |
///
/// # Fairness
///
/// All waiters are woken by an update, the longest waiting first, and ask again
/// in the order in which they get the lock: a newcomer may have it before them,
/// and may take what they wait for.
///
/// # Memory ordering
///
/// That of the lock: what was done before an update ends happens-before the
/// return of each wait that sees it.
///
/// # Waiting
///
/// As with [`Mutex`]: a worker of a pool that waits says so, and a spare worker
/// takes its place. Questions are asked with the lock held, so they should be
/// short; one that locks the same condition waits for ever.
///
/// # Examples
///
/// ```
/// use raddle::ThreadPool;
/// use raddle::sync::Condition;
///
/// static STOCK: Condition<Vec<&str>> = Condition::new(Vec::new());
///
/// let pool = ThreadPool::new(1)?;
/// let consumer = pool.submit(|| STOCK.wait_for(|stock| stock.len() >= 2).join(" and "));
/// STOCK.update(|stock| stock.push("bread"));
/// STOCK.update(|stock| stock.push("salt"));
/// assert_eq!(consumer.result()?, "bread and salt");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// The guard of one cannot wait for another:
///
/// ```compile_fail,E0061
/// let (a, b) = (raddle::sync::Condition::new(0), raddle::sync::Condition::new(0));
/// let guard = a.lock();
/// b.wait_for(guard, |value| *value > 0);
/// ```
#[doc(alias = "threading.Condition")]
#[doc(alias = "Monitor")]
pub struct Condition<T: ?Sized> {
    changed: Condvar,
    value: Mutex<T>,
}

impl<T> Condition<T> {
    /// Makes a condition with its value. `const`: it can be a `static`, except
    /// in a model, where [`lazy!`](crate::sync::lazy) is for that.
    ///
    /// # Examples
    ///
    /// ```
    /// static OPEN: raddle::sync::Condition<bool> = raddle::sync::Condition::new(false);
    /// OPEN.update(|open| *open = true);
    /// assert!(*OPEN.lock());
    /// ```
    pub const fn new(value: T) -> Self {
        Self {
            changed: Condvar::new(),
            value: Mutex::new(value),
        }
    }

    /// Takes the value out. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Condition::new(3).into_inner(), 3);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Condition<T> {
    /// Changes the value with `change`, and wakes all who wait.
    ///
    /// Waits for the lock as long as it takes. The waiters are woken even when
    /// `change` panics.
    ///
    /// # Panics
    ///
    /// As `change` does.
    ///
    /// # Examples
    ///
    /// ```
    /// let count = raddle::sync::Condition::new(1);
    /// let before = count.update(|count| std::mem::replace(count, 2));
    /// assert_eq!((before, count.into_inner()), (1, 2));
    /// ```
    #[doc(alias = "notify_all")]
    #[doc(alias = "notify")]
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        struct NotifyAll<'a, T: ?Sized>(ConditionGuard<'a, T>);
        impl<T: ?Sized> Drop for NotifyAll<'_, T> {
            fn drop(&mut self) {
                if mutant("lock-update-notifies-one") {
                    self.0.notify_one();
                } else if !mutant("lock-update-forgets") {
                    self.0.notify_all();
                }
            }
        }
        if mutant("lock-update-notifies-too-early") {
            self.changed.notify_all();
            return change(&mut self.lock());
        }
        let mut held = NotifyAll(self.lock());
        change(&mut held.0)
    }

    /// Waits until `holds` says yes, and returns the value locked.
    ///
    /// `holds` is asked at once, and again after each update.
    ///
    /// # Panics
    ///
    /// As `holds` does.
    ///
    /// # Examples
    ///
    /// See [`Condition`].
    #[doc(alias = "wait")]
    #[doc(alias = "wait_while")]
    pub fn wait_for(&self, holds: impl FnMut(&mut T) -> bool) -> ConditionGuard<'_, T> {
        let mut guard = self.lock();
        guard.wait_for(holds);
        guard
    }

    /// As [`wait_for`](Self::wait_for), but does not wait: `None` says that the
    /// value is locked, or `holds` does not say yes.
    ///
    /// # Panics
    ///
    /// As `holds` does.
    ///
    /// # Examples
    ///
    /// ```
    /// let count = raddle::sync::Condition::new(1);
    /// assert!(count.try_wait_for(|count| *count == 2).is_none());
    /// let guard = count.try_wait_for(|count| *count == 1);
    /// assert!(guard.is_some() && count.try_wait_for(|_| true).is_none());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn try_wait_for(
        &self,
        holds: impl FnOnce(&mut T) -> bool,
    ) -> Option<ConditionGuard<'_, T>> {
        let mut guard = self.try_lock()?;
        holds(&mut guard).then_some(guard)
    }

    /// As [`wait_for`](Self::wait_for), for `limit` at most; `None` says that
    /// the time is over and `holds` does not say yes.
    ///
    /// `Duration::ZERO` asks once, `Duration::MAX` waits for ever. Getting the
    /// lock back for the last question may take longer.
    ///
    /// # Panics
    ///
    /// As `holds` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let count = raddle::sync::Condition::new(1);
    /// let limit = Duration::from_millis(1);
    /// assert!(count.wait_for_timeout(limit, |count| *count == 1).is_some());
    /// assert!(count.wait_for_timeout(limit, |count| *count == 2).is_none());
    /// ```
    #[doc(alias = "wait")]
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn wait_for_timeout(
        &self,
        limit: Duration,
        holds: impl FnMut(&mut T) -> bool,
    ) -> Option<ConditionGuard<'_, T>> {
        self.wait_for_by(Deadline::after(limit), holds)
    }

    /// As [`wait_for_timeout`](Self::wait_for_timeout), until `at` at most.
    ///
    /// # Panics
    ///
    /// As `holds` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let count = raddle::sync::Condition::new(1);
    /// assert!(count.wait_for_deadline(Instant::now(), |count| *count == 2).is_none());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn wait_for_deadline(
        &self,
        at: Instant,
        holds: impl FnMut(&mut T) -> bool,
    ) -> Option<ConditionGuard<'_, T>> {
        self.wait_for_by(Deadline::at(at), holds)
    }

    fn wait_for_by(
        &self,
        by: Deadline,
        holds: impl FnMut(&mut T) -> bool,
    ) -> Option<ConditionGuard<'_, T>> {
        let mut guard = self.guard(self.value.lock_by(by)?);
        guard.wait_for_by(by, holds).then_some(guard)
    }

    /// Locks the value; waits as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// let items = raddle::sync::Condition::new(vec![1]);
    /// let mut guard = items.lock();
    /// guard.push(2);
    /// guard.notify_one();
    /// ```
    #[doc(alias = "acquire")]
    pub fn lock(&self) -> ConditionGuard<'_, T> {
        self.guard(self.value.lock())
    }

    /// Locks the value if that needs no waiting. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(raddle::sync::Condition::new(0).try_lock().is_some());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn try_lock(&self) -> Option<ConditionGuard<'_, T>> {
        self.value.try_lock().map(|inner| self.guard(inner))
    }

    /// As [`lock`](Self::lock), for `limit` at most; `None` says that the time
    /// is over. `Duration::ZERO` tries once, `Duration::MAX` waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// assert!(raddle::sync::Condition::new(0).lock_timeout(Duration::ZERO).is_some());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn lock_timeout(&self, limit: Duration) -> Option<ConditionGuard<'_, T>> {
        (self.value.lock_timeout(limit)).map(|inner| self.guard(inner))
    }

    /// As [`lock`](Self::lock), until `at` at most; `None` says that the time
    /// is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// assert!(raddle::sync::Condition::new(0).lock_deadline(Instant::now()).is_some());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn lock_deadline(&self, at: Instant) -> Option<ConditionGuard<'_, T>> {
        (self.value.lock_deadline(at)).map(|inner| self.guard(inner))
    }

    /// The value, without a lock: whoever has `&mut` is alone with it.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut count = raddle::sync::Condition::new(1);
    /// *count.get_mut() += 1;
    /// assert_eq!(count.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    fn guard<'a>(&'a self, inner: MutexGuard<'a, T>) -> ConditionGuard<'a, T> {
        ConditionGuard {
            changed: &self.changed,
            inner,
        }
    }
}

impl<T: Default> Default for Condition<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Condition<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Shows the value, or `<locked>`; does not wait.
impl<T: ?Sized + fmt::Debug> fmt::Debug for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = self.try_lock();
        let value = guard.as_ref().map(|guard| guard as &dyn fmt::Debug);
        show(f, "Condition", value)
    }
}

/// The value of a [`Condition`], locked; its end unlocks.
///
/// It stays on the thread that locked.
///
/// # Examples
///
/// ```
/// let items = raddle::sync::Condition::new(vec![1, 2, 3]);
/// let mut guard = items.wait_for(|items| !items.is_empty());
/// let first = guard.remove(0);
/// guard.notify_all();
/// # assert_eq!(first, 1);
/// ```
///
/// ```compile_fail,E0277
/// let count = raddle::sync::Condition::new(0);
/// let guard = count.lock();
/// std::thread::scope(|s| {
///     s.spawn(move || drop(guard));
/// });
/// ```
#[must_use = "the value is unlocked at once if the guard is not kept"]
pub struct ConditionGuard<'a, T: ?Sized> {
    changed: &'a Condvar,
    inner: MutexGuard<'a, T>,
}

guard!(ConditionGuard, deref_mut);

impl<T: ?Sized> ConditionGuard<'_, T> {
    /// Unlocks and waits until `holds` says yes; then the value is locked again.
    ///
    /// # Panics
    ///
    /// As `holds` does.
    ///
    /// # Examples
    ///
    /// ```
    /// let count = raddle::sync::Condition::new(1);
    /// let mut guard = count.lock();
    /// guard.wait_for(|count| *count == 1);
    /// ```
    #[doc(alias = "wait")]
    pub fn wait_for(&mut self, holds: impl FnMut(&mut T) -> bool) {
        self.wait_for_by(Deadline::NEVER, holds);
    }

    /// As [`wait_for`](Self::wait_for), for `limit` at most; returns whether
    /// `holds` said yes.
    ///
    /// # Panics
    ///
    /// As `holds` does.
    ///
    /// # Examples
    ///
    /// ```
    /// let count = raddle::sync::Condition::new(1);
    /// let limit = std::time::Duration::from_millis(1);
    /// assert!(!count.lock().wait_for_timeout(limit, |count| *count == 2));
    /// ```
    #[must_use = "it may have ended because of the limit"]
    pub fn wait_for_timeout(&mut self, limit: Duration, holds: impl FnMut(&mut T) -> bool) -> bool {
        self.wait_for_by(Deadline::after(limit), holds)
    }

    /// As [`wait_for`](Self::wait_for), until `at` at most; returns whether
    /// `holds` said yes.
    ///
    /// # Panics
    ///
    /// As `holds` does.
    ///
    /// # Examples
    ///
    /// ```
    /// let count = raddle::sync::Condition::new(1);
    /// let now = std::time::Instant::now();
    /// assert!(count.lock().wait_for_deadline(now, |count| *count == 1));
    /// ```
    #[must_use = "it may have ended because of the limit"]
    pub fn wait_for_deadline(&mut self, at: Instant, holds: impl FnMut(&mut T) -> bool) -> bool {
        self.wait_for_by(Deadline::at(at), holds)
    }

    fn wait_for_by(&mut self, by: Deadline, holds: impl FnMut(&mut T) -> bool) -> bool {
        self.changed.sleep_until(&mut self.inner, by, holds)
    }

    /// Wakes the one that has waited longest. Returns whether there was one.
    ///
    /// Right only if whoever waits can use the change; if they wait for
    /// different things, [`notify_all`](Self::notify_all).
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::sync::Condition::new(0).lock().notify_one());
    /// ```
    #[doc(alias = "notify")]
    pub fn notify_one(&self) -> bool {
        self.changed.notify_one()
    }

    /// Wakes all that wait. Returns how many they were.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Condition::new(0).lock().notify_all(), 0);
    /// ```
    pub fn notify_all(&self) -> usize {
        self.changed.notify_all()
    }
}
