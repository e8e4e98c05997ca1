//! Locks and a condition variable, with the steps that loom's own leave out.
//!
//! loom's mutex unlocks without a step of its own, puts a thread that only tries
//! to sleep, and is poisoned by unwinding; its timed waits never end. Here each
//! step is one operation on an atomic, so loom puts others before and after it:
//!
//! ```text
//!   lock         swap 0 → 1, or join the queue and sleep    (one step, again when woken)
//!   try_lock     swap 0 → 1, or fail                        (one step)
//!   lock_until   as try_lock: time passes when nobody looks (one step)
//!   unlock       store 0, wake the first of the queue       (one step)
//!
//!   wait         join the waiters │ unlock │ sleep  │ lock
//!   wait_until   join the waiters │ unlock │ leave  │ lock    "leave" looks once:
//!   notify_one   take the first waiter, wake it                notified, or timed out
//! ```
//!
//! Orderings: unlock releases, lock acquires, a failed attempt does neither; the
//! steps of the condvar synchronise nothing. One edge remains that is not promised, from
//! a `notify` to the thread that it wakes from its sleep; the `spurious`
//! exploration lacks it.

mod condvar;
mod reentrant;
mod rwlock;

use std::cell;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{self, Arc};
use std::time::Instant;

use super::atomics::{AtomicU32, Ordering};
use super::context;
use super::late::{Late, early_zero};
use super::park::{Seat, plain};
use crate::primitive::{mutant, native, weaken};

pub(crate) use condvar::Condvar;
pub(crate) use reentrant::{ReentrantMutex, ReentrantMutexGuard};
pub(crate) use rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

const FREE: u32 = 0;
const HELD: u32 = 1;

/// The lock itself, in a model.
struct Lock {
    word: AtomicU32,
    queue: sync::Mutex<VecDeque<Arc<Seat>>>,
}

impl Lock {
    fn new() -> Self {
        Self::of(AtomicU32::new(FREE))
    }

    /// For a lock that is decided at its first use.
    fn early() -> Self {
        Self::of(early_zero())
    }

    fn of(word: AtomicU32) -> Self {
        Self {
            word,
            queue: sync::Mutex::default(),
        }
    }

    fn try_lock(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `unlock`; Relaxed on
        // failure, nothing was received.
        self.word
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    fn lock(&self) {
        while !self.try_lock() {
            let seat = Seat::take();
            plain(&self.queue).push_back(Arc::clone(&seat));
            seat.sleep();
        }
    }

    fn unlock(&self) {
        // ORDERING: Release pairs with the Acquire in `try_lock`.
        let order = weaken("lock-model-unlock-relaxed", Ordering::Release);
        self.word.swap(FREE, order);
        if mutant("lock-model-unlock-wakes-nobody") {
            return;
        }
        // Bound first: the guard of the queue must not live while waking.
        let first = plain(&self.queue).pop_front();
        if let Some(seat) = first {
            seat.wake();
        }
    }
}

/// A lock that is never poisoned.
pub(crate) struct Mutex<T: ?Sized> {
    native: native::Mutex<()>,
    modelled: Late<Lock>,
    data: cell::UnsafeCell<T>,
}

// SAFETY: the data go wherever the mutex goes, and they may.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: one of the two locks lets one thread at a time reach the data, which
// may be reached from any thread.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::of(value, Late::now(Lock::new))
    }

    /// A native mutex, for a `static`.
    pub(crate) const fn new_static(value: T) -> Self {
        Self::of(value, Late::native())
    }

    /// The first use decides.
    pub(crate) const fn undecided(value: T) -> Self {
        Self::of(value, Late::undecided())
    }

    const fn of(value: T, modelled: Late<Lock>) -> Self {
        Self {
            native: native::Mutex::new(()),
            modelled,
            data: cell::UnsafeCell::new(value),
        }
    }

    pub(crate) fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    fn modelled(&self) -> Option<&Lock> {
        self.modelled.get("mutex", Lock::early)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let hold = match self.modelled() {
            Some(lock) => {
                lock.lock();
                Hold::modelled(lock)
            }
            None => Hold::native(self.native.lock()),
        };
        MutexGuard::new(self, hold)
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let hold = match self.modelled() {
            Some(lock) => (lock.try_lock() || mutant("lock-model-attempt-beside-the-holder"))
                .then(|| Hold::modelled(lock)),
            None => self.native.try_lock().map(Hold::native),
        };
        hold.map(|hold| MutexGuard::new(self, hold))
    }

    /// Waits until `at` at most.
    pub(crate) fn lock_until(&self, at: Instant) -> Option<MutexGuard<'_, T>> {
        let hold = match self.modelled() {
            Some(lock) => {
                context::timed_wait();
                (lock.try_lock() || mutant("lock-model-late-beside-the-holder"))
                    .then(|| Hold::modelled(lock))
            }
            None => self.native.lock_until(at).map(Hold::native),
        };
        hold.map(|hold| MutexGuard::new(self, hold))
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Mutex { .. }")
    }
}

/// A mutex that is held, of either kind; its end unlocks.
struct Hold<'a> {
    modelled: Option<&'a Lock>,
    /// Present when the mutex is native. Its type also keeps a guard of either
    /// kind on its thread.
    native: Option<native::MutexGuard<'a, ()>>,
}

impl<'a> Hold<'a> {
    fn modelled(lock: &'a Lock) -> Self {
        Self {
            modelled: Some(lock),
            native: None,
        }
    }

    fn native(guard: native::MutexGuard<'a, ()>) -> Self {
        Self {
            modelled: None,
            native: Some(guard),
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // A native lock is released by its own guard.
        if let Some(lock) = self.modelled {
            lock.unlock();
        }
    }
}

/// The right to use what a [`Mutex`] guards.
#[must_use]
pub(crate) struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    hold: Hold<'a>,
    /// To share the guard is to share the data.
    data: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    fn new(mutex: &'a Mutex<T>, hold: Hold<'a>) -> Self {
        Self {
            mutex,
            hold,
            data: PhantomData,
        }
    }

    /// Goes on with a part of the data.
    pub(crate) fn map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        // SAFETY: the lock is held, and the guard that could be used beside
        // the new one is gone.
        let part = part(unsafe { &mut *this.mutex.data.get() });
        if mutant("lock-model-part-unlocks-early")
            && let Some(lock) = this.hold.modelled
        {
            lock.unlock();
        }
        MappedMutexGuard {
            part: std::ptr::from_mut(part),
            _hold: this.hold,
        }
    }

    /// As `map`, if there is such a part.
    pub(crate) fn try_map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        // SAFETY: as in `map`.
        match part(unsafe { &mut *this.mutex.data.get() }).map(std::ptr::from_mut) {
            Some(part) => Ok(MappedMutexGuard {
                part,
                _hold: this.hold,
            }),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held as long as this guard lives.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held as long as this guard lives, and the guard is
        // borrowed exclusively.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The right to use a part of what a [`Mutex`] guards.
#[must_use]
pub(crate) struct MappedMutexGuard<'a, T: ?Sized> {
    part: *mut T,
    _hold: Hold<'a>,
}

// SAFETY: shared, it gives out `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// Goes on with a part of the part.
    pub(crate) fn map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        MappedMutexGuard {
            // SAFETY: as in `deref_mut`, and this guard ends here.
            part: std::ptr::from_mut(part(unsafe { &mut *this.part })),
            _hold: this._hold,
        }
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held as long as this guard lives.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held as long as this guard lives, and the guard is
        // borrowed exclusively.
        unsafe { &mut *self.part }
    }
}
