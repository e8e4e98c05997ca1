//! A Chase-Lev deque on loom's atomics, no stronger than crossbeam-deque.
//!
//! ```text
//!        front                      back
//!          ▼                         ▼
//!   ┌────┬────┬────┬────┬────┬────┬────┐
//!   │ .. │ f  │f+1 │ ...     │b-1 │    │   thieves take at front, by exchange;
//!   └────┴────┴────┴────┴────┴────┴────┘   the owner pushes and pops at back
//! ```
//!
//! The indices and their orderings are those of crossbeam-deque 0.8 in its LIFO
//! flavour: `push` is a release fence and a Relaxed store; `pop` stores `back`,
//! fences SeqCst, loads `front`; `steal` loads `front`, fences SeqCst, loads
//! `back`, exchanges `front`. What it leaves out carries no promise: the Acquire
//! load of `front` in `push`, which only looks for room, and the buffer's swap
//! when it grows.
//!
//! crossbeam reads a task before it knows whether the exchange will succeed.
//! Here the task is taken in one step with the exchange, out of a cell that loom
//! watches: a thief that has not synchronised with the push is reported, and so
//! is a task taken twice.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::atomics::{AtomicUsize, Ordering, fence};
use super::cell::UnsafeCell;
use super::context;
use super::park::plain;
use crossbeam_deque::Steal;

const CAPACITY: usize = 8;
/// The first index: a `back` below it does not wrap.
const START: usize = 1;

struct Shared<T> {
    front: AtomicUsize,
    back: AtomicUsize,
    slots: [Mutex<Option<UnsafeCell<T>>>; CAPACITY],
}

impl<T> Shared<T> {
    fn put(&self, index: usize, task: T) {
        let before = plain(&self.slots[index % CAPACITY]).replace(UnsafeCell::new(task));
        assert!(
            before.is_none(),
            "raddle model: a deque of a model holds {CAPACITY} tasks"
        );
    }

    fn take(&self, index: usize) -> T {
        let cell = plain(&self.slots[index % CAPACITY]).take();
        cell.expect("raddle model: a task of a deque is taken twice")
            .into_inner()
    }

    /// Takes the task at `front`, if that is still the oldest.
    fn take_front(&self, front: usize) -> Option<T> {
        // ORDERING: as crossbeam's; see the top of this file.
        self.front
            .compare_exchange(front, front + 1, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
            .then(|| self.take(front))
    }
}

/// The owner's end of a work-stealing deque: last in, first out.
pub(crate) struct Deque<T>(Owner<T>);

enum Owner<T> {
    Native(crossbeam_deque::Worker<T>),
    Modelled {
        shared: Arc<Shared<T>>,
        /// What only the owner writes, it need not load.
        back: std::cell::Cell<usize>,
    },
}

impl<T> Deque<T> {
    pub(crate) fn new_lifo() -> Self {
        Self(match context::current() {
            None => Owner::Native(crossbeam_deque::Worker::new_lifo()),
            Some(_) => Owner::Modelled {
                shared: Arc::new(Shared {
                    front: AtomicUsize::new(START),
                    back: AtomicUsize::new(START),
                    slots: Default::default(),
                }),
                back: std::cell::Cell::new(START),
            },
        })
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(match &self.0 {
            Owner::Native(native) => Thief::Native(native.stealer()),
            Owner::Modelled { shared, .. } => Thief::Modelled(Arc::clone(shared)),
        })
    }

    pub(crate) fn push(&self, task: T) {
        match &self.0 {
            Owner::Native(native) => {
                context::refuse_native("deque");
                native.push(task);
            }
            Owner::Modelled { shared, back } => {
                let b = back.get();
                shared.put(b, task);
                // ORDERING: the fence and the Relaxed store pair with the
                // Acquire load of `back` in `steal`: who sees the index sees the task.
                fence(Ordering::Release);
                back.set(b + 1);
                shared.back.store(b + 1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let (shared, back) = match &self.0 {
            Owner::Native(native) => {
                context::refuse_native("deque");
                return native.pop();
            }
            Owner::Modelled { shared, back } => (shared, back),
        };
        // ORDERING: Relaxed, a front that is too old is corrected below; one
        // that shows an empty deque needs no order to be believed.
        if back.get() <= shared.front.load(Ordering::Relaxed) {
            return None;
        }
        let newest = back.get() - 1;
        back.set(newest);
        shared.back.store(newest, Ordering::Relaxed);
        // ORDERING: the fence pairs with the one in `steal`: the thief sees the
        // new `back`, or the owner sees the new `front`.
        fence(Ordering::SeqCst);
        let front = shared.front.load(Ordering::Relaxed);
        if front < newest {
            return Some(shared.take(newest));
        }
        // The last task, or none: the exchange on `front` decides.
        let task = (front == newest)
            .then(|| shared.take_front(front))
            .flatten();
        back.set(newest + 1);
        // ORDERING: Relaxed, nothing new is published.
        shared.back.store(newest + 1, Ordering::Relaxed);
        task
    }

    /// Steals from a native injector into this native deque.
    pub(super) fn fill_from(&self, injector: &crossbeam_deque::Injector<T>) -> Steal<T> {
        match &self.0 {
            Owner::Native(native) => injector.steal_batch_and_pop(native),
            Owner::Modelled { .. } => {
                panic!("raddle model: the injector is native and the deque is not")
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Owner::Native(native) => native.len(),
            Owner::Modelled { shared, back } => {
                // ORDERING: as in crossbeam; loom takes it for an Acquire.
                back.get()
                    .saturating_sub(shared.front.load(Ordering::SeqCst))
            }
        }
    }
}

/// The thieves' end of a [`Deque`]: oldest first.
pub(crate) struct Stealer<T>(Thief<T>);

enum Thief<T> {
    Native(crossbeam_deque::Stealer<T>),
    Modelled(Arc<Shared<T>>),
}

impl<T> Stealer<T> {
    /// The index of the oldest task, and how many there are.
    fn look(shared: &Shared<T>) -> (usize, usize) {
        // ORDERING: Acquire pairs with the exchanges of other takers.
        let front = shared.front.load(Ordering::Acquire);
        // ORDERING: pairs with the fence in `pop`.
        fence(Ordering::SeqCst);
        // ORDERING: Acquire pairs with the release fence in `push`.
        let back = shared.back.load(Ordering::Acquire);
        (front, back.saturating_sub(front))
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        match &self.0 {
            Thief::Native(native) => {
                context::refuse_native("stealer");
                native.steal()
            }
            Thief::Modelled(shared) => match Self::look(shared) {
                (_, 0) => Steal::Empty,
                (front, _) => shared
                    .take_front(front)
                    .map_or(Steal::Retry, Steal::Success),
            },
        }
    }

    /// Steals a task, and moves at most one more into `dest`.
    pub(crate) fn steal_batch_and_pop(&self, dest: &Deque<T>) -> Steal<T> {
        let (shared, own, back) = match (&self.0, &dest.0) {
            (Thief::Native(native), Owner::Native(dest)) => {
                context::refuse_native("stealer");
                return native.steal_batch_and_pop(dest);
            }
            (Thief::Modelled(shared), Owner::Modelled { shared: own, back }) => (shared, own, back),
            _ => panic!("raddle model: one deque is native and the other is not"),
        };
        if Arc::ptr_eq(shared, own) {
            return dest.pop().map_or(Steal::Empty, Steal::Success);
        }
        let (front, len) = Self::look(shared);
        if len == 0 {
            return Steal::Empty;
        }
        let Some(oldest) = shared.take_front(front) else {
            return Steal::Retry;
        };
        if len == 1 {
            return Steal::Success(oldest);
        }
        // ORDERING: as for the first task.
        fence(Ordering::SeqCst);
        if shared.back.load(Ordering::Acquire) <= front + 1 {
            return Steal::Success(oldest);
        }
        let Some(next) = shared.take_front(front + 1) else {
            return Steal::Success(oldest);
        };
        let b = back.get();
        own.put(b, oldest);
        // ORDERING: as in `push`.
        fence(Ordering::Release);
        back.set(b + 1);
        own.back.store(b + 1, Ordering::Relaxed);
        Steal::Success(next)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Thief::Native(native) => native.len(),
            Thief::Modelled(shared) => Self::look(shared).1,
        }
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Thief::Native(native) => Thief::Native(native.clone()),
            Thief::Modelled(shared) => Thief::Modelled(Arc::clone(shared)),
        })
    }
}

impl<T> fmt::Debug for Deque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Deque { .. }")
    }
}

impl<T> fmt::Debug for Stealer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Stealer { .. }")
    }
}
