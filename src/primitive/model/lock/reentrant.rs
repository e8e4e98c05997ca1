//! A lock that its holder may take again: the lock of a mutex, and who holds it.
//!
//! Only the holder changes the two plain fields, so they need no step.

use std::cell::{self, Cell};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Instant;

use super::Lock;
use crate::primitive::model::late::Late;
use crate::primitive::model::{context, thread};
use crate::primitive::{mutant, native};

struct Owned {
    lock: Lock,
    /// The number of the thread that holds it; 0 is nobody.
    owner: Cell<u64>,
    count: Cell<usize>,
}

impl Owned {
    fn early() -> Self {
        Self {
            lock: Lock::early(),
            owner: Cell::new(0),
            count: Cell::new(0),
        }
    }

    fn enter(&self, lock: impl FnOnce(&Lock) -> bool) -> bool {
        let me = thread::number();
        if self.owner.get() != me {
            if !lock(&self.lock) {
                return false;
            }
            self.owner.set(me);
        }
        self.count.set(self.count.get() + 1);
        true
    }

    fn leave(&self) {
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0 || mutant("lock-model-reentrant-left-early") {
            self.owner.set(0);
            self.lock.unlock();
        }
    }
}

/// A lock that its holder may take again.
pub(crate) struct ReentrantMutex<T: ?Sized> {
    native: native::ReentrantMutex<()>,
    modelled: Late<Owned>,
    data: cell::UnsafeCell<T>,
}

// SAFETY: the data go wherever the mutex goes, and they may.
unsafe impl<T: ?Sized + Send> Send for ReentrantMutex<T> {}
// SAFETY: one of the two locks lets one thread at a time reach the data; the
// threads of a model, which share the plain fields, are one.
unsafe impl<T: ?Sized + Send> Sync for ReentrantMutex<T> {}

impl<T> ReentrantMutex<T> {
    /// The first use decides.
    pub(crate) const fn undecided(value: T) -> Self {
        Self {
            native: native::ReentrantMutex::undecided(()),
            modelled: Late::undecided(),
            data: cell::UnsafeCell::new(value),
        }
    }

    pub(crate) fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> ReentrantMutex<T> {
    fn modelled(&self) -> Option<&Owned> {
        self.modelled.get("reentrant mutex", Owned::early)
    }

    pub(crate) fn lock(&self) -> ReentrantMutexGuard<'_, T> {
        let native = match self.modelled() {
            Some(owned) => {
                owned.enter(|lock| {
                    lock.lock();
                    true
                });
                None
            }
            None => Some(self.native.lock()),
        };
        self.guard(native)
    }

    pub(crate) fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, T>> {
        match self.modelled() {
            Some(owned) => owned.enter(Lock::try_lock).then(|| self.guard(None)),
            None => self.native.try_lock().map(|guard| self.guard(Some(guard))),
        }
    }

    /// Waits until `at` at most.
    pub(crate) fn lock_until(&self, at: Instant) -> Option<ReentrantMutexGuard<'_, T>> {
        match self.modelled() {
            Some(owned) => {
                context::timed_wait();
                owned.enter(Lock::try_lock).then(|| self.guard(None))
            }
            None => (self.native.lock_until(at)).map(|guard| self.guard(Some(guard))),
        }
    }

    fn guard<'a>(
        &'a self,
        native: Option<native::ReentrantMutexGuard<'a, ()>>,
    ) -> ReentrantMutexGuard<'a, T> {
        ReentrantMutexGuard {
            mutex: self,
            native,
            data: PhantomData,
        }
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: ?Sized> fmt::Debug for ReentrantMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ReentrantMutex { .. }")
    }
}

/// The right to look at what a [`ReentrantMutex`] guards.
#[must_use]
pub(crate) struct ReentrantMutexGuard<'a, T: ?Sized> {
    mutex: &'a ReentrantMutex<T>,
    /// Present when the mutex is native.
    native: Option<native::ReentrantMutexGuard<'a, ()>>,
    /// To share the guard is to share the data.
    data: PhantomData<&'a T>,
}

impl<T: ?Sized> Deref for ReentrantMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held as long as this guard lives, and gives out
        // shared references only.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> Drop for ReentrantMutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.native.is_none()
            && let Some(owned) = self.mutex.modelled()
        {
            owned.leave();
        }
    }
}
