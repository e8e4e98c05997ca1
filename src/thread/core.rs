//! What a pool's threads and its owner share.

use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::builder::Config;
use super::guest::{GUESTS_MAX, Guests};
use super::last_resort::Offers;
use super::limit::{Admission, Patience, QueueLimit};
use super::priority::Ranks;
use super::shutdown::ShutdownReport;
use super::sleep::{Call, Sleep, Start};
use super::slot::Slot;
use super::spawn_async::Futures;
use super::submit_after::Delayed;
use super::worker::{self, Worker, with_worker};
use crate::error::{Refusal, StartError, SubmitError};
use crate::primitive::affinity::Cpus;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::unmodelled::{AtomicU64, Mutex, OnceLock};
use crate::primitive::{Injector, fork, mutant, thread};
use crate::task::{self, Claim, Handle, Job, Origin, Task, TaskInfo};
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

/// A task that is to be queued, unless it was run at once, and its handle.
type Accepted<T> = (Option<Job>, Handle<<T as Task>::Output>);

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
            intake: AtomicUsize::new(Intake::Open as usize),
            offers: Offers::new(),
            limit: config.queue_limit.map(QueueLimit::new),
            delayed: Delayed::new(),
            futures: Futures::new(config.workers),
            discarded: AtomicU64::new(0),
            report: OnceLock::new(),
            counts_jobs: config.queue_limit.is_some() || config.trace_tasks,
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
        match self.intake.load(Acquire) {
            0 => Intake::Open,
            1 => Intake::Draining,
            2 => Intake::Closed,
            _ => Intake::Discarding,
        }
    }

    /// Takes less from now on; never more.
    pub(super) fn set_intake(&self, to: Intake) {
        // ORDERING: Release, what the closer did before is seen by those refused.
        self.intake.fetch_max(to as usize, Release);
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

    /// Why a task submitted here and now is refused, if it is.
    #[inline]
    pub(super) fn refusal(&self) -> Option<Refusal> {
        if fork::is_forked(self.id) {
            return Some(Refusal::Forked);
        }
        match self.intake() {
            Intake::Open => None,
            Intake::Draining if with_worker(self.id, |worker| worker.is_some()) => None,
            _ => Some(Refusal::Shutdown),
        }
    }

    /// Accepts a task and queues it, or gives it back.
    pub(super) fn try_submit<T: Task>(
        self: &Arc<Self>,
        task: T,
        origin: Origin,
        patience: Patience,
    ) -> Result<Handle<T::Output>, SubmitError<T>> {
        let (job, handle) = self.accept(task, origin, patience)?;
        if let Some(job) = job {
            self.push(job);
        }
        Ok(handle)
    }

    /// Accepts a task, or gives it back; no job says that it has been run here.
    pub(super) fn accept<T: Task>(
        &self,
        task: T,
        origin: Origin,
        patience: Patience,
    ) -> Result<Accepted<T>, SubmitError<T>> {
        if let Some(why) = self.refusal() {
            return Err(SubmitError::new(why, task));
        }
        if let Some(limit) = &self.limit {
            let is_worker = with_worker(self.id, |worker| worker.is_some());
            match limit.admit(is_worker, patience, || self.refusal()) {
                Admission::Accepted => {}
                Admission::Refused(why) => return Err(SubmitError::new(why, task)),
                Admission::RunHere => {
                    let (job, handle) = task::accept(task, origin);
                    let _ = job.run(&());
                    return Ok((None, handle));
                }
            }
        }
        let (job, handle) = task::accept(task, origin);
        Ok((Some(job), handle))
    }

    /// As `try_submit`; a refused task has a handle that says so.
    pub(super) fn submit<T: Task>(
        self: &Arc<Self>,
        task: T,
        origin: Origin,
        patience: Patience,
    ) -> Handle<T::Output> {
        match self.try_submit(task, origin, patience) {
            Ok(handle) => handle,
            Err(error) => {
                let why = error.why;
                task::refuse(error.into_task(), origin, why)
            }
        }
    }

    /// As `submit` for each, with one wake-up for those accepted together.
    pub(super) fn submit_many<T: Task>(
        self: &Arc<Self>,
        tasks: Vec<T>,
        origin: Origin,
    ) -> Vec<Handle<T::Output>> {
        if self.limit.is_some() || self.refusal().is_some() {
            let submit = |task| self.submit(task, origin, Patience::AsConfigured);
            return tasks.into_iter().map(submit).collect();
        }
        let mut handles = Vec::with_capacity(tasks.len());
        self.push_many(tasks.into_iter().map(|task| {
            let (job, handle) = task::accept(task, origin);
            handles.push(handle);
            job
        }));
        handles
    }

    /// Submits a task that is not yet due.
    pub(super) fn submit_after<T: Task>(
        self: &Arc<Self>,
        delay: Duration,
        task: T,
        origin: Origin,
    ) -> Handle<T::Output> {
        if let Some(why) = self.refusal() {
            return task::refuse(task, origin, why);
        }
        // A waiter that claimed it would run it too early.
        let origin = Origin {
            claim: Claim::Nobody,
            ..origin
        };
        let (job, handle) = task::accept(task, origin);
        self.delayed.add(self, delay, job);
        handle
    }

    /// A task that was not yet due is now: it is counted, if not limited.
    pub(super) fn push_due(self: &Arc<Self>, job: Job) {
        if let Some(limit) = &self.limit {
            limit.count();
        }
        job.set_due();
        self.push(job);
    }

    /// Queues the child of a scope: its owner waits for it, so it is never refused.
    pub(super) fn push_child(self: &Arc<Self>, job: Job) {
        if let Some(limit) = &self.limit {
            limit.count();
        }
        self.push(job);
    }

    /// Queues a job and sees to it that somebody runs it.
    #[inline]
    pub(super) fn push(self: &Arc<Self>, job: Job) {
        self.trace(&job);
        let from_outside = with_worker(self.id, |worker| {
            self.enqueue(worker, job);
            worker.is_none_or(Worker::is_out)
        });
        self.published(from_outside);
    }

    /// Queues many jobs, and wakes once: the one that is woken wakes the next.
    pub(super) fn push_many(self: &Arc<Self>, jobs: impl Iterator<Item = Job>) {
        let from_outside = with_worker(self.id, |worker| {
            for job in jobs {
                self.trace(&job);
                self.enqueue(worker, job);
            }
            worker.is_none_or(Worker::is_out)
        });
        self.published(from_outside);
    }

    /// Something was queued that others may take; `from_outside`, by a thread that
    /// the end of the pool does not wait for.
    #[inline]
    pub(super) fn published(self: &Arc<Self>, from_outside: bool) {
        let call = self.sleep.job_published();
        self.answer_from(call, from_outside);
    }

    /// Does what a call asks that follows the queueing of a job.
    #[inline]
    pub(super) fn answer_from(self: &Arc<Self>, call: Call, from_outside: bool) {
        if !matches!(call, Call::Nothing) {
            self.answer(call);
        }
        if from_outside && self.sleep.has_ended() && !mutant("core-push-after-end") {
            // The pool has ended while we pushed: nobody else will look.
            self.discard_all();
        }
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

    /// Who runs now, each once.
    pub(super) fn running(&self) -> Vec<TaskInfo> {
        let mut tasks = Vec::new();
        for slot in self.used_slots() {
            slot.running
                .look(|task| tasks.extend((!task.is_part()).then(|| task.info())));
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
