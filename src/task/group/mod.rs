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
//! 4. An outcome that is not handed out is dropped contained.
//! 5. Outcomes are in the order of submission, whatever the order of the ends.
//!
//! Nothing here is shared between threads: the token and the handles are.

mod gather;

use std::fmt;
use std::time::{Duration, Instant};

use super::{AsCompleted, CancellationToken, Handle, Submit, Task, With};
use crate::error::{Refusal, SubmitError, TaskError};
use crate::primitive::drop_each;
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
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{TaskGroup, ThreadPool};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let mut group = TaskGroup::new(&pool);
    /// group.submit(|| "one");
    /// group.submit(|| "two");
    /// assert_eq!(group.all().unwrap(), ["one", "two"]);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{TaskGroup, ThreadPool};
    ///
    /// let pool = ThreadPool::for_blocking(20)?;
    /// let mut reads = TaskGroup::new(&pool).limit(4); // four open files at most
    /// for file in ["Cargo.toml", "README.md"] {
    ///     reads.submit(move || std::fs::read_to_string(file));
    /// }
    /// assert_eq!(reads.all().unwrap().len(), 2);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
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
    /// allows; [`submit_timeout`](Self::submit_timeout) is its timed twin. A
    /// task that the pool refuses has that as its outcome.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup, task};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(task(|| 6 * 7).named("answer"));
    /// assert_eq!(group.all().unwrap(), [42]);
    /// ```
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
    /// Blocks so long at most, and only while as many tasks are unfinished as
    /// [`limit`](Self::limit) allows. `Duration::ZERO` looks once,
    /// `Duration::MAX` waits for ever. What the pool does at a queue limit of
    /// its own is not bounded by it: `WhenFull::Wait` blocks on.
    ///
    /// # Errors
    ///
    /// The task, with [`Refusal::Full`], if the group had no room in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{TaskGroup, ThreadPool, task};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let mut group = TaskGroup::new(&pool).limit(1);
    /// group.submit(task(|| raddle::current().unwrap().token().wait()));
    /// let full = group.submit_timeout(task(|| ()), Duration::from_millis(1));
    /// assert_eq!(full.unwrap_err().why, raddle::Refusal::Full);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    #[track_caller]
    pub fn submit_timeout<W>(&mut self, task: W, limit: Duration) -> Result<(), SubmitError<W>>
    where
        W: Task<Output = T>,
        P: Submit<With<W>>,
    {
        self.submit_until(task, Deadline::after(limit))
    }

    /// As [`submit`](Self::submit), but waits until `at` at most for room.
    ///
    /// Blocks as [`submit_timeout`](Self::submit_timeout) does; a time that has
    /// passed looks once.
    ///
    /// # Errors
    ///
    /// As [`submit_timeout`](Self::submit_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    /// use std::time::{Duration, Instant};
    ///
    /// let give_up = Instant::now() + Duration::from_secs(5);
    /// let mut group = TaskGroup::new(&Inline).limit(2);
    /// for n in 0..10 {
    ///     group.submit_deadline(move || n, give_up).expect("there is room in time");
    /// }
    /// assert_eq!(group.all().unwrap().len(), 10);
    /// ```
    #[track_caller]
    pub fn submit_deadline<W>(&mut self, task: W, at: Instant) -> Result<(), SubmitError<W>>
    where
        W: Task<Output = T>,
        P: Submit<With<W>>,
    {
        self.submit_until(task, Deadline::at(at))
    }

    #[track_caller]
    fn submit_until<W>(&mut self, task: W, deadline: Deadline) -> Result<(), SubmitError<W>>
    where
        W: Task<Output = T>,
        P: Submit<With<W>>,
    {
        if !self.make_room(deadline) {
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
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// let stop = group.token().clone(); // for another thread, say
    /// stop.cancel();
    /// group.submit(|| 1);
    /// assert!(group.all().unwrap_err().first().is_cancelled());
    /// ```
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Cancels the tasks that have not started, and asks the others to stop.
    /// Does not wait for them.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{TaskGroup, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let mut group = TaskGroup::new(&pool);
    /// group.submit(|| raddle::current().unwrap().token().wait());
    /// group.cancel();
    /// assert_eq!(group.settle().len(), 1);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn cancel(&self) {
        self.token.cancel();
        self.tasks.cancel();
    }

    /// How many tasks were submitted, ended or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mut group = TaskGroup::new(&Inline);
    /// group.submit(|| 1);
    /// assert_eq!(group.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether no task was submitted.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskGroup};
    ///
    /// let mirrors: TaskGroup<_, String> = TaskGroup::new(&Inline);
    /// if mirrors.is_empty() {
    ///     println!("nobody to ask: first() would fail");
    /// }
    /// # else { unreachable!() }
    /// ```
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
        drop_each(self.outcomes.drain(..));
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
