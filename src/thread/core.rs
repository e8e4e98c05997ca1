//! What a pool's threads and its owner share.

use std::panic::Location;
use std::sync::{Arc, Weak};

use super::builder::Config;
use super::guest::{GUESTS_MAX, Guests};
use super::last_resort::Offers;
use super::limit::QueueLimit;
use super::priority::Ranks;
use super::shutdown::ShutdownReport;
use super::sleep::{Call, Sleep, Start};
use super::slot::Slot;
use super::spawn_async::Futures;
use super::submit_after::Delayed;
use super::worker;
use crate::error::StartError;
use crate::primitive::affinity::Cpus;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::unmodelled::{AtomicU64, Mutex, OnceLock};
use crate::primitive::{Injector, fork, thread};
use crate::task::{self, Claim, Job, Origin, TaskInfo};
use crate::wait::deadline::Deadline;

use Ordering::{Acquire, Release};

/// So many threads that had the same slot one after the other are joined at the
/// pool's end. They are not joined when the slot is taken again: one may be in
/// a destructor of the user's that waits for this very pool.
const THREADS_KEPT: usize = 4;

/// Whether the pool takes tasks. Only ever goes down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub(super) enum Intake {
    Open = 0,
    /// The pool is dropped: its own tasks may still submit.
    Draining = 1,
    /// Nothing more is taken.
    Closed = 2,
    /// Nothing more is taken, and what is queued is cancelled.
    Discarding = 3,
}

const INTAKE: usize = 3;
/// Beside the intake, from the start: `counts_jobs`.
const COUNTS_JOBS: usize = 4;

/// The shared part of a pool.
pub(crate) struct Core {
    pub(super) id: u32,
    pub(super) config: Config,
    pub(super) injector: Injector<Job>,
    /// What has another priority than most.
    pub(super) ranks: Ranks,
    /// What needs a thread and no permit: `submit_blocking`.
    pub(super) errands: Injector<Job>,
    pub(super) slots: Box<[Slot]>,
    /// Slots below this index have had a thread.
    used: AtomicUsize,
    pub(super) guests: Guests,
    /// Held while a broadcast is delivered, so that all threads get two in one order;
    /// how many there were.
    pub(super) broadcasts: crate::primitive::Mutex<u64>,
    pub(super) sleep: Sleep,
    intake: AtomicUsize,
    pub(super) offers: Offers,
    pub(super) limit: Option<QueueLimit>,
    pub(super) delayed: Delayed,
    pub(super) futures: Futures,
    /// Tasks cancelled by a shutdown.
    pub(super) discarded: AtomicU64,
    pub(super) report: OnceLock<ShutdownReport>,
    /// Queued tasks one by one, with `trace_tasks`.
    traced: Option<Mutex<Vec<TaskInfo>>>,
    /// Jobs that come and go are told to `limit` or `traced`: most pools have neither.
    counts_jobs: bool,
    /// What the workers are tied to.
    pub(super) cpus: Option<Cpus>,
}

impl Core {
    /// Makes a pool and starts the threads that it begins with.
    pub(super) fn start(mut config: Config) -> Result<Arc<Self>, StartError> {
        let id = fork::new_pool().ok_or(StartError::TooManyPools)?;
        if let Some(on_panic) = config.on_panic.take() {
            // Before the first thread runs a hook.
            task::unread::watch(id, on_panic);
        }
        let threads_max = config.threads_max();
        let resident = config.resident(config.workers);
        let counts_jobs = config.queue_limit.is_some() || config.trace_tasks;
        let core = Arc::new(Self {
            id,
            injector: Injector::new(),
            ranks: Ranks::new(),
            errands: Injector::new(),
            // One more for while a thread of the pool waits for its end.
            slots: (0..=threads_max + GUESTS_MAX)
                .map(|_| Slot::new())
                .collect(),
            used: AtomicUsize::new(0),
            guests: Guests::new(threads_max + 1),
            broadcasts: crate::primitive::Mutex::new(0),
            sleep: Sleep::new(config.workers, threads_max, resident),
            intake: AtomicUsize::new(Intake::Open as usize | Self::counting(counts_jobs)),
            offers: Offers::new(),
            limit: config.queue_limit.map(QueueLimit::new),
            delayed: Delayed::new(),
            futures: Futures::new(config.workers),
            discarded: AtomicU64::new(0),
            report: OnceLock::new(),
            counts_jobs,
            traced: config.trace_tasks.then(|| Mutex::new(Vec::new())),
            cpus: Self::cpus_for(config.pin),
            config,
        });
        for got in 0..resident {
            let Call::Start(start) = core.sleep.first_threads() else {
                break;
            };
            if let Err(source) = core.start_thread(start) {
                let _ = core.sleep.start_failed(start, &*core);
                core.close(Intake::Closed);
                core.wait_for_end(Deadline::NEVER);
                return Err(StartError::threads(resident, got, source));
            }
        }
        Ok(core)
    }

    /// Does what a call for help asks.
    pub(super) fn answer(self: &Arc<Self>, call: Call) {
        match call {
            Call::Nothing => {}
            Call::LastResort => self.offers.call_one(),
            Call::Start(start) => {
                if self.start_thread(start).is_err() {
                    // The pool goes on with the threads it has.
                    let call = self.sleep.start_failed(start, &**self);
                    self.answer(call);
                }
            }
        }
    }

    fn start_thread(self: &Arc<Self>, start: Start) -> std::io::Result<()> {
        let index = start.index;
        let slot = &self.slots[index];
        slot.furnish();
        // ORDERING: Release pairs with the Acquire in `thread_slots`: who sees
        // the index sees the deque. The new thread's own pushes come later, and
        // are published by their fences.
        self.used.fetch_max(index + 1, Release);
        let core = Arc::clone(self);
        let name = format!("{}-{index}", self.config.name);
        // Locked so long: whoever joins the threads of an ended pool finds it.
        let mut threads = slot.threads.lock();
        slot.post.open();
        let spawned = thread::spawn(name, self.config.stack_size, move || {
            worker::main(core, start);
        });
        let started = match spawned {
            Ok(started) => started,
            Err(error) => {
                drop(threads);
                self.pass_on(slot.post.close(), index, false);
                return Err(error);
            }
        };
        threads.push(started);
        if threads.len() > THREADS_KEPT {
            // It retired long ago, and need not be joined.
            threads.remove(0);
        }
        Ok(())
    }

    /// The slots that have had a thread.
    pub(super) fn thread_slots(&self) -> &[Slot] {
        // ORDERING: Acquire; see `start_thread`.
        &self.slots[..self.used.load(Acquire)]
    }

    /// The slots that have had a guest.
    pub(super) fn guest_slots(&self) -> &[Slot] {
        &self.slots[self.guests.used()]
    }

    pub(super) fn used_slots(&self) -> impl Iterator<Item = &Slot> {
        self.thread_slots().iter().chain(self.guest_slots())
    }

    #[inline]
    pub(super) fn intake(&self) -> Intake {
        // ORDERING: Acquire pairs with the Release in `set_intake`.
        match self.intake.load(Acquire) & INTAKE {
            0 => Intake::Open,
            1 => Intake::Draining,
            2 => Intake::Closed,
            _ => Intake::Discarding,
        }
    }

    /// Takes less from now on; never more.
    pub(super) fn set_intake(&self, to: Intake) {
        // ORDERING: Release, what the closer did before is seen by those refused.
        (self.intake).fetch_max(to as usize | Self::counting(self.counts_jobs), Release);
    }

    fn counting(counts_jobs: bool) -> usize {
        if counts_jobs { COUNTS_JOBS } else { 0 }
    }

    /// Whether tasks come and go without further ado: the pool is open, and counts none.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        // ORDERING: as in `intake`.
        self.intake.load(Acquire) == Intake::Open as usize
    }

    /// A job was taken from its queue. Whether it is to be run, rather than discarded.
    #[cold]
    pub(super) fn lets_run(&self, job: &Job) -> bool {
        self.job_taken(job);
        self.intake() != Intake::Discarding
    }

    pub(super) fn origin(&self, site: &'static Location<'static>) -> Origin {
        let claim = if self.config.caller_runs {
            Claim::Anybody
        } else {
            Claim::Workers
        };
        let pool = self.id;
        Origin { site, pool, claim }
    }

    /// A job has left its queue.
    #[inline]
    pub(super) fn job_taken(&self, job: &Job) {
        if self.counts_jobs {
            self.job_counted_out(job);
        }
    }

    #[cold]
    fn job_counted_out(&self, job: &Job) {
        if let Some(limit) = &self.limit {
            limit.release();
        }
        if let Some(traced) = &self.traced {
            let id = job.info().id;
            traced.lock().retain(|info| info.id != id);
        }
    }

    #[inline]
    pub(super) fn trace(&self, job: &Job) {
        if self.counts_jobs {
            self.trace_counted(job);
        }
    }

    #[cold]
    fn trace_counted(&self, job: &Job) {
        if let Some(traced) = &self.traced {
            let info = job.info();
            traced.lock().push(info);
        }
    }

    pub(super) fn traced(&self) -> Vec<TaskInfo> {
        self.traced
            .as_ref()
            .map_or_else(Vec::new, |traced| traced.lock().clone())
    }

    /// What runs here now, and the parts of tasks that do.
    pub(super) fn running_and_parts(&self) -> (Vec<TaskInfo>, Vec<TaskInfo>) {
        let (mut tasks, mut parts) = (Vec::new(), Vec::new());
        for slot in self.used_slots() {
            slot.running.look(|task| match task.is_part() {
                true => parts.push(task.info()),
                false => tasks.push(task.info()),
            });
        }
        (tasks, parts)
    }

    /// Who runs now, each once.
    pub(super) fn running(&self) -> Vec<TaskInfo> {
        let (mut tasks, parts) = self.running_and_parts();
        // A task of elsewhere, of which only a part runs here.
        for part in parts {
            if tasks.iter().all(|task| task.id != part.id) {
                tasks.push(part);
            }
        }
        tasks
    }

    /// Wakes those who wait for room in the queue, to be refused.
    pub(super) fn wake_submitters(&self) {
        if let Some(limit) = &self.limit {
            limit.wake_all();
        }
    }

    pub(super) fn queue_overdraft(&self) -> u64 {
        self.limit.as_ref().map_or(0, QueueLimit::overdraft)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        task::unread::unwatch(self.id);
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("id", &self.id)
            .field("name", &self.config.name)
            .field("intake", &self.intake())
            .finish_non_exhaustive()
    }
}

/// All pools of the process, for `dump()`.
pub(super) static POOLS: Mutex<Vec<Weak<Core>>> = Mutex::new(Vec::new());

/// Lists a pool that has started.
pub(super) fn enlist(core: &Arc<Core>) {
    let mut pools = POOLS.lock();
    pools.retain(|pool| pool.strong_count() > 0);
    pools.push(Arc::downgrade(core));
}
