//! Broadcast: a closure is run once on each worker of the pool.
//!
//! A broadcast is a *round* of as many *shares* as the pool is wide. Each share is
//! addressed to one thread: it lies in the *post* of the thread's slot, which nobody
//! steals from. A round lasts until all of its shares have ended.
//!
//! ```text
//!                  at work, parked, or           blocks first, or leaves:
//!                  waiting in a broadcast        another is looked for
//!   ROUND ─ share ─► POST of an open thread ──────────────┐
//!     │                     │ it looks               ▲    │
//!     │                     ▼                        └────┤
//!     │                  RUNNING ─► ENDED                 │ none, nor a place
//!     │                     ▲                             ▼ for a further one
//!     └── no thread ────────┴── the caller ◄── POST of one that is blocked,
//!                               runs it        or nobody's: the last resort
//! ```
//!
//! # Who takes part
//!
//! The caller, if it is a worker that is not blocked; then the slots in order that are
//! *open*: their thread is at work, parked, or waits in a broadcast. A thread that is
//! blocked in a task has lent its place, and the spare that works there takes part for
//! it. Where too few are open, threads are started. A thread has at most one share of
//! a round (`members`), but for the caller as the last resort: so shares may wait for
//! each other. The shares are in the order of the slots.
//!
//! A share needs no permit. Its thread takes one if one is idle, and else computes
//! beside the others, as one does that is awake again after a wait: guests may have
//! all the permits, and stay.
//!
//! # Two at once
//!
//! Who waits in a broadcast *receives*: it runs what is addressed to it, on top of the
//! wait. That is the one place where a stranger's code runs on top of a wait, so no lock
//! should be held across a broadcast that the closure of another one takes.
//!
//! Rounds whose shares wait for each other (at a barrier) do not cross: *no share lies
//! behind one of a younger round*. Rounds are numbered and delivered one after the other,
//! under the lock `broadcasts`; a post is in the order of the rounds; and a thread that
//! runs a share is not open for one of an older round, which was passed on meanwhile,
//! unless it waits in a broadcast there: then it runs it on top. So each share of the
//! oldest round runs, or is the next of a thread that is not in a broadcast, or is given
//! to another thread. Only the last resort leaves a share to the caller, behind others.
//!
//! # Why no share is forgotten
//!
//! 1. *The thread is at work*: it looks in its search, and at the latest when it parks.
//! 2. *It parks*: it goes onto the list of those parked, and looks at its post, under
//!    the crew's lock; who delivers fills the post, *then* takes that lock and wakes it
//!    if it is on the list. One sees the other.
//! 3. *It blocks*: it says so and empties its post under the post's lock, and looks for
//!    others to have what lay there. Who delivers later finds it blocked.
//! 4. *It leaves*: it closes its post likewise, after it has left the list. A place is
//!    taken again only after that.
//! 5. *It receives*: it registers its parker under the post's lock if the post is empty;
//!    who delivers later unparks it.
//! 6. *Nobody is open, and no thread can be started*: the share stays with one that is
//!    blocked, and its round is told so. The caller takes it from there, unless the
//!    thread is awake again: then it runs it, or blocks once more and tells once more.
//! 7. *The pool ends*: a share in a post is looked at by a thread that lives, or that
//!    closes its post as it leaves; after the end nobody is open, and the caller is the
//!    last resort.
//!
//! # Locks
//!
//! `broadcasts`, then a round's `state`, then a post's, or the crew's. No closure runs
//! and no thread is started under one. All of a round is ordered by its `state`: what a
//! share has written comes with the count that the caller sees at 0.

mod deliver;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::ThreadPool;
use super::core::Core;
use super::worker::{Worker, with_worker};
use crate::error::PanicNote;
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{Mutex, Parker, UnsafeCell, catch_unwind, drop_contained, fork, mutant};
use crate::task::frame;

/// Which of a pool's workers runs a share of a
/// [`broadcast`](ThreadPool::broadcast).
///
/// They are numbered from 0 in the order of the threads. While no worker is blocked,
/// has ended or stands in for another, this is the index that
/// [`on_worker_start`](crate::ThreadPoolBuilder::on_worker_start) is told.
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::new(2)?;
/// assert_eq!(pool.broadcast(|worker| worker.get()), [0, 1]);
/// # Ok::<_, raddle::StartError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerIndex(usize);

impl WorkerIndex {
    /// The index as a number: below the [`width`](ThreadPool::width) that the pool had
    /// when the broadcast began.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(1)?;
    /// let one = ["only"];
    /// assert_eq!(pool.broadcast(|worker| one[worker.get()]), ["only"]);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn get(self) -> usize {
        self.0
    }
}

impl From<WorkerIndex> for usize {
    fn from(index: WorkerIndex) -> Self {
        index.0
    }
}

impl fmt::Display for WorkerIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the shares of one broadcast have in common.
pub(super) struct Round {
    /// Runs a share, and keeps its result.
    run: unsafe fn(*const (), usize),
    /// What `run` wants: it lies on the stack of the caller, who waits.
    call: *const (),
    /// The frame of the task that broadcasts.
    frame: *const (),
    state: Mutex<State>,
    /// The caller's.
    parker: Arc<Parker>,
}

// SAFETY: `call` and `frame` are used only by shares that have not ended, and the
// caller stays until they have; the closure is Sync, and each result has one writer.
unsafe impl Send for Round {}
// SAFETY: as above.
unsafe impl Sync for Round {}

struct State {
    /// Shares that have not ended.
    left: usize,
    /// The slots of threads that have a share, or had one.
    members: Vec<usize>,
    /// What only the caller can run.
    orphans: Vec<Share>,
    /// Slots whose blocked threads have a share that the caller may run.
    stranded: Vec<usize>,
}

/// The part of one worker in a round.
pub(super) struct Share {
    round: Arc<Round>,
    /// The younger the greater; from 1.
    number: u64,
    index: usize,
}

/// A share that its thread is about to run.
pub(super) struct Taken {
    pub(super) share: Share,
    /// The round of the share on top of which it runs, or 0.
    pub(super) covers: u64,
}

impl Share {
    fn new(round: &Arc<Round>, number: u64, index: usize) -> Self {
        Self {
            round: Arc::clone(round),
            number,
            index,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn is_of(&self, round: &Arc<Round>) -> bool {
        Arc::ptr_eq(&self.round, round)
    }

    /// Runs the share, on top of whatever `worker` does.
    fn run(self, core: &Core, worker: Option<&Worker>) {
        let Self { round, index, .. } = self;
        let part = || {
            // SAFETY: the share has not ended, so the caller waits; a share is run
            // once, since it is moved in here.
            unsafe { (round.run)(round.call, index) };
        };
        match worker {
            Some(worker) => worker.on_top(|watch| {
                // SAFETY: as above, for the frame.
                unsafe { frame::run_within(round.frame, watch, part) };
            }),
            // SAFETY: as above.
            None => unsafe { frame::run_within(round.frame, &(), part) },
        }
        if fork::is_forked(core.id) {
            // The round is a copy, and perhaps locked for ever.
            mem::forget(round);
            return;
        }
        let is_last = {
            let mut state = round.state.lock();
            state.left -= 1;
            state.left == 0
        };
        if is_last && !mutant("broadcast-end-without-unpark") {
            round.parker.unpark();
        }
    }
}

impl Round {
    /// A share for the caller to run, if nobody else will.
    fn last_resort(self: &Arc<Self>, core: &Core) -> Option<Share> {
        loop {
            let slot = {
                let mut state = self.state.lock();
                if let Some(share) = state.orphans.pop() {
                    return Some(share);
                }
                state.stranded.pop()?
            };
            let share = core.slots[slot].post.reclaim(self);
            if share.is_some() {
                return share;
            }
        }
    }

    /// Whether the caller must not park.
    fn wants_caller(&self) -> bool {
        let state = self.state.lock();
        state.left == 0 || !state.orphans.is_empty() || !state.stranded.is_empty()
    }

    fn has_ended(&self) -> bool {
        self.state.lock().left == 0
    }
}

/// A closure and the places of its results, on the caller's stack.
struct Closure<F, R> {
    f: F,
    parts: Box<[Part<R>]>,
}

struct Part<R>(UnsafeCell<Option<Result<R, Thrown>>>);

/// A panic on its way to the caller.
struct Thrown {
    payload: Box<dyn Any + Send>,
    note: Option<PanicNote>,
}

impl<F: Fn(WorkerIndex) -> R, R> Closure<F, R> {
    /// # Safety
    ///
    /// 1. `this` points to a live one.
    /// 2. It is called once for each index.
    unsafe fn run(this: *const (), index: usize) {
        // SAFETY: by (1).
        let this = unsafe { &*this.cast::<Self>() };
        let result = catch_unwind(|| (this.f)(WorkerIndex(index))).map_err(|payload| {
            let note = frame::take_note();
            Thrown { payload, note }
        });
        this.parts[index].0.with_mut(|place| {
            // SAFETY: by (2) nobody else writes, and nobody reads before the end.
            unsafe { *place = Some(result) };
        });
    }

    /// The results in order, or the first panic of that order.
    fn into_results(self) -> Vec<R> {
        let Self { f, parts } = self;
        let mut thrown = None;
        let mut results = Vec::with_capacity(parts.len());
        for part in parts {
            // SAFETY: all shares have ended.
            match part.0.with_mut(|place| unsafe { (*place).take() }) {
                Some(Ok(result)) => results.push(result),
                Some(Err(panic)) if thrown.is_none() => thrown = Some(panic),
                Some(Err(panic)) => _ = drop_contained(panic.payload),
                None => debug_assert!(false, "a share of a broadcast was not run"),
            }
        }
        let Some(Thrown { payload, note }) = thrown else {
            return results;
        };
        for result in results {
            drop_contained(result);
        }
        drop_contained(f);
        if let Some(note) = note {
            frame::leave_note(|| note);
        }
        resume_unwind(payload)
    }
}

impl ThreadPool {
    /// Runs `f` once on each worker of the pool, as many as its
    /// [`width`](Self::width), and returns the results in the order of the workers.
    ///
    /// For what belongs to a thread: to fill its `thread_local!`s, to gather what they
    /// hold, to tie it to something. `f` may borrow: this blocks until it has ended on
    /// all, and there is no time limit. Each worker runs its share before it takes a
    /// task from anywhere but its own queue and that of high priority, so a worker that
    /// computes for long is waited for. Each is a thread of its own, so the shares of
    /// one broadcast may meet at a barrier, also where several are on their way.
    ///
    /// Which threads these are is decided by the call:
    ///
    /// * A worker of the pool that calls this takes part. A thread from outside only
    ///   waits, also within a [`scope`](Self::scope) of the pool.
    /// * Workers that have not been started, or have retired, are started.
    /// * In the place of a worker that is blocked inside a task the spare takes part
    ///   that works for it, or is started for it. That is also so for one that blocks
    ///   before it has begun. So a task may wait for one that broadcasts.
    /// * A [`resize`](Self::resize) beside it changes nothing for this call.
    /// * What is called from within `f`, as [`join`](Self::join) or
    ///   [`submit`](Self::submit), and [`current`](crate::current), see the task of the
    ///   caller.
    ///
    /// Any number of threads may broadcast at once, also from within tasks and from
    /// within `f`: a worker that waits in here runs its shares of other broadcasts
    /// meanwhile, the oldest first. It does so on top of the caller's task, so do not
    /// hold a lock across this call that the `f` of another broadcast takes.
    ///
    /// The caller itself runs, one after the other, the shares for which there is no
    /// thread: all of them after the pool's end and in a forked child; else only where
    /// a worker is blocked and
    /// [`workers_max`](crate::ThreadPoolBuilder::workers_max) threads exist, or the
    /// system gives none. (Do not let them meet at a barrier there.)
    ///
    /// # Panics
    ///
    /// If `f` panics: when all have ended, with the panic of the first worker in order.
    /// In the child, if `f` forks the process and returns there.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// thread_local!(static VISITS: Cell<u32> = const { Cell::new(0) });
    ///
    /// let pool = raddle::ThreadPool::new(2)?;
    /// for _ in 0..100 {
    ///     pool.submit(|| VISITS.set(VISITS.get() + 1)).detach();
    /// }
    /// # while pool.stats().finished < 100 { std::thread::yield_now() }
    /// let visits: Vec<u32> = pool.broadcast(|_| VISITS.take());
    /// assert_eq!(visits.iter().sum::<u32>(), 100);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn broadcast<F, R>(&self, f: F) -> Vec<R>
    where
        F: Fn(WorkerIndex) -> R + Sync,
        R: Send,
    {
        let core = &self.core;
        let part = |_| Part(UnsafeCell::new(None));
        let parts = (0..core.sleep.permits()).map(part).collect();
        let closure = Closure { f, parts };
        with_worker(core.id, |worker| {
            let call = (&raw const closure).cast();
            broadcast(
                core,
                worker,
                closure.parts.len(),
                call,
                Closure::<F, R>::run,
            );
        });
        closure.into_results()
    }
}

/// Runs `run` with `call` for each index, and waits for all.
fn broadcast(
    core: &Arc<Core>,
    worker: Option<&Worker>,
    width: usize,
    call: *const (),
    run: unsafe fn(*const (), usize),
) {
    if fork::is_forked(core.id) {
        for index in 0..width {
            // SAFETY: each once, and the caller's closure is live.
            unsafe { run(call, index) };
        }
        return;
    }
    let round = Arc::new(Round {
        run,
        call,
        frame: frame::current_frame(),
        state: Mutex::new(State {
            left: width,
            members: Vec::with_capacity(width),
            orphans: Vec::new(),
            stranded: Vec::new(),
        }),
        parker: Parker::current(),
    });
    // A guest's slot has no post that anybody delivers to.
    let own = worker.filter(|worker| !worker.is_guest());
    core.deliver_all(&round, width, own.map(Worker::index));
    wait_for(core, &round, worker, own);
}

/// Waits for the end of a round. A worker runs what is addressed to it meanwhile.
fn wait_for(core: &Arc<Core>, round: &Arc<Round>, worker: Option<&Worker>, own: Option<&Worker>) {
    // Inside of `raddle::blocking` it has lent its place, and gets nothing.
    let own = own.filter(|own| own.slot().post.is_open());
    loop {
        while let Some(share) = own.and_then(Worker::take_share) {
            if let Some(own) = own {
                own.run_share(share);
            }
            check_fork(core);
        }
        while let Some(share) = round.last_resort(core) {
            match own {
                Some(own) => own.run_share(own.slot().post.takes_up(share)),
                None => share.run(core, worker),
            }
            check_fork(core);
        }
        if round.has_ended() {
            return;
        }
        let receives = own.map(|own| &own.slot().post);
        if receives.is_some_and(|post| !post.starts_receiving(&round.parker)) {
            continue;
        }
        let blocking = Blocking::start(BlockedOn::Thing("a broadcast"));
        while !round.wants_caller() && !receives.is_some_and(|post| post.is_pending()) {
            round.parker.park();
        }
        drop(blocking);
        if let Some(post) = receives {
            post.stops_receiving();
        }
    }
}

fn check_fork(core: &Core) {
    assert!(
        !fork::is_forked(core.id),
        "this broadcast goes on in the process that this one was forked from"
    );
}

impl Worker {
    /// The oldest share that is addressed to this thread.
    #[inline]
    pub(super) fn take_share(&self) -> Option<Taken> {
        self.slot().post.take()
    }

    pub(super) fn run_share(&self, taken: Taken) {
        let Taken { share, covers } = taken;
        share.run(self.core(), Some(self));
        self.slot().post.runs_again(covers);
    }

    /// Runs all that is addressed to this thread, which was woken for it.
    pub(super) fn run_shares(&self) {
        self.takes_permit();
        while let Some(share) = self.take_share() {
            self.run_share(share);
            if fork::is_forked(self.core().id) {
                return;
            }
        }
    }
}
