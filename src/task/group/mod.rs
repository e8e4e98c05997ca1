//! Tasks that belong together: they succeed, fail and are cancelled as one.
//!
//! ```text
//!   submit ──► a task tied to the group's token ──► AsCompleted ──► outcomes
//!                                                     by index       by index
//!   all:    every value, or the errors      the first error cancels the rest
//!   first:  a value, or all errors          the first value cancels the rest
//!   settle: every outcome
//! ```
//!
//! 1. Every task of a group is tied to its token, and to its deadline.
//! 2. At most `limit` tasks are unfinished: `submit` waits for the others.
//! 3. A group that is dropped, also half way through, cancels what is left.
//! 4. Outcomes are in the order of submission, whatever the order of the ends.
//!
//! Nothing here is shared between threads: the token and the handles are.

mod gather;

use std::fmt;
use std::time::{Duration, Instant};

use super::{AsCompleted, CancellationToken, Handle, Submit, Task, With};
use crate::error::{Refusal, SubmitError, TaskError};
use crate::wait::deadline::Deadline;

type Outcome<T> = Result<T, TaskError>;

/// Tasks that are waited for, and cancelled, together.
///
/// The tasks of a group are tied to its token: [`cancel`](Self::cancel) keeps
/// those from running that have not started, and asks the others to stop.
/// Dropping the group does the same.
///
/// # Examples
///
/// ```
/// use raddle::{Inline, TaskGroup};
///
/// let mut group = TaskGroup::new(&Inline);
/// for n in 1..=3 {
///     group.submit(move || n * n);
/// }
/// assert_eq!(group.all().unwrap(), [1, 4, 9]);
/// ```
#[must_use = "dropping a group cancels its tasks"]
pub struct TaskGroup<'p, P, T> {
    pool: &'p P,
    token: CancellationToken,
    tasks: AsCompleted<usize, T>,
    outcomes: Vec<Option<Outcome<T>>>,
    limit: usize,
    deadline: Deadline,
}

impl<'p, P, T> TaskGroup<'p, P, T> {
    /// Makes an empty group of tasks that run on `pool`.
    #[doc(alias = "gather")]
    pub fn new(pool: &'p P) -> Self {
        Self {
            pool,
            token: CancellationToken::new(),
            tasks: AsCompleted::new(),
            outcomes: Vec::new(),
            limit: usize::MAX,
            deadline: Deadline::NEVER,
        }
    }

    /// Allows `tasks` unfinished tasks at once, at least 1; [`submit`](Self::submit)
    /// then blocks until there are fewer.
    pub fn limit(mut self, tasks: usize) -> Self {
        self.limit = tasks.max(1);
        self
    }

    /// Cancels at `at` what has not ended; such a task's outcome is
    /// [`TaskError::TimedOut`]. For tasks that are submitted from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    /// use std::time::Instant;
    ///
    /// let mut group = TaskGroup::new(&Inline).deadline(Instant::now());
    /// group.submit(|| "never");
    /// assert!(group.settle()[0].as_ref().unwrap_err().is_timed_out());
    /// ```
    pub fn deadline(mut self, at: Instant) -> Self {
        self.deadline = Deadline::at(at);
        self
    }

    /// Submits a task to the pool. Its outcome has the next place.
    ///
    /// Blocks while as many tasks are unfinished as [`limit`](Self::limit)
    /// allows; [`submit_timeout`](Self::submit_timeout) is its timed twin.
    #[track_caller]
    pub fn submit<W>(&mut self, task: W)
    where
        W: Task<Output = T>,
        P: Submit<With<W>>,
    {
        let _ = self.make_room(Deadline::NEVER);
        self.start(task);
    }

    /// As [`submit`](Self::submit), but waits at most `limit` for room.
    ///
    /// # Errors
    ///
    /// The task, with [`Refusal::Full`], if there was no room in time.
    #[track_caller]
    pub fn submit_timeout<W>(&mut self, task: W, limit: Duration) -> Result<(), SubmitError<W>>
    where
        W: Task<Output = T>,
        P: Submit<With<W>>,
    {
        if !self.make_room(Deadline::after(limit)) {
            return Err(SubmitError::new(Refusal::Full, task));
        }
        self.start(task);
        Ok(())
    }

    /// As [`submit`](Self::submit), but waits until `at` at most for room.
    ///
    /// # Errors
    ///
    /// As [`submit_timeout`](Self::submit_timeout).
    #[track_caller]
    pub fn submit_deadline<W>(&mut self, task: W, at: Instant) -> Result<(), SubmitError<W>>
    where
        W: Task<Output = T>,
        P: Submit<With<W>>,
    {
        if !self.make_room(Deadline::at(at)) {
            return Err(SubmitError::new(Refusal::Full, task));
        }
        self.start(task);
        Ok(())
    }

    #[track_caller]
    fn start<W>(&mut self, task: W)
    where
        W: Task<Output = T>,
        P: Submit<With<W>>,
    {
        let mut task = Task::cancelled_by(task, &self.token);
        if let Some(at) = self.deadline.instant() {
            task = task.deadline(at);
        }
        let handle: Handle<T> = self.pool.accept(task);
        self.tasks.add(self.outcomes.len(), handle);
        self.outcomes.push(None);
    }

    /// The group's token: whoever cancels it cancels the tasks.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Cancels the tasks that have not started, and asks the others to stop.
    pub fn cancel(&self) {
        self.token.cancel();
        self.tasks.cancel();
    }

    /// How many tasks were submitted.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether no task was submitted.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Collects ends until there are fewer unfinished tasks than allowed.
    fn make_room(&mut self, deadline: Deadline) -> bool {
        while self.tasks.len() >= self.limit {
            let next = match deadline.is_never() {
                true => Ok(self.next()),
                false => self.tasks.next_until(deadline.earlier(self.deadline)),
            };
            match next {
                Ok(Some((index, outcome))) => self.outcomes[index] = Some(outcome),
                Ok(None) => return true,
                Err(_) if deadline.has_passed() => return false,
                Err(_) => self.expire(),
            }
        }
        true
    }

    /// The next task that ends, or, at the deadline, none: what is left then
    /// has its outcome.
    fn next(&mut self) -> Option<(usize, Outcome<T>)> {
        match self.tasks.next_until(self.deadline) {
            Ok(next) => next,
            Err(_) => {
                self.expire();
                None
            }
        }
    }

    /// The deadline has passed: what has not ended is cancelled and says so.
    ///
    /// The tasks know their deadline themselves; this is for those whose timer
    /// is late.
    fn expire(&mut self) {
        self.token.cancel();
        for (index, handle) in self.tasks.drain() {
            handle.cancel();
            let late = handle.task().header().given_up();
            let outcome = match handle.result_timeout(Duration::ZERO) {
                Ok(Err(TaskError::Cancelled)) | Err(_) => Err(late),
                Ok(outcome) => outcome,
            };
            self.outcomes[index] = Some(outcome);
        }
    }
}

impl<P, T> Drop for TaskGroup<'_, P, T> {
    fn drop(&mut self) {
        if self.tasks.len() > 0 {
            self.cancel();
        }
    }
}

impl<P, T> fmt::Debug for TaskGroup<'_, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("len", &self.len())
            .field("unfinished", &self.tasks.len())
            .field("cancelled", &self.token.is_cancelled())
            .finish_non_exhaustive()
    }
}
