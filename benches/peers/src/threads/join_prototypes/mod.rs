//! Where a join keeps its second half: two ways, built to be measured.
//!
//! Prototypes, behind the feature `prototypes`: they show what the fast path of
//! each way costs, and no more. A panic ends the process, idle threads spin
//! while somebody computes, and only threads of the crew may join.
#![allow(unsafe_code, reason = "a join lends its stack")]

pub mod list;
pub mod split;

use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// What a thief needs to run: the head of every `Half`.
#[repr(C)]
struct Job {
    run: unsafe fn(*const Job),
    state: AtomicU8,
}

/// Nobody else knows of it.
const PRIVATE: u8 = 0;
/// A thief may have it.
const EXPOSED: u8 = 1;
/// A thief has run it, and its result is there.
const DONE: u8 = 2;

impl Job {
    fn is_done(&self) -> bool {
        self.state.load(Acquire) == DONE
    }
}

/// A job and what its owner keeps beside it.
#[repr(C)]
struct Head<X> {
    job: Job,
    own: X,
}

/// The second half of a join, in the frame of its owner.
#[repr(C)]
struct Half<F, R, X> {
    head: Head<X>,
    f: UnsafeCell<ManuallyDrop<F>>,
    result: UnsafeCell<MaybeUninit<R>>,
}

impl<F: FnOnce() -> R, R, X> Half<F, R, X> {
    #[inline(always)]
    fn new(f: F, own: X) -> Self {
        let job = Job {
            run: Self::run,
            state: AtomicU8::new(PRIVATE),
        };
        Self {
            head: Head { job, own },
            f: UnsafeCell::new(ManuallyDrop::new(f)),
            result: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    unsafe fn run(job: *const Job) {
        let guard = AbortOnUnwind;
        // SAFETY: `job` is the head of a `Half` of this type, whose owner waits.
        let half = unsafe { &*job.cast::<Self>() };
        let result = half.here();
        // SAFETY: the owner reads it only once it is done.
        unsafe { (*half.result.get()).write(result) };
        half.head.job.state.store(DONE, Release);
        std::mem::forget(guard);
    }

    /// Runs it; only once, by whoever took it.
    #[inline(always)]
    fn here(&self) -> R {
        // SAFETY: whoever calls has taken it, so that nobody else does.
        let f = unsafe { ManuallyDrop::take(&mut *self.f.get()) };
        f()
    }

    /// Its result, when a thief has run it.
    fn taken(&self) -> R {
        assert!(self.head.job.is_done());
        // SAFETY: written before it was done, and read once.
        unsafe { (*self.result.get()).assume_init_read() }
    }
}

/// Costs nothing unless something unwinds: the landing pad that a real join has.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    #[cold]
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// A worker's part that others see.
trait Worker: Default + Send + Sync + 'static {
    /// This thread is `workers[at]` from now on, or no longer.
    fn enter(workers: &[Self], at: Option<usize>);

    /// Takes one half from another, if there is one, and runs it.
    fn look(workers: &[Self], at: usize) -> bool;
}

/// Threads, of which the caller is the first.
struct Crew<W> {
    workers: Arc<Vec<W>>,
    phase: Arc<Phase>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Phase {
    is_active: AtomicBool,
    is_ended: Mutex<bool>,
    changed: Condvar,
}

impl<W: Worker> Crew<W> {
    fn start(count: usize) -> Self {
        let workers: Arc<Vec<W>> = Arc::new((0..count).map(|_| W::default()).collect());
        let phase = Arc::new(Phase::default());
        let threads = (1..count)
            .map(|at| {
                let (workers, phase) = (Arc::clone(&workers), Arc::clone(&phase));
                std::thread::spawn(move || {
                    W::enter(&workers, Some(at));
                    Self::work(&workers, at, &phase);
                })
            })
            .collect();
        Self {
            workers,
            phase,
            threads,
        }
    }

    fn work(workers: &[W], at: usize, phase: &Phase) {
        loop {
            let mut vain = 0;
            while phase.is_active.load(Acquire) {
                vain = if W::look(workers, at) { 0 } else { vain + 1 };
                rest(vain);
            }
            let is_ended = phase.is_ended.lock().unwrap();
            let is_quiet = |is_ended: &mut bool| !*is_ended && !phase.is_active.load(Acquire);
            if *phase.changed.wait_while(is_ended, is_quiet).unwrap() {
                return;
            }
        }
    }

    fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.set(true, false);
        W::enter(&self.workers, Some(0));
        let result = f();
        W::enter(&self.workers, None);
        self.set(false, false);
        result
    }

    fn set(&self, is_active: bool, is_ended: bool) {
        *self.phase.is_ended.lock().unwrap() = is_ended;
        self.phase.is_active.store(is_active, Release);
        self.phase.changed.notify_all();
    }
}

impl<W> Drop for Crew<W> {
    fn drop(&mut self) {
        *self.phase.is_ended.lock().unwrap() = true;
        self.phase.changed.notify_all();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

/// After so many looks in vain.
fn rest(vain: u32) {
    if vain > 64 {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

/// Runs others' halves until this one is done.
#[cold]
fn wait_for<W: Worker>(job: &Job, workers: &[W], at: usize) {
    let mut vain = 0;
    while !job.is_done() {
        vain = if W::look(workers, at) { 0 } else { vain + 1 };
        rest(vain);
    }
}

/// Says once to a busy worker that somebody is idle.
fn want(wanted: &AtomicBool) {
    if !wanted.load(Relaxed) {
        wanted.store(true, Relaxed);
    }
}
