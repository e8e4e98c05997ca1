//! A task that was not accepted, and why.
//!
//! The task is not lost: a [`SubmitError`] holds it until somebody takes it.

use std::fmt;

/// Why a task was not accepted.
///
/// # Examples
///
/// ```
/// use raddle::Refusal;
///
/// // Each says what to do about it.
/// assert!(Refusal::Full.to_string().contains("queue_limit"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The pool's queue is at its limit.
    Full,
    /// The pool is shut down.
    Shutdown,
    /// This process was forked after the pool had started, and has none of
    /// its threads.
    Forked,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => {
                "the pool's queue is full: wait for a result first, raise queue_limit, \
                 or choose WhenFull::Wait"
            }
            Self::Shutdown => {
                "the pool is shut down: submit before the shutdown, or to another pool"
            }
            Self::Forked => {
                "this process was forked after the pool had started and has none of its \
                 threads: build a pool in the child"
            }
        })
    }
}

impl std::error::Error for Refusal {}

/// The pool did not accept the task.
///
/// The task is not lost: [`into_task`](Self::into_task) gives it back.
///
/// # Examples
///
/// ```
/// use raddle::{SubmitError, TaskError};
///
/// /// Runs here what the pool did not take.
/// fn run_here<R, F: FnOnce() -> R>(refused: SubmitError<F>) -> R {
///     eprintln!("{}", refused.why);
///     refused.into_task()()
/// }
///
/// /// Or passes the reason on; the task is dropped.
/// fn give_up<T>(refused: SubmitError<T>) -> TaskError {
///     refused.into()
/// }
/// # let _ = (run_here::<u8, fn() -> u8> as fn(_) -> _, give_up::<()> as fn(_) -> _);
/// ```
pub struct SubmitError<T> {
    /// Why the task was not accepted.
    pub why: Refusal,
    task: T,
}

impl<T> SubmitError<T> {
    pub(crate) fn new(why: Refusal, task: T) -> Self {
        Self { why, task }
    }

    /// The task itself, as it was given.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{ThreadPool, WhenFull};
    ///
    /// let pool = ThreadPool::builder().workers(1).queue_limit(0, WhenFull::Refuse).build()?;
    /// let answer = match pool.try_submit(|| 42) {
    ///     Ok(handle) => handle.result().unwrap(),
    ///     Err(refused) => refused.into_task()(), // run it here instead
    /// };
    /// assert_eq!(answer, 42);
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn into_task(self) -> T {
        self.task
    }
}

impl<T> fmt::Debug for SubmitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SubmitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the task was refused: {}", self.why)
    }
}

impl<T> std::error::Error for SubmitError<T> {}
