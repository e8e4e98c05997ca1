//! A mutex and a condition variable, with the steps that loom's own leave out.
//!
//! loom's mutex unlocks without a step of its own, puts a thread that only tries
//! to sleep, and is poisoned by unwinding; its timed waits never end. Here each
//! step is one operation on an atomic, so loom puts others before and after it:
//!
//! ```text
//!   lock       swap 0 → 1, or join the queue and sleep      (one step, again when woken)
//!   try_lock   swap 0 → 1, or fail                          (one step)
//!   unlock     store 0, wake the first of the queue         (one step)
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

use std::cell;
use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{self, Arc};
use std::time::Instant;

use super::atomics::{AtomicU32, Ordering, Turn};
use super::context;
use super::park::{Seat, plain};
use crate::primitive::native;

const FREE: u32 = 0;
const HELD: u32 = 1;

/// The lock itself, in a model.
struct Lock {
    word: AtomicU32,
    queue: sync::Mutex<VecDeque<Arc<Seat>>>,
}

impl Lock {
    fn new() -> Self {
        Self {
            word: AtomicU32::new(FREE),
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
        self.word.swap(FREE, Ordering::Release);
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
    modelled: Option<Lock>,
    data: cell::UnsafeCell<T>,
}

// SAFETY: the data go wherever the mutex goes, and they may.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: one of the two locks lets one thread at a time reach the data, which
// may be reached from any thread.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            native: native::Mutex::new(()),
            modelled: context::current().map(|_| Lock::new()),
            data: cell::UnsafeCell::new(value),
        }
    }

    /// A native mutex, for a `static`.
    pub(crate) const fn new_static(value: T) -> Self {
        Self {
            native: native::Mutex::new(()),
            modelled: None,
            data: cell::UnsafeCell::new(value),
        }
    }

    pub(crate) fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let native = if let Some(lock) = &self.modelled {
            lock.lock();
            None
        } else {
            context::refuse_native("mutex");
            Some(self.native.lock())
        };
        MutexGuard {
            mutex: self,
            native,
        }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let native = if let Some(lock) = &self.modelled {
            if !lock.try_lock() {
                return None;
            }
            None
        } else {
            context::refuse_native("mutex");
            Some(self.native.try_lock()?)
        };
        Some(MutexGuard {
            mutex: self,
            native,
        })
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

/// The right to use what a [`Mutex`] guards.
#[must_use]
pub(crate) struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Present when the mutex is native. Its type also keeps a guard of either
    /// kind on its thread.
    native: Option<native::MutexGuard<'a, ()>>,
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

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // A native lock is released by its own guard.
        if let Some(lock) = &self.mutex.modelled {
            lock.unlock();
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A place to wait for a change of what a [`Mutex`] guards.
pub(crate) struct Condvar {
    native: native::Condvar,
    modelled: Option<Waiters>,
}

struct Waiters {
    /// By it loom orders the steps of waiters and notifiers.
    steps: Turn,
    queue: sync::Mutex<VecDeque<Arc<Seat>>>,
    /// Who has had a spurious wake-up here.
    startled: sync::Mutex<Vec<loom::thread::ThreadId>>,
}

impl Waiters {
    fn join(&self) -> Arc<Seat> {
        self.steps.take();
        let seat = Seat::take();
        plain(&self.queue).push_back(Arc::clone(&seat));
        seat
    }

    /// Ends a wait without sleeping; whether it was notified before.
    fn leave(&self, seat: &Arc<Seat>) -> bool {
        self.steps.take();
        let mut queue = plain(&self.queue);
        match queue.iter().position(|other| Arc::ptr_eq(other, seat)) {
            Some(place) => {
                queue.remove(place);
                false
            }
            None => true,
        }
    }

    /// Whether this wait is the one that ends without a reason: the first of
    /// each thread, in a spurious exploration.
    fn ends_spuriously(&self) -> bool {
        if !context::mode().spurious {
            return false;
        }
        let me = loom::thread::current().id();
        let mut startled = plain(&self.startled);
        let first = !startled.contains(&me);
        if first {
            startled.push(me);
        }
        first
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self {
            native: native::Condvar::new(),
            modelled: context::current().map(|_| Waiters {
                steps: Turn::new(),
                queue: sync::Mutex::default(),
                startled: sync::Mutex::default(),
            }),
        }
    }

    /// A native condition variable, for a `static`.
    pub(crate) const fn new_static() -> Self {
        Self {
            native: native::Condvar::new(),
            modelled: None,
        }
    }

    pub(crate) fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        let Some(waiters) = &self.modelled else {
            context::refuse_native("condvar");
            return self.native.wait(native_half(guard));
        };
        let lock = modelled_half(guard);
        let seat = waiters.join();
        lock.unlock();
        if waiters.ends_spuriously() {
            waiters.leave(&seat);
        } else {
            seat.sleep();
        }
        lock.lock();
    }

    /// Waits until notified or until `at`; `false` says that `at` has passed.
    pub(crate) fn wait_until<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, at: Instant) -> bool {
        let Some(waiters) = &self.modelled else {
            context::refuse_native("condvar");
            return self.native.wait_until(native_half(guard), at);
        };
        let lock = modelled_half(guard);
        let seat = waiters.join();
        lock.unlock();
        context::timed_wait();
        let notified = waiters.leave(&seat) || waiters.ends_spuriously();
        lock.lock();
        notified
    }

    pub(crate) fn notify_one(&self) {
        let Some(waiters) = &self.modelled else {
            context::refuse_native("condvar");
            return self.native.notify_one();
        };
        waiters.steps.take();
        let first = plain(&waiters.queue).pop_front();
        if let Some(seat) = first {
            seat.wake();
        }
    }

    pub(crate) fn notify_all(&self) {
        let Some(waiters) = &self.modelled else {
            context::refuse_native("condvar");
            return self.native.notify_all();
        };
        waiters.steps.take();
        let all = std::mem::take(&mut *plain(&waiters.queue));
        for seat in all {
            seat.wake();
        }
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

fn native_half<'g, 'a, T: ?Sized>(
    guard: &'g mut MutexGuard<'a, T>,
) -> &'g mut native::MutexGuard<'a, ()> {
    guard
        .native
        .as_mut()
        .expect("raddle model: a native condvar waits with a mutex of a model")
}

fn modelled_half<'a, T: ?Sized>(guard: &MutexGuard<'a, T>) -> &'a Lock {
    guard
        .mutex
        .modelled
        .as_ref()
        .expect("raddle model: a condvar of a model waits with a native mutex")
}
