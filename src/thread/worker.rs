//! What a pool's thread does all day: find a job, run it, or sleep.
//!
//! ```text
//!        ┌────────────────────────────────────────────┐
//!        ▼                                            │
//!   own deque, newest first ──► injector, a batch ──► others' deques, a batch
//!        │ (every 31st time something else comes first;     │ nothing
//!        ▼  priorities: priority.rs)                          ▼
//!   run it; then, without a permit, park              sleep (sleep/mod.rs)
//! ```
//!
//! Whatever a thread leaves behind when it blocks or retires lies in its [`Slot`],
//! where the others find it.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::core::Core;
use super::deque::Deque;
use super::fork::Below;
use super::fork::lane::LaneOwner;
use super::guest::GUESTS_MAX;
use super::haul::Haul;
use super::linger::Linger;
use super::search::{TURN, Work};
use super::search_length::SearchLength;
use super::sleep::{Awake, Standing, Start, THREADS_MAX};
use super::slot::Slot;
use crate::primitive::block::{BlockedOn, with_hook};
use crate::primitive::{Chute, fork, mutant, now, thread_slot};
use crate::task::Job;

/// The greatest number of slots in a pool: one more than threads, for while one
/// waits for the pool's end.
pub(super) const SLOTS_MAX: usize = THREADS_MAX + 1 + GUESTS_MAX;

mod waits;

thread_slot! {
    /// The worker that runs in this thread, guests included.
    pub(super) static WORKER
}

thread_slot! {
    /// The number of the pool that this thread was started by, as an address.
    /// It stays until the thread's end, also while its locals are destroyed.
    static STARTED_BY
}

/// Whether this thread is one of `pool`, working or on its way out.
pub(super) fn is_thread_of(pool: u32) -> bool {
    STARTED_BY.get().addr() == pool as usize
}

/// One thread of a pool, while it lives; or a guest, while it is there.
pub(super) struct Worker {
    core: Arc<Core>,
    index: usize,
    /// Of the core's, where it stays.
    slot: NonNull<Slot>,
    pub(super) deque: ManuallyDrop<Deque<Job>>,
    pub(super) chute: Chute<Job>,
    pub(super) lane: LaneOwner,
    /// What runs below what runs on top, the latest first.
    pub(super) covered: Cell<*const Below>,
    pub(super) standing: Standing,
    /// The worker that this thread is besides, if it is a guest.
    below: *const Worker,
    is_guest: bool,
    /// A guest that waits, and that the end of the pool does not wait for.
    is_out: Cell<bool>,
    /// What the waits are for inside of which the thread waits.
    outer_waits: RefCell<Vec<BlockedOn>>,
    /// In a hook of the thread's, or before the first: whatever waits there, no
    /// spare takes its place.
    in_hook: Cell<bool>,
    /// So many searches begin with the newest before something else has its turn.
    pub(super) until_turn: Cell<u32>,
    pub(super) turns: Cell<u32>,
    pub(super) random: Cell<u32>,
    pub(super) haul: Haul,
}

/// The worker that runs in this thread.
///
/// # Safety
///
/// The reference is not used after the caller has returned.
#[inline(always)]
pub(super) unsafe fn current<'a>() -> Option<&'a Worker> {
    let worker: *const Worker = WORKER.get().cast();
    // SAFETY: a pointer in the slot comes from `main` or from a guest's visit,
    // which take it out before the worker is gone; they call their callers.
    unsafe { worker.as_ref() }
}

/// The worker that runs in this thread, if it is one of `pool`.
///
/// # Safety
///
/// As [`current`].
#[inline(always)]
pub(super) unsafe fn current_of<'a>(pool: u32) -> Option<&'a Worker> {
    // SAFETY: the same contract.
    match unsafe { current() } {
        Some(worker) if worker.core.id == pool => Some(worker),
        // SAFETY: the same contract.
        Some(guest) if guest.is_guest => unsafe { below(guest, pool) },
        _ => None,
    }
}

/// As `current_of`, where the thread is a guest of another pool.
///
/// # Safety
///
/// As [`current`].
#[cold]
unsafe fn below(mut guest: &Worker, pool: u32) -> Option<&Worker> {
    // SAFETY: what a guest stands on stays until it is gone.
    while let Some(worker) = unsafe { guest.below.as_ref() } {
        if worker.core.id == pool {
            return Some(worker);
        }
        guest = worker;
    }
    None
}

/// Gives `f` the worker that runs in this thread, if it is one of `pool`.
#[inline(always)]
pub(super) fn with_worker<R>(pool: u32, f: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: `f` cannot keep it.
    f(unsafe { current_of(pool) })
}

/// The body of a pool's thread.
pub(super) fn main(core: Arc<Core>, start: Start) {
    let index = start.index;
    let slot = &core.slots[index];
    let Some(deque) = slot.deque.lock().take() else {
        // Two threads with one index: a bug of ours, better survived.
        debug_assert!(false, "slot {index} has no deque");
        return;
    };
    let worker = Worker::new(
        Arc::clone(&core),
        index,
        deque,
        Standing::of(start),
        core.config.has_start_hook(),
    );
    core.tie(index);
    STARTED_BY.set(ptr::without_provenance(core.id as usize));
    WORKER.set(ptr::from_ref(&worker).cast());
    let awake = with_hook(&worker, || {
        if core.config.has_start_hook() {
            // A hook may take its time: meanwhile nobody must count on us.
            if worker.standing.is_searching() {
                worker.stop_searching();
            }
            core.config.run_start_hook(core.id, index);
            worker.in_hook.set(false);
        }
        let awake = worker.work()?;
        if !mutant("broadcast-leaves-with-its-share") {
            core.pass_on(core.slots[index].post.close(), index, true);
        }
        if awake == Awake::Retired {
            // The crew has let it go, so it is no member any more.
            WORKER.set(ptr::null());
        }
        // It has no place to lend, but its values (`WorkerLocal`) are still its
        // own: the next thread with this index comes after `left`.
        worker.in_hook.set(true);
        core.config.run_exit_hook(core.id, index);
        Some(awake)
    });
    let Some(awake) = awake else {
        // A task has forked and returned, in the child. The thread ends, and
        // with it the child, which has no other; nothing of the pool is touched.
        WORKER.set(ptr::null());
        std::mem::forget((worker, core));
        return;
    };
    WORKER.set(ptr::null());
    let Worker {
        deque, standing, ..
    } = worker;
    core.untie(index);
    *slot.deque.lock() = Some(ManuallyDrop::into_inner(deque));
    let call = core.sleep.left(&standing, &awake, || core.has_work());
    core.answer(call);
}

impl Worker {
    fn new(
        core: Arc<Core>,
        index: usize,
        deque: Deque<Job>,
        standing: Standing,
        in_hook: bool,
    ) -> Self {
        Self {
            // SAFETY: the slot outlives the worker, which holds the pool; and a
            // slot has one thread at a time, as its deque shows.
            lane: unsafe { LaneOwner::of(&core.slots[index].lane) },
            deque: ManuallyDrop::new(deque),
            chute: Chute::new(),
            standing,
            covered: Cell::new(ptr::null()),
            below: ptr::null(),
            is_guest: false,
            is_out: Cell::new(false),
            outer_waits: RefCell::new(Vec::new()),
            in_hook: Cell::new(in_hook),
            index,
            slot: NonNull::from(&core.slots[index]),
            until_turn: Cell::new(TURN - 1),
            turns: Cell::new(if cfg!(raddle_preage) {
                u32::MAX - 100
            } else {
                0
            }),
            random: Cell::new(0x9e37_79b9 ^ (index as u32 + 1)),
            haul: Haul::new(),
            core,
        }
    }

    /// A thread from outside, which is also the worker `below`.
    pub(super) fn guest(
        core: Arc<Core>,
        index: usize,
        deque: Deque<Job>,
        below: *const Worker,
    ) -> Self {
        Self {
            below,
            is_guest: true,
            ..Self::new(core, index, deque, Standing::guest(index), false)
        }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    #[inline]
    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(super) fn below(&self) -> *const Worker {
        self.below
    }

    pub(super) fn is_guest(&self) -> bool {
        self.is_guest
    }

    /// A guest comes.
    pub(super) fn takes_permit(&self) {
        self.core.sleep.take_permit(&self.standing);
    }

    /// A guest goes: what it leaves behind is in its slot already.
    pub(super) fn gives_permit_back(&self) {
        let call = (self.core.sleep).block_starts(&self.standing, || self.core.has_work());
        self.core.answer(call);
    }

    /// Takes the deque out of a worker that is about to end.
    pub(super) fn into_deque(self) -> Deque<Job> {
        ManuallyDrop::into_inner(self.deque)
    }

    /// Puts a job where this thread finds it first, and thieves last.
    #[inline]
    pub(super) fn push_newest(&self, job: Job) {
        self.deque.push(job);
    }

    /// Takes the newest job of this thread.
    pub(super) fn pop_newest(&self) -> Option<Job> {
        self.deque.pop()
    }

    /// Runs a child of the scope that this thread waits for, on top of the wait.
    pub(super) fn run_child(&self, job: Job) {
        self.core.job_taken(&job);
        let ran = self.on_top(|watch| job.run(watch));
        self.slot().counters.count(ran);
    }

    /// `None` says that this is another process: see [`is_forked`](fork::is_forked).
    fn work(&self) -> Option<Awake> {
        // One that was sent has no permit, and finds its errand as it parks.
        let mut may_work = self.standing.has_permit();
        let mut length = SearchLength::new(self.core.config.search_rounds);
        let mut linger = Linger::default();
        loop {
            while may_work {
                let work = match self.find_newest() {
                    Some(job) => Work::Task(job),
                    None => match self.find(&mut length) {
                        Some(work) => work,
                        None if linger.is_worth_it() => match self.linger() {
                            Some(work) => work,
                            None => break,
                        },
                        None => break,
                    },
                };
                match work {
                    Work::Task(job) => {
                        linger.had_else();
                        self.run(job);
                    }
                    Work::Half(stolen) => {
                        linger.had_half();
                        length.had_half();
                        if self.standing.is_searching() {
                            self.stop_searching();
                        }
                        self.run_stolen(stolen);
                    }
                    Work::Share(share) => {
                        linger.had_else();
                        if self.standing.is_searching() {
                            self.stop_searching();
                        }
                        self.run_share(share);
                    }
                }
                if fork::is_forked(self.core.id) {
                    // The queues are copies: their tasks run in the parent.
                    return None;
                }
                may_work = self.core.sleep.take_permit(&self.standing);
            }
            let since = now();
            let asleep = (self.core.sleep).fall_asleep(
                &self.standing,
                self.core.config.keep_alive,
                &*self.core,
            );
            match asleep {
                Awake::Work => {
                    linger.slept(now().saturating_duration_since(since));
                    may_work = true;
                }
                Awake::Errand => {
                    linger.had_else();
                    if let Some(job) = self.core.take_errand() {
                        self.run_errand(job);
                        if fork::is_forked(self.core.id) {
                            return None;
                        }
                    }
                    may_work = self.core.sleep.take_permit(&self.standing);
                }
                Awake::Post => {
                    linger.had_else();
                    if self.standing.is_searching() {
                        self.stop_searching();
                    }
                    self.run_shares();
                    if fork::is_forked(self.core.id) {
                        return None;
                    }
                    may_work = self.core.sleep.take_permit(&self.standing);
                }
                Awake::Retired | Awake::Ended => return Some(asleep),
            }
        }
    }

    fn stop_searching(&self) {
        let call = (self.core.sleep).stop_searching(&self.standing, || self.core.has_work());
        self.core.answer(call);
    }

    #[inline(always)]
    fn run(&self, job: Job) {
        if self.standing.is_searching() {
            self.stop_searching();
        }
        if !self.core.is_plain() && !self.core.lets_run(&job) {
            if !mutant("core-worker-discards-uncounted") {
                self.core.discard(job);
            }
            return;
        }
        let slot = self.slot();
        slot.counters.count(job.run(&slot.running));
    }

    #[cold]
    fn run_errand(&self, job: Job) {
        self.run(job);
    }

    pub(super) fn slot(&self) -> &Slot {
        // SAFETY: a slot stands as long as its pool, which the worker holds.
        unsafe { self.slot.as_ref() }
    }

    /// A guest that the end of the pool does not wait for: what it pushes now, inside
    /// of `blocking`, it must discard itself if the pool has ended.
    #[inline]
    pub(super) fn is_out(&self) -> bool {
        self.is_out.get() && !mutant("guest-out-taken-for-inside")
    }

    /// Calls `f` while the end of the pool waits for this guest, which waits itself.
    pub(super) fn inside<R>(&self, f: impl FnOnce() -> R) -> R {
        let is_out = self.is_out.take();
        if is_out {
            self.core.step_in();
        }
        let result = f();
        if is_out {
            self.steps_out();
        }
        result
    }

    /// The end of the pool does not wait for this guest from now on. If it does not
    /// already, nothing happens.
    pub(super) fn steps_out(&self) {
        if self.is_guest && !self.is_out.replace(true) {
            self.core.step_out();
        }
    }

    /// Something was pushed here that others may take.
    pub(super) fn published(&self) {
        self.core.published(self.is_out());
    }
}
