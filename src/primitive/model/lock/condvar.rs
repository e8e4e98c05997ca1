//! The condition variable: see the table in `mod.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{self, Arc};
use std::time::Instant;

use super::{Lock, MutexGuard};
use crate::primitive::model::context;
use crate::primitive::model::late::Late;
use crate::primitive::model::loads::Turn;
use crate::primitive::model::park::{Seat, plain};
use crate::primitive::native;

/// A place to wait for a change of what a [`Mutex`] guards.
pub(crate) struct Condvar {
    native: native::Condvar,
    modelled: Late<Waiters>,
}

struct Waiters {
    /// By it loom orders the steps of waiters and notifiers.
    steps: Turn,
    queue: sync::Mutex<VecDeque<Arc<Seat>>>,
    /// Who has had a spurious wake-up here.
    startled: sync::Mutex<Vec<loom::thread::ThreadId>>,
}

impl Waiters {
    fn new() -> Self {
        Self {
            steps: Turn::new(),
            queue: sync::Mutex::default(),
            startled: sync::Mutex::default(),
        }
    }

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
            modelled: Late::now(Waiters::new),
        }
    }

    /// A native condition variable, for a `static`.
    pub(crate) const fn new_static() -> Self {
        Self {
            native: native::Condvar::new(),
            modelled: Late::native(),
        }
    }

    /// The first use decides.
    pub(crate) const fn undecided() -> Self {
        Self {
            native: native::Condvar::new(),
            modelled: Late::undecided(),
        }
    }

    fn modelled(&self) -> Option<&Waiters> {
        self.modelled.get("condvar", Waiters::new)
    }

    pub(crate) fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        let Some(waiters) = self.modelled() else {
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
        let Some(waiters) = self.modelled() else {
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

    /// Whether there was somebody to notify.
    pub(crate) fn notify_one(&self) -> bool {
        let Some(waiters) = self.modelled() else {
            return self.native.notify_one();
        };
        waiters.steps.take();
        let first = plain(&waiters.queue).pop_front();
        first.is_some_and(|seat| {
            seat.wake();
            true
        })
    }

    /// How many there were to notify.
    pub(crate) fn notify_all(&self) -> usize {
        let Some(waiters) = self.modelled() else {
            return self.native.notify_all();
        };
        waiters.steps.take();
        let all = std::mem::take(&mut *plain(&waiters.queue));
        for seat in &all {
            seat.wake();
        }
        all.len()
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
    (guard.hold.native.as_mut())
        .expect("raddle model: a native condvar waits with a mutex of a model")
}

fn modelled_half<'a, T: ?Sized>(guard: &MutexGuard<'a, T>) -> &'a Lock {
    (guard.hold.modelled).expect("raddle model: a condvar of a model waits with a native mutex")
}
