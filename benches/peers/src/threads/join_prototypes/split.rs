//! A split deque, as in Lace (van Dijk and van de Pol, 2014).
//!
//! ```text
//!   0 .. tail      taken by thieves
//!   tail .. split  to be taken: one word, tail | split, which thieves change by CAS
//!   split .. head  its owner's alone
//! ```
//!
//! A thief that finds nothing sets `is_wanted`; the next join of the owner moves
//! the split to the middle of what is private.

use std::cell::Cell;
use std::ptr::{null, null_mut};
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

use super::{AbortOnUnwind, Crew, Half, Job, Worker, wait_for, want};

/// More halves than that wait in nobody's program: deeper joins run in turn.
const CAPACITY: usize = 4096;

#[repr(align(128))]
pub struct Shared {
    /// Only its owner's: where the next half goes.
    head: Private,
    /// Only its owner's: the split, as it last was.
    split: Private,
    is_wanted: AtomicBool,
    ends: Ends,
    halves: Box<[AtomicPtr<Job>; CAPACITY]>,
}

#[derive(Default)]
struct Private(Cell<usize>);

// SAFETY: only the thread that entered as this worker reads or writes it.
unsafe impl Sync for Private {}

/// `tail << 32 | split`.
#[derive(Default)]
#[repr(align(128))]
struct Ends(AtomicU64);

fn parts(ends: u64) -> (usize, usize) {
    ((ends >> 32) as usize, ends as u32 as usize)
}

fn word(tail: usize, split: usize) -> u64 {
    (tail as u64) << 32 | split as u64
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            head: Private::default(),
            split: Private::default(),
            is_wanted: AtomicBool::new(false),
            ends: Ends::default(),
            halves: Box::new([const { AtomicPtr::new(null_mut()) }; CAPACITY]),
        }
    }
}

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
            let ends = other.ends.0.load(Acquire);
            let (tail, split) = parts(ends);
            if tail >= split {
                want(&other.is_wanted);
                continue;
            }
            let taken = word(tail + 1, split);
            let is_ours = other.ends.0.compare_exchange(ends, taken, AcqRel, Relaxed);
            if is_ours.is_ok() {
                // The owner reuses the place only after this half is done.
                let job = other.halves[tail].load(Relaxed);
                // SAFETY: taken by us alone; its owner waits.
                unsafe { ((*job).run)(job) };
                return true;
            }
        }
        false
    }
}

impl Shared {
    /// Moves the split to the middle of what is private.
    #[cold]
    fn grow(&self) {
        self.is_wanted.store(false, Relaxed);
        let (head, split) = (self.head.0.get(), self.split.0.get());
        let further = (head - split).div_ceil(2);
        // Only the owner changes the split, so it can be added to.
        self.ends.0.fetch_add(further as u64, AcqRel);
        self.split.0.set(split + further);
    }

    /// Whether the half at `at`, which is beyond the split, is ours again; if not,
    /// it is done when this returns.
    #[cold]
    fn reclaim(&self, at: usize, job: &Job) -> bool {
        let mut ends = self.ends.0.load(Acquire);
        loop {
            let (tail, split) = parts(ends);
            if tail > at {
                break;
            }
            // Back to the middle, and at least this one.
            let middle = usize::midpoint(tail, split).min(at);
            let back = word(tail, middle);
            match self
                .ends
                .0
                .compare_exchange_weak(ends, back, AcqRel, Acquire)
            {
                Ok(_) => {
                    self.split.0.set(middle);
                    return true;
                }
                Err(now) => ends = now,
            }
        }
        // All up to here is taken. While we wait, our own joins start behind it.
        self.head.0.set(at + 1);
        let (first, count, me) = ALL.get();
        // SAFETY: the crew outlives the work that it runs.
        let workers = unsafe { std::slice::from_raw_parts(first, count) };
        wait_for(job, workers, me);
        // Nobody can take while tail and split are equal, so this store is alone.
        self.ends.0.store(word(at, at), Relaxed);
        self.head.0.set(at);
        self.split.0.set(at);
        false
    }
}

/// `join`, which needs no context.
///
/// With `MOST` private halves, the next joins run in turn: thieves take the
/// oldest, so the deepest need not be there.
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
        let at = worker.head.0.get();
        if MOST < CAPACITY {
            if at - worker.split.0.get() < MOST && at < CAPACITY {
                return self.join_rarely(worker, a, b);
            }
            if worker.is_wanted.load(Relaxed) {
                worker.grow();
            }
            return (a(self), b(self));
        }
        if at >= CAPACITY {
            return (a(self), b(self));
        }
        self.join_by(worker, at, a, b)
    }

    /// Apart from the joins that run in turn, so that those have a small frame.
    #[inline(never)]
    fn join_rarely<A: Send, B: Send>(
        self,
        worker: &Shared,
        a: impl FnOnce(Self) -> A + Send,
        b: impl FnOnce(Self) -> B + Send,
    ) -> (A, B) {
        self.join_by(worker, worker.head.0.get(), a, b)
    }

    #[inline(always)]
    fn join_by<A: Send, B: Send>(
        self,
        worker: &Shared,
        at: usize,
        a: impl FnOnce(Self) -> A + Send,
        b: impl FnOnce(Self) -> B + Send,
    ) -> (A, B) {
        let half = Half::new(move || b(self), ());
        worker.halves[at].store((&raw const half.head.job).cast_mut(), Relaxed);
        worker.head.0.set(at + 1);
        if worker.is_wanted.load(Relaxed) {
            worker.grow();
        }
        let guard = AbortOnUnwind;
        let a = a(self);
        let b = if at >= worker.split.0.get() || worker.reclaim(at, &half.head.job) {
            worker.head.0.set(at);
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
