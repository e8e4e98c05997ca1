//! A lock for many readers or one writer: parking_lot's, told to the pool.
//!
//! The way to wait is that of `mutex.rs`.
//!
//! WHY NOT a guard that can be upgraded: two readers that both upgrade wait for
//! each other, and users of other crates have met that deadlock for years.

mod guards;

use std::fmt;
use std::time::{Duration, Instant};

use super::guard::show;
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{self, thread};
use crate::wait::deadline::Deadline;

pub use guards::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

/// A lock that many may hold to read, or one to write.
///
/// There is no poisoning, and no guard that can be upgraded: to change what was
/// read, unlock, lock for writing, and look again. The other way,
/// [`downgrade`](RwLockWriteGuard::downgrade), lets no writer in between.
///
/// The algorithm is parking_lot's. For short critical sections a
/// [`Mutex`](super::Mutex) is faster, whatever the number of readers.
///
/// # Fairness
///
/// A writer that waits for readers to leave keeps new ones out, so readers cannot
/// starve writers. Between an unlock and the wake-up of those who sleep,
/// newcomers may slip in, as with a [`Mutex`](super::Mutex); every half
/// millisecond, on average, the lock is handed to the first of those who sleep,
/// so writers cannot starve readers either.
///
/// # Memory ordering
///
/// What a writer did happens-before what the next readers and the next writer do,
/// and what readers did before the next writer's.
///
/// # Waiting
///
/// A worker of a pool that has to wait says so, and a spare worker takes its
/// place. A thread that writes what it reads waits for ever; and so may one that
/// reads twice at the same time, when a writer comes in between.
///
/// # After `fork`
///
/// A lock stays as it was, as a [`Mutex`](super::Mutex) does.
///
/// # Examples
///
/// ```
/// use raddle::sync::{RwLock, RwLockWriteGuard};
///
/// let settings = RwLock::new(vec!["fast"]);
/// {
///     let (one, other) = (settings.read(), settings.read());
///     assert_eq!(one.len(), other.len());
/// }
/// let mut writer = settings.write();
/// writer.push("safe");
/// let reader = RwLockWriteGuard::downgrade(writer);
/// assert_eq!(*reader, ["fast", "safe"]);
/// ```
///
/// A guard stays on its thread:
///
/// ```compile_fail,E0277
/// let lock = raddle::sync::RwLock::new(0);
/// let guard = lock.read();
/// std::thread::scope(|s| {
///     s.spawn(move || drop(guard));
/// });
/// ```
#[doc(alias = "ReadWriteLock")]
pub struct RwLock<T: ?Sized> {
    inner: primitive::RwLock<T>,
}

impl<T> RwLock<T> {
    /// Makes an unlocked lock. `const`: it can be a `static`, except in a model,
    /// where [`lazy!`](crate::sync::lazy) is for that.
    ///
    /// # Examples
    ///
    /// ```
    /// static NAMES: raddle::sync::RwLock<Vec<String>> = raddle::sync::RwLock::new(Vec::new());
    /// assert!(NAMES.read().is_empty());
    /// ```
    pub const fn new(value: T) -> Self {
        Self {
            inner: primitive::RwLock::undecided(value),
        }
    }

    /// Takes the data out. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::RwLock::new(3).into_inner(), 3);
    /// ```
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading; waits as long as it takes.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    #[doc(alias = "shared")]
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        match self.inner.try_read() {
            Some(inner) => RwLockReadGuard::new(inner),
            None => self.read_contended(),
        }
    }

    #[cold]
    fn read_contended(&self) -> RwLockReadGuard<'_, T> {
        let inner = thread::spin_briefly(|| self.inner.try_read()).unwrap_or_else(|| {
            let _blocking = Blocking::start(BlockedOn::Thing("a lock, to read"));
            self.inner.read()
        });
        RwLockReadGuard::new(inner)
    }

    /// Locks for reading if that needs no waiting. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::sync::RwLock::new(1);
    /// let reader = lock.read();
    /// assert!(lock.try_read().is_some());
    /// ```
    #[inline]
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.inner.try_read().map(RwLockReadGuard::new)
    }

    /// As [`read`](Self::read), for `limit` at most; `None` says that the
    /// time is over. `Duration::ZERO` tries once, `Duration::MAX` waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = raddle::sync::RwLock::new(1);
    /// let _writer = lock.write();
    /// assert!(lock.read_timeout(Duration::from_millis(1)).is_none());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn read_timeout(&self, limit: Duration) -> Option<RwLockReadGuard<'_, T>> {
        self.read_by(Deadline::after(limit))
    }

    /// As [`read`](Self::read), until `at` at most; `None` says that the
    /// time is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::sync::RwLock::new(1);
    /// assert!(lock.read_deadline(std::time::Instant::now()).is_some());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn read_deadline(&self, at: Instant) -> Option<RwLockReadGuard<'_, T>> {
        self.read_by(Deadline::at(at))
    }

    fn read_by(&self, deadline: Deadline) -> Option<RwLockReadGuard<'_, T>> {
        if let Some(guard) = self.try_read() {
            return Some(guard);
        }
        let Some(at) = deadline.instant() else {
            return Some(self.read_contended());
        };
        if deadline.has_passed() {
            return None;
        }
        let inner = thread::spin_briefly(|| self.inner.try_read()).or_else(|| {
            let _blocking = Blocking::start(BlockedOn::Thing("a lock, to read"));
            self.inner.read_until(at)
        });
        inner.map(RwLockReadGuard::new)
    }

    /// Locks for writing; waits as long as it takes.
    ///
    /// # Examples
    ///
    /// See [`RwLock`].
    #[doc(alias = "exclusive")]
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        match self.inner.try_write() {
            Some(inner) => RwLockWriteGuard::new(inner),
            None => self.write_contended(),
        }
    }

    #[cold]
    fn write_contended(&self) -> RwLockWriteGuard<'_, T> {
        let inner = thread::spin_briefly(|| self.inner.try_write()).unwrap_or_else(|| {
            let _blocking = Blocking::start(BlockedOn::Thing("a lock, to write"));
            self.inner.write()
        });
        RwLockWriteGuard::new(inner)
    }

    /// Locks for writing if that needs no waiting. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::sync::RwLock::new(1);
    /// let reader = lock.read();
    /// assert!(lock.try_write().is_none());
    /// ```
    #[inline]
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.inner.try_write().map(RwLockWriteGuard::new)
    }

    /// As [`write`](Self::write), for `limit` at most; `None` says that the
    /// time is over. `Duration::ZERO` tries once, `Duration::MAX` waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = raddle::sync::RwLock::new(1);
    /// let _writer = lock.write();
    /// assert!(lock.write_timeout(Duration::from_millis(1)).is_none());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn write_timeout(&self, limit: Duration) -> Option<RwLockWriteGuard<'_, T>> {
        self.write_by(Deadline::after(limit))
    }

    /// As [`write`](Self::write), until `at` at most; `None` says that the
    /// time is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = raddle::sync::RwLock::new(1);
    /// assert!(lock.write_deadline(std::time::Instant::now()).is_some());
    /// ```
    #[must_use = "it may have failed, and the end of the guard unlocks"]
    pub fn write_deadline(&self, at: Instant) -> Option<RwLockWriteGuard<'_, T>> {
        self.write_by(Deadline::at(at))
    }

    fn write_by(&self, deadline: Deadline) -> Option<RwLockWriteGuard<'_, T>> {
        if let Some(guard) = self.try_write() {
            return Some(guard);
        }
        let Some(at) = deadline.instant() else {
            return Some(self.write_contended());
        };
        if deadline.has_passed() {
            return None;
        }
        let inner = thread::spin_briefly(|| self.inner.try_write()).or_else(|| {
            let _blocking = Blocking::start(BlockedOn::Thing("a lock, to write"));
            self.inner.write_until(at)
        });
        inner.map(RwLockWriteGuard::new)
    }

    /// The data, without a lock: whoever has `&mut` is alone with them.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut lock = raddle::sync::RwLock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Shows the value, or `<locked>` if somebody writes or is about to; does not
/// wait.
impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guard = self.try_read();
        let value = guard.as_ref().map(|guard| guard as &dyn fmt::Debug);
        show(f, "RwLock", value)
    }
}
