//! A thread from outside that works for a pool while it waits for it.
//!
//! `join`, `scope` and the `par_` calls need not hand their work over: their
//! caller becomes a *guest*, a temporary worker with a slot of its own (lane and
//! deque), and does what nobody steals from it.
//!
//! ```text
//!   enter: take a free slot ──► take a permit, if one is idle ──► work
//!                                                                  │
//!   leave: give the slot back ◄── give the permit back, look ◄─────┘
//! ```
//!
//! 1. A guest takes a permit if one is idle, so that with it no more threads work
//!    than the pool has workers; if none is, it works all the same, being a thread
//!    that the program has anyway.
//! 2. It blocks as a worker does: it gives its permit away, and looks.
//! 3. It takes no tasks, so the caller gets no job of a stranger's; what it
//!    submits lies in its own deque, where workers find it, also after it is gone.
//! 4. What it pushes after the pool has ended it discards itself, as any outsider.
//! 5. It may be a worker of another pool, or of this one's guest already: the hook
//!    passes on what concerns the thread's other pools.

use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::core::Core;
use super::worker::{WORKER, Worker};
use crate::primitive::block::{self, BlockHook, BlockedOn, LastResort, with_hook};
use crate::primitive::unmodelled::OnceLock;
use crate::primitive::{Mutex, fork, mutant};

use crate::primitive::atomic::{AtomicUsize, Ordering};

use Ordering::{Acquire, Release};

/// So many threads from outside may work for a pool at once. A further one does
/// without the pool, as this many keep it busy.
pub(super) const GUESTS_MAX: usize = if cfg!(raddle_loom) { 1 } else { 64 };

/// The slots of a pool's guests.
#[derive(Debug)]
pub(super) struct Guests {
    /// Of the slots that are free, the smallest index last.
    free: Mutex<Vec<usize>>,
    /// Slots from `first` up to this one have had a guest.
    used: AtomicUsize,
    /// There was one: pools that never have any look no further.
    any: OnceLock<()>,
    first: usize,
}

impl Guests {
    /// Their slots follow those of the pool's threads.
    pub(super) fn new(first: usize) -> Self {
        Self {
            free: Mutex::new((first..first + GUESTS_MAX).rev().collect()),
            used: AtomicUsize::new(first),
            any: OnceLock::new(),
            first,
        }
    }

    /// The slots that have had a guest.
    pub(super) fn used(&self) -> std::ops::Range<usize> {
        if self.any.get().is_none() {
            return self.first..self.first;
        }
        // ORDERING: Acquire pairs with the Release in `visit`: who sees the index
        // sees the slot furnished.
        self.first..self.used.load(Acquire)
    }
}

/// A guest's time in its pool; it leaves when this is dropped.
struct Visit(ManuallyDrop<Worker>);

/// Calls `body` with this thread as a guest of the pool; with `None`, if there are
/// too many.
pub(super) fn visit<R>(core: &Arc<Core>, body: impl FnOnce(Option<&Worker>) -> R) -> R {
    if fork::is_forked(core.id) {
        return body(None);
    }
    let Some(index) = core.guests.free.lock().pop() else {
        return body(None);
    };
    let slot = &core.slots[index];
    slot.furnish();
    // ORDERING: Release pairs with the Acquire in `used`.
    core.guests.used.fetch_max(index + 1, Release);
    core.guests.any.get_or_init(|| ());
    let Some(deque) = slot.deque.lock().take() else {
        debug_assert!(false, "slot {index} has no deque");
        return body(None);
    };
    let worker = Worker::guest(Arc::clone(core), index, deque, WORKER.get().cast());
    let visit = Visit(ManuallyDrop::new(worker));
    let worker: &Worker = &visit.0;
    WORKER.set(ptr::from_ref(worker).cast());
    block::current(|below| {
        let hook = GuestHook { worker, below };
        with_hook(&hook, || {
            worker.takes_permit();
            body(Some(worker))
        })
    })
}

impl Drop for Visit {
    fn drop(&mut self) {
        WORKER.set(self.0.below().cast());
        if fork::is_forked(self.0.core().id) {
            // The pool's locks are copies, in whatever state. The deque leaks.
            return;
        }
        if !mutant("guest-leaves-with-its-permit") {
            self.0.gives_permit_back();
        }
        // SAFETY: the worker is not used again.
        let worker = unsafe { ManuallyDrop::take(&mut self.0) };
        let (core, index) = (Arc::clone(worker.core()), worker.index());
        *core.slots[index].deque.lock() = Some(worker.into_deque());
        core.guests.free.lock().push(index);
    }
}

/// What a guest's waits tell its pool, and the pool that it works for besides.
struct GuestHook<'a> {
    worker: &'a Worker,
    below: Option<&'a dyn BlockHook>,
}

impl BlockHook for GuestHook<'_> {
    fn pool(&self) -> u32 {
        self.worker.pool()
    }

    fn worker(&self) -> usize {
        self.worker.index()
    }

    fn serving(&self, pool: u32) -> Option<&dyn BlockHook> {
        if pool == self.worker.pool() {
            return Some(self);
        }
        self.below.and_then(|below| below.serving(pool))
    }

    fn is_guest(&self) -> bool {
        true
    }

    fn block_starts(&self, on: BlockedOn) {
        if let Some(below) = self.below {
            below.block_starts(on.clone());
        }
        self.worker.block_starts(on);
    }

    fn block_ends(&self) {
        self.worker.block_ends();
        if let Some(below) = self.below {
            below.block_ends();
        }
    }

    fn offer(&self, offer: &Arc<LastResort>) {
        self.worker.core().offers.add(offer);
        if let Some(below) = self.below {
            below.offer(offer);
        }
    }

    fn withdraw(&self, offer: &Arc<LastResort>) {
        self.worker.core().offers.remove(offer);
        if let Some(below) = self.below {
            below.withdraw(offer);
        }
    }

    unsafe fn run_claimed(&self, task: NonNull<()>) {
        // SAFETY: the caller's contract is the same.
        unsafe { self.worker.run_claimed(task) };
    }
}
