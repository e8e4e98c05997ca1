//! Locks and conditions: parking_lot's, as thin as can be.
//!
//! `undecided` is `new` under another name. In a model build it is the one
//! constructor that is `const` and can still become loom's: at its first use.

use std::fmt;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use super::atomic::Ordering;

/// A lock that is never poisoned.
#[derive(Default)]
pub(crate) struct Mutex<T: ?Sized>(parking_lot::Mutex<T>);

/// The right to use what a [`Mutex`] guards.
pub(crate) type MutexGuard<'a, T> = parking_lot::MutexGuard<'a, T>;
/// The right to use a part of what a [`Mutex`] guards.
pub(crate) type MappedMutexGuard<'a, T> = parking_lot::MappedMutexGuard<'a, T>;

impl<T> Mutex<T> {
    #[inline]
    pub(crate) const fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    /// As `new`; for a `static`, which even in a model build is native.
    #[allow(dead_code)] // nothing of ours is one now
    pub(crate) const fn new_static(value: T) -> Self {
        Self::new(value)
    }

    /// As `new`; in a model build, its first use decides what it is.
    #[inline]
    pub(crate) const fn undecided(value: T) -> Self {
        Self::new(value)
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock()
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock()
    }

    /// Waits until `at` at most.
    pub(crate) fn lock_until(&self, at: Instant) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock_until(at)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Mutex { .. }")
    }
}

/// A place to wait for a change of what a [`Mutex`] guards.
#[derive(Debug, Default)]
pub(crate) struct Condvar(parking_lot::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(parking_lot::Condvar::new())
    }

    /// As `new`; for a `static`, which even in a model build is native.
    #[allow(dead_code)] // nothing of ours is one now
    pub(crate) const fn new_static() -> Self {
        Self::new()
    }

    /// As `new`; in a model build, its first use decides what it is.
    pub(crate) const fn undecided() -> Self {
        Self::new()
    }

    pub(crate) fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        self.0.wait(guard);
    }

    /// Waits until notified or until `at`; `false` says that `at` has passed.
    pub(crate) fn wait_until<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, at: Instant) -> bool {
        !self.0.wait_until(guard, at).timed_out()
    }

    /// Whether there was somebody to notify.
    pub(crate) fn notify_one(&self) -> bool {
        self.0.notify_one()
    }

    /// How many there were to notify.
    pub(crate) fn notify_all(&self) -> usize {
        self.0.notify_all()
    }
}

/// A lock of many readers or one writer; who waits to write keeps new readers out.
#[derive(Default)]
pub(crate) struct RwLock<T: ?Sized>(parking_lot::RwLock<T>);

/// The right to read what a [`RwLock`] guards.
pub(crate) type RwLockReadGuard<'a, T> = parking_lot::RwLockReadGuard<'a, T>;
/// The right to change what a [`RwLock`] guards.
pub(crate) type RwLockWriteGuard<'a, T> = parking_lot::RwLockWriteGuard<'a, T>;
/// The right to read a part of what a [`RwLock`] guards.
pub(crate) type MappedRwLockReadGuard<'a, T> = parking_lot::MappedRwLockReadGuard<'a, T>;
/// The right to change a part of what a [`RwLock`] guards.
pub(crate) type MappedRwLockWriteGuard<'a, T> = parking_lot::MappedRwLockWriteGuard<'a, T>;

impl<T> RwLock<T> {
    /// In a model build, its first use decides what it is.
    #[inline]
    pub(crate) const fn undecided(value: T) -> Self {
        Self(parking_lot::RwLock::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read()
    }

    #[inline]
    pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.0.try_read()
    }

    /// Waits until `at` at most.
    pub(crate) fn read_until(&self, at: Instant) -> Option<RwLockReadGuard<'_, T>> {
        self.0.try_read_until(at)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write()
    }

    #[inline]
    pub(crate) fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.try_write()
    }

    /// Waits until `at` at most.
    pub(crate) fn write_until(&self, at: Instant) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.try_write_until(at)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RwLock { .. }")
    }
}

/// A lock that its holder may take again.
#[derive(Default)]
pub(crate) struct ReentrantMutex<T: ?Sized>(parking_lot::ReentrantMutex<T>);

/// The right to look at what a [`ReentrantMutex`] guards.
pub(crate) type ReentrantMutexGuard<'a, T> = parking_lot::ReentrantMutexGuard<'a, T>;

impl<T> ReentrantMutex<T> {
    /// In a model build, its first use decides what it is.
    #[inline]
    pub(crate) const fn undecided(value: T) -> Self {
        Self(parking_lot::ReentrantMutex::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> ReentrantMutex<T> {
    pub(crate) fn lock(&self) -> ReentrantMutexGuard<'_, T> {
        self.0.lock()
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, T>> {
        self.0.try_lock()
    }

    /// Waits until `at` at most.
    pub(crate) fn lock_until(&self, at: Instant) -> Option<ReentrantMutexGuard<'_, T>> {
        self.0.try_lock_until(at)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

impl<T: ?Sized> fmt::Debug for ReentrantMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ReentrantMutex { .. }")
    }
}

/// An atomic word that is zero at first; in a model build, its first use
/// decides what it is.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) const fn zero() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline(always)]
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, order);
    }
}
