//! Tasks that block, beside tasks that compute.
//!
//! | | runs on | the pool's permits |
//! |---|---|---|
//! | [`blocking`] | the worker that calls it | gives its own away for so long |
//! | [`ThreadPool::submit_blocking`] | a thread without one | touches none |
//!
//! Both are one [`Blocking`] section. A wait inside of it gives nothing away and
//! takes nothing back, so the whole section leaves the permit to others.
//! How an errand finds its thread: `sleep/errands.rs`.

use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

use super::ThreadPool;
use super::core::Core;
use super::limit::Patience;
use crate::primitive::Steal;
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::thread;
use crate::task::{self, Claim, Handle, Job, Origin, Task, TaskOptions};

/// Runs `f`, which blocks, and lets a spare worker of the pool work meanwhile.
///
/// For what raddle cannot see: a read from a file or a socket, a lock of std's, a
/// call into C. raddle's own locks, queues and waits tell the pool themselves.
/// Blocks as long as `f` does. Outside of a pool's worker it just calls `f`, and so
/// it does in the hooks of a worker.
///
/// A spare starts, if tasks are queued, up to
/// [`workers_max`](crate::ThreadPoolBuilder::workers_max) threads in all; beyond
/// that, or where the system gives no thread, `f` runs and the queue waits. Spares
/// end when they have been idle for
/// [`keep_alive`](crate::ThreadPoolBuilder::keep_alive). When `f` returns while
/// its place is taken, the task goes on at once all the same: one more computes
/// until it ends. `f` itself should not compute: it does so beyond the workers.
///
/// # Panics
///
/// As `f` does: its panic passes through.
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::new(1)?;
/// let (answer, question) = std::sync::mpsc::channel();
/// // The only worker waits, and yet the second task runs.
/// let waits = pool.submit(move || raddle::blocking(|| question.recv()));
/// pool.submit(move || answer.send(42)).result().unwrap().unwrap();
/// assert_eq!(waits.result().unwrap(), Ok(42));
/// # Ok::<_, raddle::StartError>(())
/// ```
#[doc(alias = "block_in_place")]
#[doc(alias = "ManagedBlocker")]
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    let _section = Blocking::start(BlockedOn::Code);
    f()
}

/// A task that is a blocking section from its first step to its last.
struct BlockingTask<T>(T);

impl<T: Task> Task for BlockingTask<T> {
    type Output = T::Output;

    fn run(self) -> T::Output {
        blocking(|| self.0.run())
    }

    fn take_options(&mut self) -> Option<TaskOptions> {
        self.0.take_options()
    }

    fn submitted_at(&self) -> Option<&'static Location<'static>> {
        self.0.submitted_at()
    }
}

impl ThreadPool {
    /// Submits a task that blocks: it runs on a thread beside the workers, at once,
    /// however busy they are.
    ///
    /// Never blocks. Threads start for such tasks up to
    /// [`workers_max`](crate::ThreadPoolBuilder::workers_max) in all, and end when
    /// they have been idle for [`keep_alive`](crate::ThreadPoolBuilder::keep_alive).
    /// At that number, or where the system gives no thread, the task waits for the
    /// first thread that has nothing else to do; each also looks for one now and
    /// then between its other tasks (in one of 124 searches), and gives its worker's
    /// place away while it runs it. So the two kinds share the threads, and neither
    /// starves the other.
    ///
    /// A wait for its handle does not run it. Only where every thread of the pool
    /// is blocked, the waiter does, so an untimed wait inside the pool still ends.
    ///
    /// A [`queue_limit`](crate::ThreadPoolBuilder::queue_limit) counts it until it
    /// starts. At the limit it is refused where others would wait, and run by the
    /// caller with [`WhenFull::RunHere`](crate::WhenFull::RunHere).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(1)?;
    /// let (answer, question) = std::sync::mpsc::channel();
    /// let waits = pool.submit_blocking(move || question.recv());
    /// let computes = pool.submit(move || answer.send(6 * 7));
    /// assert_eq!(waits.result().unwrap(), Ok(42));
    /// # computes.result().unwrap().unwrap();
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[doc(alias = "spawn_blocking")]
    #[doc(alias = "unblock")]
    #[track_caller]
    pub fn submit_blocking<T: Task>(&self, task: T) -> Handle<T::Output> {
        let origin = Origin {
            claim: Claim::AtLast,
            ..self.core.origin(Location::caller())
        };
        match self.core.accept(BlockingTask(task), origin, Patience::None) {
            Ok((job, handle)) => {
                if let Some(job) = job {
                    self.core.push_errand(job);
                }
                handle
            }
            Err(error) => {
                let why = error.why;
                task::refuse(error.into_task(), origin, why)
            }
        }
    }
}

impl Core {
    /// Queues an errand and sees to it that a thread has it.
    fn push_errand(self: &Arc<Self>, job: Job) {
        self.trace(&job);
        self.errands.push(job);
        let call = self.sleep.errand_published();
        self.answer_from(call, true);
    }

    /// Drops the entry that a waiter's claim has left, if it is the oldest: without
    /// it, a task that submits and waits at the cap, over and over, would fill the
    /// queue.
    pub(super) fn drop_claimed_errand(self: &Arc<Self>, task: NonNull<()>) {
        let Some(job) = self.take_errand() else {
            return;
        };
        if job.header() == task {
            self.job_taken(&job);
            drop(job);
        } else {
            // To the end: who has just looked for one is sent once more.
            self.errands.push(job);
            let call = self.sleep.errand_published();
            self.answer(call);
        }
    }

    /// The errand that has waited longest.
    pub(super) fn take_errand(&self) -> Option<Job> {
        if !self.sleep.has_errands() || !self.sleep.take_errand() {
            return None;
        }
        loop {
            // There is one for us: see `sleep/errands.rs`.
            match self.errands.steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty | Steal::Retry => thread::spin_hint(),
            }
        }
    }
}
