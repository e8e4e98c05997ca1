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

use std::fmt;
use std::time::{Duration, Instant};

use super::{AsCompleted, CancellationToken, Handle, Submit, Task, With};
use crate::error::{GroupError, Refusal, SubmitError, TaskError, TimedOut};
use crate::primitive::now;
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
    made: Instant,
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
            made: now(),
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
    /// group.submit(|| unreachable!());
    /// assert!(group.settle()[0].as_ref().is_err_and(|error: &_| error.is_timed_out()));
    /// # let _: Vec<Result<(), raddle::TaskError>> = vec![];
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

    /// Waits for all tasks and returns their values in the order of submission;
    /// the first error cancels the rest.
    ///
    /// Blocks until every task has ended, or until the group's deadline. One
    /// that is asked to stop runs on until it looks at its token. No tasks at
    /// all is an empty vector, at once.
    ///
    /// # Errors
    ///
    /// The errors in the order of submission. Tasks that were cancelled are
    /// among them only if there is no other error.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(|| 1);
    /// group.submit(|| panic!("no luck"));
    /// let failed = group.all().unwrap_err();
    /// assert!(failed.first().is_panicked());
    /// ```
    #[doc(alias = "gather")]
    pub fn all(mut self) -> Result<Vec<T>, GroupError> {
        self.look_for_errors();
        while let Some((index, outcome)) = self.next() {
            self.note(index, outcome, Result::is_err);
        }
        self.into_all()
    }

    /// As [`all`](Self::all), but to be awaited; dropped half way, it cancels.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    pub async fn all_async(mut self) -> Result<Vec<T>, GroupError> {
        self.look_for_errors();
        while let Some((index, outcome)) = self.tasks.next_async().await {
            self.note(index, outcome, Result::is_err);
        }
        self.into_all()
    }

    /// Waits for the first task that succeeds, and cancels the others.
    ///
    /// Blocks; it does not wait for those that it asks to stop.
    ///
    /// # Errors
    ///
    /// All errors in the order of submission, if no task succeeds; one
    /// [`TaskError::Cancelled`], if there is no task.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mut mirrors = TaskGroup::new(&Inline);
    /// mirrors.submit(|| panic!("down"));
    /// mirrors.submit(|| "hello");
    /// assert_eq!(mirrors.first().unwrap(), "hello");
    /// ```
    pub fn first(mut self) -> Result<T, GroupError> {
        let mut value = self.take_value();
        while value.is_none()
            && let Some((index, outcome)) = self.next()
        {
            value = self.keep_error(index, outcome);
        }
        self.into_first(value)
    }

    /// As [`first`](Self::first), but to be awaited; dropped half way, it
    /// cancels.
    ///
    /// # Errors
    ///
    /// As [`first`](Self::first).
    pub async fn first_async(mut self) -> Result<T, GroupError> {
        let mut value = self.take_value();
        while value.is_none()
            && let Some((index, outcome)) = self.tasks.next_async().await
        {
            value = self.keep_error(index, outcome);
        }
        self.into_first(value)
    }

    /// Waits for all tasks and returns their outcomes, in the order of
    /// submission.
    ///
    /// Blocks until every task has ended, or until the group's deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(|| 1);
    /// group.submit(|| panic!("no luck"));
    /// let outcomes = group.settle();
    /// assert!(outcomes[0].is_ok() && outcomes[1].is_err());
    /// ```
    pub fn settle(mut self) -> Vec<Result<T, TaskError>> {
        while let Some((index, outcome)) = self.next() {
            self.outcomes[index] = Some(outcome);
        }
        self.into_outcomes()
    }

    /// As [`settle`](Self::settle), but to be awaited; dropped half way, it
    /// cancels.
    pub async fn settle_async(mut self) -> Vec<Result<T, TaskError>> {
        while let Some((index, outcome)) = self.tasks.next_async().await {
            self.outcomes[index] = Some(outcome);
        }
        self.into_outcomes()
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
        let limit = self.deadline.instant();
        let limit = limit.map_or(Duration::ZERO, |at| at.saturating_duration_since(self.made));
        for (index, handle) in self.tasks.drain() {
            handle.cancel();
            let outcome = match handle.result_timeout(Duration::ZERO) {
                Ok(Err(TaskError::Cancelled)) | Err(_) => {
                    let ran_for = self.made.elapsed();
                    let late = TimedOut::new(limit, ran_for, false);
                    Err(TaskError::TimedOut(Box::new(late)))
                }
                Ok(outcome) => outcome,
            };
            self.outcomes[index] = Some(outcome);
        }
    }

    /// Keeps an outcome; cancels the rest if `is_decisive` says so.
    fn note(
        &mut self,
        index: usize,
        outcome: Outcome<T>,
        is_decisive: impl Fn(&Outcome<T>) -> bool,
    ) {
        if is_decisive(&outcome) && !self.token.is_cancelled() {
            self.cancel();
        }
        self.outcomes[index] = Some(outcome);
    }

    /// An error may have come while `submit` waited for room.
    fn look_for_errors(&self) {
        if self.outcomes.iter().flatten().any(Result::is_err) {
            self.cancel();
        }
    }

    /// A value may have come while `submit` waited for room.
    fn take_value(&mut self) -> Option<T> {
        let outcomes = self.outcomes.iter_mut();
        let mut values = outcomes.filter(|outcome| matches!(outcome, Some(Ok(_))));
        values.next().and_then(Option::take).and_then(Result::ok)
    }

    fn keep_error(&mut self, index: usize, outcome: Outcome<T>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.outcomes[index] = Some(Err(error));
                None
            }
        }
    }

    fn into_outcomes(mut self) -> Vec<Outcome<T>> {
        let outcomes = std::mem::take(&mut self.outcomes);
        let outcomes = outcomes.into_iter();
        outcomes
            .map(|outcome| outcome.unwrap_or(Err(TaskError::Cancelled)))
            .collect()
    }

    fn into_all(self) -> Result<Vec<T>, GroupError> {
        let mut values = Vec::with_capacity(self.outcomes.len());
        let mut errors = Vec::new();
        for outcome in self.into_outcomes() {
            match outcome {
                Ok(value) => values.push(value),
                Err(error) => errors.push(error),
            }
        }
        if errors.iter().any(|error| !error.is_cancelled()) {
            errors.retain(|error| !error.is_cancelled());
        }
        match GroupError::new(errors) {
            None => Ok(values),
            Some(error) => Err(error),
        }
    }

    fn into_first(mut self, value: Option<T>) -> Result<T, GroupError> {
        // A deadline settles what is left, a value among it perhaps.
        if let Some(value) = value.or_else(|| self.take_value()) {
            return Ok(value);
        }
        let outcomes = self.into_outcomes().into_iter();
        let errors: Vec<TaskError> = outcomes.filter_map(Result::err).collect();
        Err(GroupError::new(errors).unwrap_or_else(GroupError::of_nothing))
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
