//! The guards of a lock for readers and writers, and those of parts.

use crate::primitive;
use crate::sync::guard::{OnItsThread, guard};

/// The right to read what a [`RwLock`](super::RwLock) guards; its end unlocks.
///
/// It stays on the thread that locked. `mem::forget` leaves the lock held.
///
/// # Examples
///
/// ```
/// let lock = raddle::sync::RwLock::new("text");
/// assert_eq!(lock.read().len(), 4);
/// ```
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    inner: primitive::RwLockReadGuard<'a, T>,
    _thread: OnItsThread,
}

guard!(RwLockReadGuard);

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    pub(super) fn new(inner: primitive::RwLockReadGuard<'a, T>) -> Self {
        Self {
            inner,
            _thread: OnItsThread::HERE,
        }
    }

    /// Goes on with a part of the data; the lock stays held.
    ///
    /// # Examples
    ///
    /// See [`MappedRwLockReadGuard`].
    pub fn map<U: ?Sized>(this: Self, part: impl FnOnce(&T) -> &U) -> MappedRwLockReadGuard<'a, U> {
        MappedRwLockReadGuard::new(primitive::RwLockReadGuard::map(this.inner, part))
    }
}

/// The right to change what a [`RwLock`](super::RwLock) guards; its end unlocks.
///
/// It stays on the thread that locked. `mem::forget` leaves the lock held.
///
/// # Examples
///
/// ```
/// let lock = raddle::sync::RwLock::new(1);
/// *lock.write() += 1;
/// assert_eq!(lock.into_inner(), 2);
/// ```
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    inner: primitive::RwLockWriteGuard<'a, T>,
    _thread: OnItsThread,
}

guard!(RwLockWriteGuard, deref_mut);

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    pub(super) fn new(inner: primitive::RwLockWriteGuard<'a, T>) -> Self {
        Self {
            inner,
            _thread: OnItsThread::HERE,
        }
    }

    /// Goes on with a part of the data; the lock stays held.
    ///
    /// # Examples
    ///
    /// See [`MappedRwLockWriteGuard`].
    pub fn map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedRwLockWriteGuard<'a, U> {
        MappedRwLockWriteGuard::new(primitive::RwLockWriteGuard::map(this.inner, part))
    }

    /// Goes on as a reader. No writer comes in between.
    ///
    /// Other readers may come in at once, or, while a writer waits, after it.
    ///
    /// # Examples
    ///
    /// See [`RwLock`](super::RwLock).
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard::new(primitive::RwLockWriteGuard::downgrade(this.inner))
    }
}

/// The right to read a part of what a [`RwLock`](super::RwLock) guards; its end unlocks.
///
/// It stays on the thread that locked. `mem::forget` leaves the lock held.
///
/// # Examples
///
/// ```
/// use raddle::sync::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
///
/// let lock = RwLock::new([[1, 2], [3, 4]]);
/// let row = RwLockReadGuard::map(lock.read(), |rows| &rows[1]);
/// let cell = MappedRwLockReadGuard::map(row, |row| &row[0]);
/// assert_eq!(*cell, 3);
/// ```
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct MappedRwLockReadGuard<'a, T: ?Sized> {
    inner: primitive::MappedRwLockReadGuard<'a, T>,
    _thread: OnItsThread,
}

guard!(MappedRwLockReadGuard);

impl<'a, T: ?Sized> MappedRwLockReadGuard<'a, T> {
    pub(super) fn new(inner: primitive::MappedRwLockReadGuard<'a, T>) -> Self {
        Self {
            inner,
            _thread: OnItsThread::HERE,
        }
    }

    /// Goes on with a part of the data; the lock stays held.
    ///
    /// # Examples
    ///
    /// See [`MappedRwLockReadGuard`].
    pub fn map<U: ?Sized>(this: Self, part: impl FnOnce(&T) -> &U) -> MappedRwLockReadGuard<'a, U> {
        MappedRwLockReadGuard::new(primitive::MappedRwLockReadGuard::map(this.inner, part))
    }
}

/// The right to change a part of what a [`RwLock`](super::RwLock) guards; its end unlocks.
///
/// It stays on the thread that locked. `mem::forget` leaves the lock held.
///
/// # Examples
///
/// ```
/// use raddle::sync::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
///
/// let lock = RwLock::new([[1, 2], [3, 4]]);
/// let row = RwLockWriteGuard::map(lock.write(), |rows| &mut rows[1]);
/// let cell = MappedRwLockWriteGuard::map(row, |row| &mut row[0]);
/// assert_eq!(*cell, 3);
/// ```
#[must_use = "the lock is released at once if the guard is not kept"]
pub struct MappedRwLockWriteGuard<'a, T: ?Sized> {
    inner: primitive::MappedRwLockWriteGuard<'a, T>,
    _thread: OnItsThread,
}

guard!(MappedRwLockWriteGuard, deref_mut);

impl<'a, T: ?Sized> MappedRwLockWriteGuard<'a, T> {
    pub(super) fn new(inner: primitive::MappedRwLockWriteGuard<'a, T>) -> Self {
        Self {
            inner,
            _thread: OnItsThread::HERE,
        }
    }

    /// Goes on with a part of the data; the lock stays held.
    ///
    /// # Examples
    ///
    /// See [`MappedRwLockWriteGuard`].
    pub fn map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedRwLockWriteGuard<'a, U> {
        MappedRwLockWriteGuard::new(primitive::MappedRwLockWriteGuard::map(this.inner, part))
    }
}
