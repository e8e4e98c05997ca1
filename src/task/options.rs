//! What can be submitted: a closure, or a closure with options.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::cancel::CancellationToken;
use super::extras::Options;

/// Something that runs once and gives a result.
///
/// Every `FnOnce() -> R + Send + 'static` is a task. The methods add options;
/// [`task`] starts a chain of them from a closure.
///
/// # Examples
///
/// ```
/// use raddle::{Inline, task};
/// use std::time::Duration;
///
/// let answer = Inline.submit(task(|| 6 * 7).named("answer").timeout(Duration::from_secs(1)));
/// assert_eq!(answer.name(), Some("answer"));
/// assert_eq!(answer.result().unwrap(), 42);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task: a task is a closure without arguments that is `Send + 'static`",
    note = "pass the closure itself, `submit(move || f(x))`, not its result, `submit(f(x))`"
)]
pub trait Task: Send + Sized + 'static {
    /// What the task returns.
    type Output: Send + 'static;

    /// Runs the task in the calling thread.
    ///
    /// Options have no effect here: whoever accepts a task heeds them. A panic
    /// passes to the caller.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Task, ThreadPool, WhenFull, task};
    ///
    /// let pool = ThreadPool::builder().workers(1).queue_limit(0, WhenFull::Refuse).build()?;
    /// let refused = pool.try_submit(task(|| 42).named("answer")).unwrap_err();
    /// assert_eq!(refused.into_task().run(), 42);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    fn run(self) -> Self::Output;

    /// Gives the task a name, for errors and [`dump`](crate::dump).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, Task};
    ///
    /// let handle = Inline.submit((|| 1).named("one"));
    /// assert_eq!(handle.name(), Some("one"));
    /// ```
    fn named(self, name: impl Into<String>) -> With<Self> {
        With::new(self).named(name)
    }

    /// Limits how long the task may run; waiting in a queue does not count.
    ///
    /// A thread cannot be killed: when the limit has passed, the task's token
    /// ([`current`](crate::current)) is cancelled and the handle says
    /// [`TimedOut`](crate::TaskError::TimedOut) at once. The closure runs on
    /// until it looks at its token, and its late result is dropped. Where the
    /// system gives no thread for the timer the token looks at the clock itself,
    /// and the handle says so once the closure has returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = raddle::ThreadPool::new(1)?;
    /// let endless = raddle::task(|| {
    ///     let token = raddle::current().unwrap().token().clone();
    ///     while token.check().is_ok() {}
    /// });
    /// let handle = pool.submit(endless.timeout(Duration::from_millis(5)));
    /// assert!(handle.result().unwrap_err().is_timed_out());
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    fn timeout(self, limit: Duration) -> With<Self> {
        With::new(self).timeout(limit)
    }

    /// Limits when the task must be done, waiting in a queue included.
    ///
    /// A task that has not started by then never runs; for one that runs, see
    /// [`timeout`](Self::timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// let never = raddle::task(|| unreachable!()).deadline(std::time::Instant::now());
    /// assert!(raddle::Inline.submit(never).result().unwrap_err().is_timed_out());
    /// ```
    fn deadline(self, at: Instant) -> With<Self> {
        With::new(self).deadline(at)
    }

    /// Says whether the task starts before others, or after them: see [`Priority`].
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Priority, Task, ThreadPool};
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let report = pool.submit((|| "nobody waits for this").priority(Priority::Low));
    /// let click = pool.submit((|| "somebody does").priority(Priority::High));
    /// assert_eq!(click.result().unwrap(), "somebody does");
    /// # report.result().unwrap();
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    fn priority(self, priority: Priority) -> With<Self> {
        With::new(self).priority(priority)
    }

    /// Ties the task to a token: cancelled before it starts, it never runs;
    /// while it runs, its own token ([`current`](crate::current)) is cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{CancellationToken, Inline, Task};
    ///
    /// let token = CancellationToken::new();
    /// let before = Inline.submit((|| 1).cancelled_by(&token));
    /// token.cancel();
    /// let after = Inline.submit((|| 2).cancelled_by(&token));
    /// assert!(before.result().is_ok() && after.result().is_err());
    /// ```
    fn cancelled_by(self, token: &CancellationToken) -> With<Self> {
        With::new(self).cancelled_by(token)
    }

    /// Takes the options out, for whoever accepts the task.
    #[doc(hidden)]
    fn take_options(&mut self) -> Option<TaskOptions> {
        None
    }

    /// Where the task was submitted, if not where it is accepted.
    #[doc(hidden)]
    fn submitted_at(&self) -> Option<&'static Location<'static>> {
        None
    }
}

/// Which of the queued tasks a pool starts first.
///
/// A worker that looks for a task takes
///
/// 1. a `High` one, if any is queued: the one that was queued first;
/// 2. else a `Normal` one: its own newest, one from outside, or another worker's;
/// 3. else a `Low` one: the one that was queued first.
///
/// So that nobody waits for ever, one of each 62 searches of a worker begins with the
/// `Normal` task that has waited longest (in its own queue and outside, by turns), and
/// one of each 124 with the first `Low` one. Nothing is promised beyond: with
/// several workers, tasks of one priority may start in another order than they were
/// queued, and a `Low` one may run beside a `High` one.
///
/// A priority interrupts nothing, and a task of low priority that runs is like any
/// other: so is one that its waiter claims. It has no effect where a task runs at once
/// ([`Inline`](crate::Inline)), nor on a blocking task
/// ([`submit_blocking`](crate::ThreadPool::submit_blocking)).
///
/// # Examples
///
/// ```
/// use raddle::{Priority, ThreadPool, task};
///
/// let pool = ThreadPool::new(2)?;
/// let tidy_up = task(|| ()).priority(Priority::Low);
/// pool.submit(tidy_up).detach();
/// # Ok::<_, raddle::StartError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// When there is nothing else, and now and then all the same.
    Low,
    /// What tasks have that were not given one.
    #[default]
    Normal,
    /// Before all others.
    High,
}

/// The options of a task, on their way to its cell.
#[doc(hidden)]
#[derive(Debug)]
pub struct TaskOptions(pub(crate) Box<Options>);

impl<F, R> Task for F
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    #[inline]
    fn run(self) -> R {
        self()
    }
}

/// A task with options: what [`task`] and the methods of [`Task`] return.
///
/// # Examples
///
/// ```
/// use raddle::{Inline, task};
///
/// let handle = Inline.submit(task(|| 1).named("one"));
/// assert_eq!(handle.name(), Some("one"));
/// # handle.detach();
/// ```
#[must_use = "a task does nothing until it is submitted"]
pub struct With<T> {
    task: T,
    options: Option<Box<Options>>,
}

/// Starts a chain of options from a closure.
///
/// # Examples
///
/// ```
/// use raddle::{CancellationToken, Inline, task};
///
/// let token = CancellationToken::new();
/// token.cancel();
/// let never = Inline.submit(task(|| unreachable!()).cancelled_by(&token));
/// assert!(never.result().unwrap_err().is_cancelled());
/// ```
pub fn task<F, R>(f: F) -> With<F>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    With::new(f)
}

// These stand before the trait's methods of the same names, so that a chain
// stays one `With` deep.
impl<T> With<T> {
    fn new(task: T) -> Self {
        Self {
            task,
            options: None,
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(self.options.get_or_insert_default());
        self
    }

    /// See [`Task::named`].
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(raddle::task(|| 1).named("one"));
    /// assert_eq!(handle.name(), Some("one"));
    /// ```
    pub fn named(self, name: impl Into<String>) -> Self {
        self.set(|options| options.name = Some(name.into()))
    }

    /// See [`Task::timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{ThreadPool, task};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let quick = task(|| 6 * 7).named("answer").timeout(Duration::from_secs(5));
    /// assert_eq!(pool.submit(quick).result().unwrap(), 42);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn timeout(self, limit: Duration) -> Self {
        self.set(|options| options.timeout = Some(limit))
    }

    /// See [`Task::deadline`].
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, task};
    /// use std::time::{Duration, Instant};
    ///
    /// let today = Instant::now() + Duration::from_secs(60);
    /// let report = task(|| "written").named("report").deadline(today);
    /// assert_eq!(Inline.submit(report).result().unwrap(), "written");
    /// ```
    pub fn deadline(self, at: Instant) -> Self {
        self.set(|options| options.deadline = Some(at))
    }

    /// See [`Task::priority`].
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, Priority, task};
    ///
    /// let urgent = task(|| 1).named("urgent").priority(Priority::High);
    /// assert_eq!(Inline.submit(urgent).result().unwrap(), 1);
    /// ```
    pub fn priority(self, priority: Priority) -> Self {
        self.set(|options| options.priority = Some(priority))
    }

    /// See [`Task::cancelled_by`].
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{CancellationToken, Inline, task};
    ///
    /// let stop = CancellationToken::new();
    /// stop.cancel();
    /// let never = task(|| unreachable!()).named("never").cancelled_by(&stop);
    /// assert!(Inline.submit(never).result().unwrap_err().is_cancelled());
    /// ```
    pub fn cancelled_by(self, token: &CancellationToken) -> Self {
        self.set(|options| options.token = Some(token.clone()))
    }
}

// Else the compiler proposes it to whoever submits what is not `Send`.
#[diagnostic::do_not_recommend]
impl<T: Task> Task for With<T> {
    type Output = T::Output;

    #[inline]
    fn run(self) -> T::Output {
        self.task.run()
    }

    fn take_options(&mut self) -> Option<TaskOptions> {
        // A group wraps what may have options of its own.
        let inner = self.task.take_options();
        match (self.options.take(), inner) {
            (Some(outer), Some(inner)) => Some(TaskOptions(Box::new(outer.merge(*inner.0)))),
            (outer, inner) => outer.map(TaskOptions).or(inner),
        }
    }

    fn submitted_at(&self) -> Option<&'static Location<'static>> {
        self.task.submitted_at()
    }
}

impl<T> fmt::Debug for With<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
