//! What can go wrong, one type per operation.
//!
//! ```text
//!   starting a pool      ──► StartError
//!   try_submit           ──► SubmitError<T>  gives the task back
//!   the task             ──► TaskError ──┬── Panicked(Panic)   the payload is inside
//!                                        ├── Cancelled
//!                                        ├── TimedOut(TimedOut)
//!                                        └── Refused(Refusal)
//!   a group of tasks     ──► GroupError      many TaskErrors, never none
//! ```
//!
//! 1. Every error is `Send + Sync + 'static`.
//! 2. A [`TaskError`] is at most two words: it travels in every result.
//! 3. `{}` is one line, whatever the panic's message holds; `{:#}` adds the
//!    submit site, the panic's location and the backtrace on further lines.
//! 4. Dropping an error never unwinds, whatever the panic's payload does.

mod panic;
mod start;
mod submit;

use std::fmt;
use std::time::Duration;

pub use panic::Panic;
pub(crate) use panic::PanicNote;
pub use start::StartError;
pub use submit::{Refusal, SubmitError};

/// Why a task has no result.
///
/// `{}` shows one line, `{:#}` adds where the task was submitted, where it
/// panicked and the backtrace, as far as they are known.
///
/// # Examples
///
/// ```
/// use raddle::{Refusal, TaskError};
///
/// let error = TaskError::Refused(Refusal::Shutdown);
/// assert!(error.is_refused());
/// assert!(error.to_string().contains("shut down"));
/// ```
#[doc(alias = "CancelledError")]
#[doc(alias = "TimeoutError")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The task panicked.
    #[error(transparent)]
    Panicked(Box<Panic>),
    /// The task was cancelled before it had a result: by its handle, a
    /// token, its group or a shutdown.
    #[doc(alias = "CancelledError")]
    #[error("the task was cancelled")]
    Cancelled,
    /// The task reached its time limit.
    #[doc(alias = "TimeoutError")]
    #[error(transparent)]
    TimedOut(Box<TimedOut>),
    /// The task was never accepted.
    #[error("the task was refused: {0}")]
    Refused(Refusal),
}

const _: () = assert!(size_of::<TaskError>() <= 16);
const _: () = {
    const fn shareable<T: std::error::Error + Send + Sync + 'static>() {}
    shareable::<TaskError>();
    shareable::<Panic>();
    shareable::<TimedOut>();
    shareable::<Refusal>();
    shareable::<SubmitError<()>>();
    shareable::<StartError>();
    shareable::<GroupError>();
};

impl TaskError {
    /// Whether the task panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::TaskError::Cancelled.is_panicked());
    /// ```
    pub fn is_panicked(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// Whether the task was cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = raddle::CancellationToken::new();
    /// token.cancel();
    /// assert!(token.check().is_err_and(|e| e.is_cancelled()));
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// Whether the task reached its time limit.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::TaskError::Cancelled.is_timed_out());
    /// ```
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    /// Whether the task was never accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Refusal, TaskError};
    ///
    /// assert!(TaskError::from(Refusal::Full).is_refused());
    /// ```
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl From<Refusal> for TaskError {
    fn from(why: Refusal) -> Self {
        Self::Refused(why)
    }
}

impl<T> From<SubmitError<T>> for TaskError {
    /// Keeps the reason; drops the task.
    fn from(error: SubmitError<T>) -> Self {
        Self::Refused(error.why)
    }
}

/// A task reached its time limit.
///
/// On a thread nothing can be killed: the task's token is cancelled, the
/// handle says `TimedOut` at once, and the closure runs on until it looks at
/// its token.
///
/// # Examples
///
/// ```
/// use raddle::TaskError;
///
/// fn report(error: &TaskError) -> String {
///     match error {
///         TaskError::TimedOut(late) => format!("{:?} over", late.ran_for() - late.limit()),
///         other => other.to_string(),
///     }
/// }
/// assert_eq!(report(&TaskError::Cancelled), "the task was cancelled");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedOut {
    limit: Duration,
    ran_for: Duration,
    killed: bool,
}

impl TimedOut {
    pub(crate) fn new(limit: Duration, ran_for: Duration, killed: bool) -> Self {
        Self {
            limit,
            ran_for,
            killed,
        }
    }

    /// The limit that the task was given: its `timeout`, or how long it had
    /// until its `deadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{TaskError, ThreadPool, task};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let limit = Duration::from_millis(5);
    /// let sleeps = task(|| raddle::current().unwrap().token().wait()).timeout(limit);
    /// match pool.submit(sleeps).result() {
    ///     Err(TaskError::TimedOut(late)) => assert_eq!(late.limit(), limit),
    ///     other => unreachable!("{other:?}"),
    /// }
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// How long the task had been running at its limit; zero if it had not started.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskError, task};
    /// use std::time::{Duration, Instant};
    ///
    /// let too_late = task(|| 1).deadline(Instant::now());
    /// match Inline.submit(too_late).result() {
    ///     Err(TaskError::TimedOut(late)) => assert_eq!(late.ran_for(), Duration::ZERO),
    ///     other => unreachable!("{other:?}"),
    /// }
    /// ```
    pub fn ran_for(&self) -> Duration {
        self.ran_for
    }

    /// Whether the work was ended, not only the waiting: never on threads.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskError, task};
    ///
    /// let too_late = task(|| 1).deadline(std::time::Instant::now());
    /// match Inline.submit(too_late).result() {
    ///     Err(TaskError::TimedOut(late)) => assert!(!late.killed()),
    ///     other => unreachable!("{other:?}"),
    /// }
    /// ```
    pub fn killed(&self) -> bool {
        self.killed
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            limit,
            ran_for,
            killed,
        } = self;
        if *ran_for == Duration::ZERO {
            return write!(
                f,
                "the task reached its time limit of {limit:?} before it started"
            );
        }
        write!(
            f,
            "the task reached its time limit of {limit:?} after running for {ran_for:?}"
        )?;
        f.write_str(match killed {
            true => " and was killed",
            false => "; a started closure runs on until it looks at its token",
        })
    }
}

impl std::error::Error for TimedOut {}

/// Tasks of a group failed: at least one.
///
/// # Examples
///
/// ```
/// use raddle::GroupError;
///
/// fn report(failed: &GroupError) {
///     for error in failed.errors() {
///         eprintln!("{error}");
///     }
/// }
/// # let _ = report;
/// ```
#[derive(Debug)]
pub struct GroupError {
    /// Never empty.
    errors: Vec<TaskError>,
}

impl GroupError {
    /// `None` when there is no error.
    pub(crate) fn new(errors: Vec<TaskError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self { errors })
    }

    /// Of a group without tasks, of which none could succeed.
    pub(crate) fn of_nothing() -> Self {
        Self {
            errors: vec![TaskError::Cancelled],
        }
    }

    /// All errors, in the order of submission; at least one.
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
    /// for error in failed.errors() {
    ///     eprintln!("{error}");
    /// }
    /// # assert_eq!(failed.errors().len(), 1);
    /// ```
    pub fn errors(&self) -> &[TaskError] {
        &self.errors
    }

    /// The errors by value, in the order of submission; at least one.
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
    /// for error in failed.into_errors() {
    ///     if let raddle::TaskError::Panicked(panic) = error {
    ///         assert!(panic.into_payload().is::<&str>());
    ///     }
    /// }
    /// ```
    pub fn into_errors(self) -> Vec<TaskError> {
        self.errors
    }

    /// The first error, in the order of submission.
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
    /// assert_eq!(failed.first().to_string(), "the task panicked: no luck");
    /// ```
    pub fn first(&self) -> &TaskError {
        &self.errors[0]
    }
}

impl fmt::Display for GroupError {
    /// One line with the first error; `{:#}` shows them all at length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors.len() {
            1 => f.write_str("1 task failed: ")?,
            n => write!(f, "{n} tasks failed; the first: ")?,
        }
        fmt::Display::fmt(self.first(), f)?;
        if f.alternate() {
            for (error, number) in self.errors.iter().zip(1_u64..).skip(1) {
                write!(f, "\n{}: {error:#}", number)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for GroupError {}

#[cfg(test)]
mod tests;
