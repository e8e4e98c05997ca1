//! The injector on loom's atomics, no stronger than crossbeam-deque.
//!
//! ```text
//!   head              tail
//!    ▼                 ▼
//!   ┌────┬────┬────┬────┬────┐   `push` moves tail, then writes the task and
//!   │task│task│ …  │    │    │   marks its slot; `steal` moves head, then waits
//!   └────┴────┴────┴────┴────┘   for the mark
//! ```
//!
//! One block of a few slots, each used once. The orderings are those of
//! crossbeam-deque 0.8: `is_empty` and `len` load both indices SeqCst, which loom
//! takes for Acquire; only a steal that finds nothing contains a SeqCst fence.

use std::fmt;
use std::sync::Mutex;

use super::atomics::{AtomicBool, AtomicUsize, Ordering, fence};
use super::cell::UnsafeCell;
use super::context;
use super::park::plain;
use super::thread::spin_hint;
use crate::primitive::native::{self, Chute};
use crossbeam_deque::Steal;

/// How many tasks one execution of a model may push.
const CAPACITY: usize = 8;

struct Slot<T> {
    written: AtomicBool,
    task: Mutex<Option<UnsafeCell<T>>>,
}

/// The queue where outsiders put jobs: first in, first out.
pub(crate) struct Injector<T>(Queue<T>);

enum Queue<T> {
    Native(native::Injector<T>),
    Modelled(Slots<T>),
}

struct Slots<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: [Slot<T>; CAPACITY],
}

impl<T> Slots<T> {
    fn push(&self, task: T) {
        // ORDERING: as in crossbeam, whose block pointers need the Acquire.
        let mut tail = self.tail.load(Ordering::Acquire);
        while let Err(newer) =
            self.tail
                .compare_exchange(tail, tail + 1, Ordering::SeqCst, Ordering::Acquire)
        {
            tail = newer;
        }
        let slot = self.slots.get(tail).unwrap_or_else(|| {
            panic!("raddle model: an injector of a model takes {CAPACITY} tasks in all")
        });
        *plain(&slot.task) = Some(UnsafeCell::new(task));
        // ORDERING: Release pairs with the Acquire in `take`.
        slot.written.fetch_or(true, Ordering::Release);
    }

    /// The index of the oldest task, and how many there are.
    fn look(&self) -> (usize, usize) {
        // ORDERING: Acquire pairs with the exchanges of other thieves.
        let head = self.head.load(Ordering::Acquire);
        // ORDERING: whoever pushes before its own SeqCst fence is seen by a
        // steal whose fence comes later.
        fence(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::Relaxed);
        (head, tail.saturating_sub(head))
    }

    /// Takes the `count` oldest tasks, if `head` is still the oldest.
    fn claim(&self, head: usize, count: usize) -> bool {
        self.head
            .compare_exchange(head, head + count, Ordering::SeqCst, Ordering::Acquire)
            .is_ok()
    }

    fn take(&self, index: usize) -> T {
        let slot = &self.slots[index];
        // ORDERING: Acquire pairs with the Release in `push`.
        while !slot.written.load(Ordering::Acquire) {
            spin_hint();
        }
        let cell = plain(&slot.task).take();
        cell.expect("raddle model: a task of an injector is taken twice")
            .into_inner()
    }

    fn len(&self) -> usize {
        loop {
            // ORDERING: as in crossbeam: a length between two equal tails.
            let tail = self.tail.load(Ordering::SeqCst);
            let head = self.head.load(Ordering::SeqCst);
            if self.tail.load(Ordering::SeqCst) == tail {
                return tail.saturating_sub(head);
            }
        }
    }
}

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self(match context::current() {
            None => Queue::Native(native::Injector::new()),
            Some(_) => Queue::Modelled(Slots {
                head: AtomicUsize::new(0),
                tail: AtomicUsize::new(0),
                slots: std::array::from_fn(|_| Slot {
                    written: AtomicBool::new(false),
                    task: Mutex::new(None),
                }),
            }),
        })
    }

    pub(crate) fn push(&self, task: T) {
        match &self.0 {
            Queue::Native(native) => {
                context::refuse_native("injector");
                native.push(task);
            }
            Queue::Modelled(slots) => slots.push(task),
        }
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        match &self.0 {
            Queue::Native(native) => {
                context::refuse_native("injector");
                native.steal()
            }
            Queue::Modelled(slots) => match slots.look() {
                (_, 0) => Steal::Empty,
                (head, _) if slots.claim(head, 1) => Steal::Success(slots.take(head)),
                _ => Steal::Retry,
            },
        }
    }

    /// Steals the oldest task; gives at most one more to `keep`.
    pub(crate) fn steal_batch(&self, chute: &Chute<T>, mut keep: impl FnMut(T)) -> Steal<T> {
        let slots = match &self.0 {
            Queue::Native(native) => {
                context::refuse_native("injector");
                return native.steal_batch(chute, keep);
            }
            Queue::Modelled(slots) => slots,
        };
        let (head, len) = slots.look();
        if len == 0 {
            return Steal::Empty;
        }
        let count = len.min(2);
        if !slots.claim(head, count) {
            return Steal::Retry;
        }
        let oldest = slots.take(head);
        if count == 2 {
            keep(slots.take(head + 1));
        }
        Steal::Success(oldest)
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.0 {
            Queue::Native(native) => native.is_empty(),
            Queue::Modelled(slots) => {
                // ORDERING: as in crossbeam; loom takes both for Acquire.
                let head = slots.head.load(Ordering::SeqCst);
                head == slots.tail.load(Ordering::SeqCst)
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Queue::Native(native) => native.len(),
            Queue::Modelled(slots) => slots.len(),
        }
    }
}

impl<T> Default for Injector<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Injector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Injector { .. }")
    }
}
