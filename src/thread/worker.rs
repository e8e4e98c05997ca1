//! What a pool's thread does all day: find a job, run it, or sleep.
//!
//! ```text
//!        ┌────────────────────────────────────────────┐
//!        ▼                                            │
//!   own deque, newest first ──► injector, a batch ──► others' deques, a batch
//!        │ (every 61st time the oldest comes first)         │ nothing
//!        ▼                                                    ▼
//!   run it; then, without a permit, park              sleep (sleep/mod.rs)
//! ```
//!
//! Each thread index has a [`Slot`] that outlives its threads: the deque waits
//! there between two of them, and thieves reach it at any time, so whatever a
//! thread leaves behind when it blocks or retires is found by the others.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::core::{Core, Intake};
use super::running::Running;
use super::sleep::{Awake, Standing};
use crate::primitive::block::{BlockHook, BlockedOn, LastResort, with_hook};
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::unmodelled::{AtomicU64, OnceLock};
use crate::primitive::{Deque, Mutex, Steal, Stealer, fork, mutant, thread_slot};
use crate::task::{self, Job, Ran};

use crate::primitive::atomic::{AtomicBool, Ordering::Relaxed};

/// Every so many searches what has waited longest comes first, by turns in the
/// injector and in the own deque, so that tasks that spawn tasks for ever starve
/// nobody. A prime, as in Go and tokio, so that it does not fall into step with
/// the program's own cycles.
const OLDEST_FIRST: u32 = 61;

thread_slot! {
    /// The worker that runs in this thread.
    static WORKER
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

/// The place of one thread in its pool. It outlives the threads that take it.
// Aligned so that the counters of two threads share no cache line, nor the
// pair of lines that the processor fetches together.
#[repr(align(128))]
pub(super) struct Slot {
    stealer: OnceLock<Stealer<Job>>,
    deque: Mutex<Option<Deque<Job>>>,
    /// The thread that has this place, and a few that had it before.
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
    pub(super) running: Running,
    /// The thread has waited for the end of its own pool: nobody waits for it.
    pub(super) is_closer: AtomicBool,
    /// What the thread is blocked on, for `dump()`.
    pub(super) blocked_on: Mutex<Option<BlockedOn>>,
    pub(super) counters: Counters,
}

/// What one thread has done. Only it writes; others read what may be old.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) finished: AtomicU64,
    pub(super) panicked: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) stolen: AtomicU64,
}

impl Counters {
    fn add_one(counter: &AtomicU64) {
        // ORDERING: Relaxed, statistics; a plain increment, since nobody else
        // writes.
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }

    fn count(&self, ran: Ran) {
        match ran {
            Ran::Claimed | Ran::Suspended => {}
            Ran::Cancelled => Self::add_one(&self.cancelled),
            Ran::Expired => Self::add_one(&self.expired),
            Ran::Finished => Self::add_one(&self.finished),
            Ran::Panicked => Self::add_one(&self.panicked),
            Ran::Late => Self::add_one(&self.late),
        }
    }
}

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            stealer: OnceLock::new(),
            deque: Mutex::new(None),
            threads: Mutex::new(Vec::new()),
            running: Running::new(),
            is_closer: AtomicBool::new(false),
            blocked_on: Mutex::new(None),
            counters: Counters::default(),
        }
    }

    pub(super) fn stealer(&self) -> Option<&Stealer<Job>> {
        self.stealer.get()
    }

    /// Makes the deque, if the slot has none yet.
    pub(super) fn furnish(&self) {
        self.stealer.get_or_init(|| {
            let deque = Deque::new_lifo();
            let stealer = deque.stealer();
            *self.deque.lock() = Some(deque);
            stealer
        });
    }
}

/// One thread of a pool, while it lives.
pub(super) struct Worker {
    core: Arc<Core>,
    index: usize,
    deque: Deque<Job>,
    standing: Standing,
    /// In a hook of the thread's, or before the first: whatever waits there, no
    /// spare takes its place.
    in_hook: Cell<bool>,
    searches: Cell<u32>,
    random: Cell<u32>,
}

/// Gives `f` the worker that runs in this thread, if it is one of `pool`.
#[inline]
pub(super) fn with_worker<R>(pool: u32, f: impl FnOnce(Option<&Worker>) -> R) -> R {
    let worker: *const Worker = WORKER.get().cast();
    // SAFETY: a pointer in the slot comes from `main`, which takes it out
    // before the worker is gone.
    let worker = unsafe { worker.as_ref() };
    f(worker.filter(|worker| worker.core.id == pool))
}

/// The body of a pool's thread.
pub(super) fn main(core: Arc<Core>, index: usize) {
    let slot = &core.slots[index];
    let Some(deque) = slot.deque.lock().take() else {
        // Two threads with one index: a bug of ours, better survived.
        debug_assert!(false, "slot {index} has no deque");
        return;
    };
    let worker = Worker {
        standing: Standing::called(index),
        in_hook: Cell::new(core.config.has_start_hook()),
        index,
        deque,
        searches: Cell::new(0),
        random: Cell::new(0x9e37_79b9 ^ (index as u32 + 1)),
        core: Arc::clone(&core),
    };
    STARTED_BY.set(ptr::without_provenance(core.id as usize));
    WORKER.set(ptr::from_ref(&worker).cast());
    let awake = with_hook(&worker, || {
        if core.config.has_start_hook() {
            // A hook may take its time: meanwhile nobody must count on us.
            worker.stop_searching();
            core.config.run_start_hook(core.id, index);
            worker.in_hook.set(false);
        }
        let awake = worker.work()?;
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
    *slot.deque.lock() = Some(deque);
    let call = core.sleep.left(&standing, &awake, || core.has_work());
    core.answer(call);
}

impl Worker {
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Puts a job where this thread finds it first, and thieves last.
    #[inline]
    pub(super) fn push_newest(&self, job: Job) {
        self.deque.push(job);
    }

    /// `None` says that this is another process: see [`is_forked`](fork::is_forked).
    fn work(&self) -> Option<Awake> {
        loop {
            while let Some(job) = self.find() {
                self.run(job);
                if fork::is_forked(self.core.id) {
                    // The queues are copies: their tasks run in the parent.
                    return None;
                }
                if !self.core.sleep.take_permit(&self.standing) {
                    break;
                }
            }
            let asleep =
                self.core
                    .sleep
                    .fall_asleep(&self.standing, self.core.config.keep_alive, || {
                        self.core.has_work()
                    });
            if asleep != Awake::Work {
                return Some(asleep);
            }
        }
    }

    fn stop_searching(&self) {
        let call = (self.core.sleep).stop_searching(&self.standing, || self.core.has_work());
        self.core.answer(call);
    }

    fn run(&self, job: Job) {
        if self.standing.is_searching() {
            self.stop_searching();
        }
        self.core.job_taken(&job);
        if self.core.intake() == Intake::Discarding {
            if !mutant("core-worker-discards-uncounted") {
                self.core.discard(job);
            }
            return;
        }
        let slot = self.slot();
        slot.counters.count(job.run(&slot.running));
    }

    fn slot(&self) -> &Slot {
        &self.core.slots[self.index]
    }

    /// Looks for a job: here, in the injector, at the others'.
    fn find(&self) -> Option<Job> {
        let mut round = 0;
        loop {
            if let Some(job) = self.look_once() {
                return Some(job);
            }
            if round == self.core.config.search_rounds {
                return None;
            }
            if !self.standing.is_searching() && !self.core.sleep.start_searching(&self.standing) {
                // Somebody else searches; one is enough.
                return None;
            }
            round += 1;
            if round % 8 == 0 {
                thread::yield_now();
            } else {
                thread::spin_hint();
            }
        }
    }

    fn look_once(&self) -> Option<Job> {
        let searches = self.searches.get().wrapping_add(1);
        self.searches.set(searches);
        if searches.is_multiple_of(2 * OLDEST_FIRST) {
            (self.take_oldest())
                .or_else(|| self.take_injected())
                .or_else(|| self.steal())
        } else if searches.is_multiple_of(OLDEST_FIRST) {
            (self.take_injected())
                .or_else(|| self.take_oldest())
                .or_else(|| self.steal())
        } else {
            (self.deque.pop())
                .or_else(|| self.take_injected())
                .or_else(|| self.steal())
        }
    }

    /// The job of our own that has waited longest.
    fn take_oldest(&self) -> Option<Job> {
        let stealer = self.slot().stealer()?;
        insist(|| stealer.steal())
    }

    fn take_injected(&self) -> Option<Job> {
        insist(|| self.core.injector.steal_batch_and_pop(&self.deque))
    }

    /// Robs the others, beginning with a random one.
    fn steal(&self) -> Option<Job> {
        let slots = self.core.used_slots();
        let start = self.next_random() as usize % slots.len().max(1);
        let (before, after) = slots.split_at(start);
        for slot in after.iter().chain(before) {
            if ptr::eq(slot, self.slot()) {
                continue;
            }
            if let Some(stealer) = slot.stealer()
                && let Some(job) = insist(|| stealer.steal_batch_and_pop(&self.deque))
            {
                Counters::add_one(&self.slot().counters.stolen);
                return Some(job);
            }
        }
        None
    }

    /// Marsaglia's xorshift.
    fn next_random(&self) -> u32 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }
}

/// Tries again as long as a race was lost.
fn insist(mut attempt: impl FnMut() -> Steal<Job>) -> Option<Job> {
    loop {
        match attempt() {
            Steal::Success(job) => return Some(job),
            Steal::Empty => return None,
            Steal::Retry => thread::spin_hint(),
        }
    }
}

impl BlockHook for Worker {
    fn pool(&self) -> u32 {
        self.core.id
    }

    fn worker(&self) -> usize {
        self.index
    }

    fn may_run(&self, pool: u32) -> bool {
        with_worker(pool, |worker| worker.is_some())
    }

    fn block_starts(&self, on: BlockedOn) {
        if fork::is_forked(self.core.id) {
            // A child forked by a task: the pool, its locks and its queues are
            // the parent's.
            return;
        }
        if self.in_hook.get() {
            // A spare would run the same start hook, block there as well, call a
            // spare, and so on; and who leaves takes no permit back.
            return;
        }
        *self.slot().blocked_on.lock() = Some(on);
        let call = (self.core.sleep).block_starts(&self.standing, || self.core.has_work());
        self.core.answer(call);
    }

    fn block_ends(&self) {
        if fork::is_forked(self.core.id) || self.in_hook.get() {
            return;
        }
        self.core.sleep.block_ends(&self.standing);
        *self.slot().blocked_on.lock() = None;
    }

    fn offer(&self, offer: &Arc<LastResort>) {
        // Who may not run it must not be called in the place of one who may.
        if !fork::is_forked(self.core.id) && self.may_run(self.core.id) {
            self.core.offers.add(offer);
        }
    }

    fn withdraw(&self, offer: &Arc<LastResort>) {
        if !fork::is_forked(self.core.id) {
            self.core.offers.remove(offer);
        }
    }

    unsafe fn run_claimed(&self, task: NonNull<()>) {
        // The entry that the claim has left in a queue is most often the
        // newest of our own: without it, `loop { submit(..).result() }` in a
        // task would fill the deque.
        if let Some(job) = self.deque.pop() {
            if job.header() == task {
                self.core.job_taken(&job);
                drop(job);
            } else {
                self.deque.push(job);
                // Whoever looked for work in between has not seen it.
                let call = self.core.sleep.job_published();
                self.core.answer(call);
            }
        }
        let slot = self.slot();
        // SAFETY: the caller's contract is the same.
        let ran = unsafe { task::run_claimed(task, &slot.running) };
        slot.counters.count(ran);
    }
}
