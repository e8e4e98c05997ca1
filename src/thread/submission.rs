//! How tasks come into a pool: accepted or refused, queued, and somebody called.

use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, Intake};
use super::limit::{Admission, Patience};
use super::sleep::Call;
use super::worker::{Worker, with_worker};
use crate::error::{Refusal, SubmitError};
use crate::primitive::{fork, mutant};
use crate::task::{self, Claim, Handle, Job, Origin, Task};

/// A task that is to be queued, unless it was run at once, and its handle.
type Accepted<T> = (Option<Job>, Handle<<T as Task>::Output>);

impl Core {
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
        if self.is_plain() && !fork::is_forked(self.id) {
            let (job, handle) = task::accept(task, origin);
            self.push_uncounted(job);
            return handle;
        }
        self.submit_counted(task, origin, patience)
    }

    #[inline(never)]
    fn submit_counted<T: Task>(
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
        self.push_uncounted(job);
    }

    #[inline]
    fn push_uncounted(self: &Arc<Self>, job: Job) {
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
}
