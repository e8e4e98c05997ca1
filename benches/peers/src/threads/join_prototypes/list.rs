//! A private list through the frames; its oldest half is exposed on demand.
//!
//! ```text
//!   newest -> half -> half -> half (exposed) -> half (exposed) -> end
//!                                      slot: one that thieves may take
//! ```
//!
//! A half of the list is its owner's alone until somebody wants one: then the
//! next join puts the oldest that is not yet exposed into the slot.

use std::cell::Cell;
use std::ptr::{null, null_mut};
use std::sync::atomic::{
    AtomicBool, AtomicPtr,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use super::{AbortOnUnwind, Crew, EXPOSED, Half, Head, Job, PRIVATE, Worker, wait_for, want};

/// A place in the list: a half, and the one before it.
type Node = Head<*const Job>;

#[derive(Default)]
#[repr(align(128))]
pub struct Shared {
    /// Only its owner's.
    newest: Newest,
    /// Only its owner's: how many of the list are private.
    count: Count,
    /// Set by who has nothing to do. Beside `newest`: read at each join.
    is_wanted: AtomicBool,
    slot: Slot,
}

struct Newest(Cell<*const Node>);

impl Default for Newest {
    fn default() -> Self {
        Self(Cell::new(null()))
    }
}

// SAFETY: only the thread that entered as this worker reads or writes it.
unsafe impl Sync for Newest {}
// SAFETY: as above.
unsafe impl Send for Newest {}

#[derive(Default)]
struct Count(Cell<usize>);

// SAFETY: as above.
unsafe impl Sync for Count {}

#[derive(Default)]
#[repr(align(128))]
struct Slot(AtomicPtr<Job>);

thread_local! {
    static CURRENT: Cell<*const Shared> = const { Cell::new(null()) };
    static ALL: Cell<(*const Shared, usize, usize)> = const { Cell::new((null(), 0, 0)) };
}

impl Worker for Shared {
    fn enter(workers: &[Self], at: Option<usize>) {
        CURRENT.set(at.map_or(null(), |at| &raw const workers[at]));
        ALL.set((workers.as_ptr(), workers.len(), at.unwrap_or(0)));
    }

    fn look(workers: &[Self], at: usize) -> bool {
        for step in 1..workers.len() {
            let other = &workers[(at + step) % workers.len()];
            if other.slot.0.load(Relaxed).is_null() {
                want(&other.is_wanted);
                continue;
            }
            let job = other.slot.0.swap(null_mut(), AcqRel);
            if !job.is_null() {
                // SAFETY: taken from the slot by us alone; its owner waits.
                unsafe { ((*job).run)(job) };
                return true;
            }
        }
        false
    }
}

impl Shared {
    /// Puts the oldest half that is still private into the slot.
    #[cold]
    fn expose(&self) {
        self.is_wanted.store(false, Relaxed);
        if !self.slot.0.load(Acquire).is_null() {
            return;
        }
        let (mut oldest, mut node) = (null(), self.newest.0.get());
        // SAFETY: nodes of the list are in frames below this one.
        while let Some(this) = unsafe { node.as_ref() } {
            if this.job.state.load(Relaxed) != PRIVATE {
                break;
            }
            (oldest, node) = (node, this.own.cast());
        }
        // SAFETY: as above.
        if let Some(oldest) = unsafe { oldest.as_ref() } {
            let oldest: &Node = oldest;
            oldest.job.state.store(EXPOSED, Relaxed);
            self.count.0.set(self.count.0.get().wrapping_sub(1));
            self.slot
                .0
                .store((&raw const oldest.job).cast_mut(), Release);
        }
    }

    /// Whether an exposed half is ours again; if not, it is done when this returns.
    #[cold]
    fn reclaim(&self, job: &Job) -> bool {
        let mine = (&raw const *job).cast_mut();
        let is_ours = self
            .slot
            .0
            .compare_exchange(mine, null_mut(), AcqRel, Acquire);
        if is_ours.is_err() {
            let (first, count, at) = ALL.get();
            // SAFETY: the crew outlives the work that it runs.
            let workers = unsafe { std::slice::from_raw_parts(first, count) };
            wait_for(job, workers, at);
        }
        is_ours.is_ok()
    }
}

/// `join`, which needs no context.
///
/// With `MOST` private halves in the list, the next joins run in turn: thieves
/// take the oldest, so the deepest need not be in it.
#[derive(Clone, Copy)]
pub struct Join<const MOST: usize>;

impl<const MOST: usize> Join<MOST> {
    #[inline(always)]
    pub fn join<A: Send, B: Send>(
        self,
        a: impl FnOnce(Self) -> A + Send,
        b: impl FnOnce(Self) -> B + Send,
    ) -> (A, B) {
        let current = CURRENT.get();
        if current.is_null() {
            return (a(self), b(self));
        }
        // SAFETY: set by the crew, which outlives the work that it runs.
        let worker = unsafe { &*current };
        if MOST < usize::MAX {
            if worker.count.0.get() < MOST {
                return self.join_rarely(worker, a, b);
            }
            if worker.is_wanted.load(Relaxed) {
                worker.expose();
            }
            return (a(self), b(self));
        }
        self.join_by(worker, a, b)
    }

    /// Apart from the joins that run in turn, so that those have a small frame.
    #[inline(never)]
    fn join_rarely<A: Send, B: Send>(
        self,
        worker: &Shared,
        a: impl FnOnce(Self) -> A + Send,
        b: impl FnOnce(Self) -> B + Send,
    ) -> (A, B) {
        worker.count.0.set(worker.count.0.get() + 1);
        self.join_by(worker, a, b)
    }

    #[inline(always)]
    fn join_by<A: Send, B: Send>(
        self,
        worker: &Shared,
        a: impl FnOnce(Self) -> A + Send,
        b: impl FnOnce(Self) -> B + Send,
    ) -> (A, B) {
        let half = Half::new(move || b(self), worker.newest.0.get().cast());
        worker.newest.0.set(&raw const half.head);
        if worker.is_wanted.load(Relaxed) {
            worker.expose();
        }
        let guard = AbortOnUnwind;
        let a = a(self);
        worker.newest.0.set(half.head.own.cast());
        let is_private = half.head.job.state.load(Relaxed) == PRIVATE;
        if MOST < usize::MAX && is_private {
            worker.count.0.set(worker.count.0.get() - 1);
        }
        let b = if is_private || worker.reclaim(&half.head.job) {
            half.here()
        } else {
            half.taken()
        };
        std::mem::forget(guard);
        (a, b)
    }
}

/// Threads that join so.
pub struct Pool(Crew<Shared>);

impl Pool {
    pub fn start(threads: usize) -> Self {
        Self(Crew::start(threads))
    }

    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.run(f)
    }
}
