//! The end of a pool, in numbered steps.
//!
//! 1. *Close the intake.* Nothing more is accepted; a drop still takes what
//!    the pool's own tasks submit.
//! 2. *Cancel what is not yet due* (`submit_after`).
//! 3. *By the kind of shutdown*: leave the queue to be worked off, or cancel
//!    it and the futures that wait, or ask the running tasks to stop as well.
//! 4. *Close the crew*: the last thread that parks dismisses them all.
//! 5. *Wait*: for the end, or up to the limit, or not at all.
//! 6. *Cancel leftovers* of submitters that raced with the end, and *join* the
//!    threads. A thread of the pool joins nobody; one that waits for the end
//!    of its own pool is not joined: it goes on, and leaves when its task
//!    returns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, Intake};
use super::slot::Slot;
use super::worker::{is_thread_of, with_worker};
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{Steal, mutant};
use crate::task::{Job, TaskInfo};
use crate::wait::deadline::Deadline;

/// How a pool ends: `ThreadPool::shutdown`.
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::new(1)?;
/// pool.submit(|| ()).detach();
/// assert_eq!(pool.shutdown(raddle::Shutdown::Finish).finished, 1);
/// # Ok::<_, raddle::StartError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// Waits for everything that was submitted, however long that takes: also
    /// for a future that waits for something, as for a task that blocks on it.
    Finish,
    /// Waits so long for everything that was submitted; then cancels the queue,
    /// the futures that wait and the tokens of the running tasks, and returns.
    FinishWithin(Duration),
    /// Cancels what is queued and the futures that wait, and waits for what runs.
    #[doc(alias = "cancel_futures")]
    CancelQueued,
    /// Cancels what is queued, the futures that wait and the tokens of what runs,
    /// and returns at once.
    Kill,
}

/// What a shutdown has found.
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::new(1)?;
/// let report = pool.shutdown(raddle::Shutdown::CancelQueued);
/// assert_eq!(report.to_string(), "0 finished, 0 cancelled");
/// # Ok::<_, raddle::StartError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that the pool has run to their end in its life, panics included.
    pub finished: u64,
    /// Tasks that the shutdown has cancelled before they started, and futures that
    /// it has cancelled before they were over.
    pub cancelled: u64,
    /// Tasks that were still running when the shutdown returned.
    pub still_running: Vec<TaskInfo>,
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} finished, {} cancelled",
            self.finished, self.cancelled
        )?;
        match self.still_running.len() {
            0 => Ok(()),
            n => {
                write!(f, ", {n} still running:")?;
                self.still_running
                    .iter()
                    .try_for_each(|task| write!(f, "\n  {task}"))
            }
        }
    }
}

impl Core {
    /// Ends the pool as `how` says. A later call returns the first one's report.
    pub(super) fn shut_down(self: &Arc<Self>, how: Shutdown) -> ShutdownReport {
        if let Some(report) = self.report.get() {
            return report.clone();
        }
        let deadline = match how {
            Shutdown::Finish | Shutdown::CancelQueued => Deadline::NEVER,
            Shutdown::FinishWithin(limit) => Deadline::after(limit),
            Shutdown::Kill => Deadline::after(Duration::ZERO),
        };
        self.close(match how {
            Shutdown::Finish | Shutdown::FinishWithin(_) => Intake::Closed,
            Shutdown::CancelQueued | Shutdown::Kill => Intake::Discarding,
        });
        if how == Shutdown::Kill {
            self.cancel_running();
        }
        if !self.wait_for_end(deadline) {
            self.close(Intake::Discarding);
            self.cancel_running();
        }
        self.report.get_or_init(|| self.make_report()).clone()
    }

    /// The end that dropping the pool's owner brings.
    pub(super) fn end_by_drop(self: &Arc<Self>, unwinding: bool) {
        if self.report.get().is_some() {
            return;
        }
        self.close(if unwinding {
            Intake::Discarding
        } else {
            Intake::Draining
        });
        if with_worker(self.id, |worker| worker.is_some()) {
            // The last thread out cleans up; this one is still inside a task or scope.
            return;
        }
        self.wait_for_end(Deadline::NEVER);
    }

    /// Steps 1 to 4.
    pub(super) fn close(&self, intake: Intake) {
        self.set_intake(intake);
        self.wake_submitters();
        let not_due = self.delayed.close();
        // ORDERING: Relaxed, statistics.
        self.discarded.fetch_add(not_due as u64, Relaxed);
        if intake == Intake::Discarding && !mutant("core-cancel-leaves-the-queue") {
            self.discard_all();
            self.cancel_futures();
        }
        self.sleep.close(self);
    }

    /// Steps 5 and 6; `false` says that the deadline came first.
    pub(super) fn wait_for_end(self: &Arc<Self>, deadline: Deadline) -> bool {
        // The caller may be a worker, of this pool or of another.
        let blocking = Blocking::start(BlockedOn::Thing("the end of a pool"));
        self.excuse_futures_here();
        let own = with_worker(self.id, |worker| {
            // A guest has stepped out already, but for one inside of `blocking`.
            worker?.steps_out();
            let member = worker.filter(|worker| !worker.is_guest())?;
            Some(member.index())
        });
        let is_closer = own.map(|index| &self.slots[index].is_closer);
        // ORDERING: Relaxed here and in `join_threads`: the crew's lock, under
        // which closers are counted, lies in between.
        let mark = |closes| {
            if let Some(is_closer) = is_closer {
                is_closer.store(closes, Relaxed);
            }
        };
        mark(true);
        if own.is_some() {
            let call = self.sleep.closer_comes(&**self);
            self.answer(call);
        }
        let ended = self.sleep.wait_for_end(own.is_some(), deadline);
        mark(ended);
        if ended {
            self.discard_all();
            // A thread on its way out may run destructors that wait for the
            // caller's own pool.
            self.join_threads();
        }
        drop(blocking);
        ended
    }

    /// Cancels a job that was taken out of a queue. One that had been claimed or
    /// cancelled before does not count.
    pub(super) fn discard(&self, job: Job) {
        if job.cancel() {
            // ORDERING: Relaxed, statistics.
            self.discarded.fetch_add(1, Relaxed);
        }
    }

    /// Cancels everything that is queued.
    pub(super) fn discard_all(&self) {
        while let Some(job) = self.take_errand() {
            self.job_taken(&job);
            self.discard(job);
        }
        while self.has_tasks() {
            if let Some(job) = self.ranks.take_any() {
                self.job_taken(&job);
                self.discard(job);
            }
            let stealers = self.used_slots().filter_map(Slot::stealer);
            let stolen = std::iter::once(self.injector.steal())
                .chain(stealers.map(|stealer| stealer.steal()));
            for steal in stolen {
                if let Steal::Success(job) = steal {
                    self.job_taken(&job);
                    self.discard(job);
                }
            }
        }
    }

    /// Tokens of all running tasks, cancelled.
    pub(super) fn cancel_running(&self) {
        let mut tokens = Vec::new();
        // Unused slots as well: a thread may be starting.
        for slot in &self.slots {
            slot.running.cancel_all();
            slot.running.look(|task| tokens.extend(task.ask_cancel()));
        }
        // User code (callbacks of tokens) runs when nobody is looked at.
        for token in tokens {
            token.cancel();
        }
    }

    /// Joins those that are gone, not those that wait for the end themselves.
    /// A thread of the pool joins nobody: another may be joining it.
    fn join_threads(&self) {
        if is_thread_of(self.id) {
            return;
        }
        for slot in self.thread_slots() {
            // ORDERING: see `wait_for_end`.
            if slot.is_closer.load(Relaxed) {
                continue;
            }
            let threads = std::mem::take(&mut *slot.threads.lock());
            for thread in threads {
                // Its body contains every panic of the user's.
                let _ = thread.join();
            }
        }
    }

    fn make_report(&self) -> ShutdownReport {
        // ORDERING: Relaxed, statistics.
        let counters = self.used_slots().map(|slot| &slot.counters);
        let finished = counters
            .map(|c| c.finished.load(Relaxed) + c.panicked.load(Relaxed) + c.late.load(Relaxed))
            .sum();
        ShutdownReport {
            finished,
            cancelled: self.discarded.load(Relaxed),
            still_running: self.running(),
        }
    }
}
