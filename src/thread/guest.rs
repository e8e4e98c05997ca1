//! A thread from outside that works for a pool while it waits for it.
//!
//! `join`, `scope` and the `par_` calls need not hand their work over: their
//! caller becomes a *guest*, a temporary worker with a slot of its own (lane and
//! deque), and does what nobody steals from it.
//!
//! ```text
//!   enter: the pool is shut down? ──► alone: does without the pool
//!     │ no: counted
//!     ▼
//!   take a free slot ──► take a permit, if one is idle ──► work ◄──► wait: give the
//!                                                            │       permit away, look,
//!                                                            ▼       step out
//!   leave: uncounted, the last one looks for the end ◄── give the permit back, look
//! ```
//!
//! 1. A guest takes a permit if one is idle, so that with it no more threads work
//!    than the pool has workers; if none is, it works all the same, being a thread
//!    that the program has anyway.
//! 2. It blocks as a worker does: it gives its permit away, and looks.
//! 3. It takes no tasks, so the caller gets no job of a stranger's; what it
//!    submits lies in its own deque, where workers find it, also after it is gone.
//! 4. The pool does not end while a guest is in it. Guests are counted under a lock,
//!    and the end holds the lock from its look at the count to its mark. Nobody enters
//!    once the intake is closed, so the count comes to 0. One that waits steps out: what it
//!    waits for may be the end. When it goes on and the pool has ended, its children
//!    run in its own thread, and nobody steals its halves.
//! 5. It may be a worker of another pool, or of this one's guest already: the hook
//!    passes on what concerns the thread's other pools.

use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::core::{Core, Intake};
use super::worker::{WORKER, Worker};
use crate::primitive::block::{self, BlockHook, BlockedOn, LastResort, with_hook};
use crate::primitive::unmodelled::OnceLock;
use crate::primitive::{Mutex, fork, mutant};

use crate::primitive::atomic::{AtomicUsize, Ordering};

use Ordering::{Acquire, Release};

/// So many threads from outside may work for a pool at once. A further one runs its
/// joins and loops alone, as this many keep the pool busy.
pub(super) const GUESTS_MAX: usize = if cfg!(raddle_loom) { 1 } else { 64 };

/// Who is there.
#[derive(Debug)]
struct Present {
    /// Of the slots that are free, the smallest index last.
    free: Vec<usize>,
    /// So many threads the end of the pool waits for.
    inside: usize,
}

/// The slots of a pool's guests.
#[derive(Debug)]
pub(super) struct Guests {
    present: Mutex<Present>,
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
            present: Mutex::new(Present {
                free: (first..first + GUESTS_MAX).rev().collect(),
                inside: 0,
            }),
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

    /// The slots whose guests are there now, those that have stepped out included.
    pub(super) fn present(&self) -> Vec<usize> {
        let used = self.used();
        let present = self.present.lock();
        used.filter(|index| !present.free.contains(index)).collect()
    }

    /// Calls `end` if nobody is inside, and lets nobody in meanwhile.
    pub(super) fn if_none(&self, end: impl FnOnce()) {
        let present = self.present.lock();
        if present.inside == 0 || mutant("guest-unseen-by-the-end") {
            end();
        }
    }
}

/// How a thread from outside may take part.
pub(super) enum Visitor<'a> {
    /// As a worker.
    Working(&'a Worker),
    /// There are too many guests: it may submit, and not work. The end of the pool
    /// does not wait for it.
    Beside,
    /// The pool is shut down.
    Alone,
}

impl<'a> Visitor<'a> {
    pub(super) fn worker(&self) -> Option<&'a Worker> {
        match self {
            Self::Working(worker) => Some(worker),
            Self::Beside | Self::Alone => None,
        }
    }
}

impl Core {
    /// Counts this thread in, if a slot is free. Not once the pool takes no tasks any
    /// more: threads that come and go would keep it from its end for ever.
    fn let_in(&self) -> Result<usize, Visitor<'static>> {
        let mut present = self.guests.present.lock();
        if self.intake() != Intake::Open {
            return Err(Visitor::Alone);
        }
        let index = present.free.pop().ok_or(Visitor::Beside)?;
        present.inside += 1;
        Ok(index)
    }

    /// Counts this thread out.
    fn let_out(&self, slot: Option<usize>) {
        let is_last = {
            let mut present = self.guests.present.lock();
            present.free.extend(slot);
            present.inside -= 1;
            present.inside == 0
        };
        // An intake that closes later is followed by a look of the closer's, who
        // finds this thread gone.
        if is_last && self.intake() != Intake::Open && !mutant("guest-leaves-without-end") {
            self.sleep.visitor_left(self);
        }
    }

    /// This thread is about to wait, and the end of the pool does not wait for it.
    pub(super) fn step_out(&self) {
        self.let_out(None);
    }

    /// It goes on. If the pool has ended meanwhile, the count means nothing.
    pub(super) fn step_in(&self) {
        self.guests.present.lock().inside += 1;
    }
}

/// A guest's time in its pool; it leaves when this is dropped.
struct Visit(ManuallyDrop<Worker>);

/// Calls `body` with this thread as a guest of the pool, if that can be.
pub(super) fn visit<R>(core: &Arc<Core>, body: impl FnOnce(Visitor<'_>) -> R) -> R {
    if fork::is_forked(core.id) {
        return body(Visitor::Alone);
    }
    let index = match core.let_in() {
        Ok(index) => index,
        Err(visitor) => return body(visitor),
    };
    let slot = &core.slots[index];
    slot.furnish();
    // ORDERING: Release pairs with the Acquire in `used`.
    core.guests.used.fetch_max(index + 1, Release);
    core.guests.any.get_or_init(|| ());
    let Some(deque) = slot.deque.lock().take() else {
        debug_assert!(false, "slot {index} has no deque");
        core.let_out(None);
        return body(Visitor::Beside);
    };
    let worker = Worker::guest(Arc::clone(core), index, deque, WORKER.get().cast());
    let visit = Visit(ManuallyDrop::new(worker));
    let worker: &Worker = &visit.0;
    WORKER.set(ptr::from_ref(worker).cast());
    block::current(|below| {
        let hook = GuestHook { worker, below };
        with_hook(&hook, || {
            worker.takes_permit();
            body(Visitor::Working(worker))
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
        core.let_out(Some(index));
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

    fn help(&self, task: NonNull<()>, is_over: &dyn Fn() -> bool) {
        self.worker.help(task, is_over);
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
