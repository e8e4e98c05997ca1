//! What accepts tasks: [`Submit`], and the simplest of all, [`Inline`].

use std::panic::Location;

use super::cell::{self, Claim, Origin};
use super::children::{Child, Children};
use super::handle::Handle;
use super::job::Job;
use super::map::{Map, map_on};
use super::options::Task;
use crate::error::{Refusal, SubmitError, TaskError};
use crate::primitive::fork::NO_POOL;

/// Accepts tasks of type `T`: what a group asks of its pool.
///
/// # Examples
///
/// ```
/// use raddle::{Handle, Inline, Submit, Task, ThreadPool};
///
/// fn start<T: Task>(on: &impl Submit<T>, task: T) -> Handle<T::Output> {
///     on.accept(task)
/// }
/// let pool = ThreadPool::new(1)?;
/// assert_eq!(start(&pool, || 1).result().unwrap(), start(&Inline, || 1).result().unwrap());
/// # Ok::<_, raddle::StartError>(())
/// ```
#[doc(alias = "Executor")]
pub trait Submit<T: Task> {
    /// Accepts a task; one that is refused has a handle that says so.
    ///
    /// Blocks as the pool's own `submit` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Handle, Inline, Submit, Task};
    ///
    /// /// Counts what it passes on.
    /// struct Counted<P>(P, std::cell::Cell<usize>);
    ///
    /// impl<T: Task, P: Submit<T>> Submit<T> for Counted<P> {
    ///     fn accept(&self, task: T) -> Handle<T::Output> {
    ///         self.1.set(self.1.get() + 1);
    ///         self.0.accept(task)
    ///     }
    /// }
    /// let pool = Counted(Inline, 0.into());
    /// assert_eq!(pool.accept(|| 42).result().unwrap(), 42);
    /// assert_eq!(pool.1.get(), 1);
    /// ```
    #[track_caller]
    fn accept(&self, task: T) -> Handle<T::Output>;
}

/// Makes a task's cell: the job goes to a queue, the handle to the user.
#[inline(always)]
pub(crate) fn accept<T: Task>(task: T, origin: Origin) -> (Job, Handle<T::Output>) {
    let (job, reference) = cell::new(task, origin);
    // SAFETY: the cell was made from a task with this output.
    let handle = unsafe { Handle::new(reference) };
    if let Some(extras) = reference.header().extras.get() {
        extras.link(reference);
    }
    (job, handle)
}

/// As `accept`, for the child of a scope.
///
/// # Safety
///
/// 1. The owner waits until all of `children` have ended before it leaves the
///    scope, whatever happens.
/// 2. What `run` borrows, and what it returns, outlives that wait; the handle does
///    not.
pub(crate) unsafe fn accept_child<F, R>(
    run: F,
    children: &Children,
    origin: Origin,
) -> (Job, Handle<R>)
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    children.begin();
    let (job, reference) = cell::new(Child::new(run, children), origin);
    // SAFETY: the cell was made from a body with this output.
    (job, unsafe { Handle::new(reference) })
}

/// A handle that says why its task was not accepted.
pub(crate) fn refuse<T: Task>(task: T, origin: Origin, why: Refusal) -> Handle<T::Output> {
    let reference = cell::refused(task, origin, TaskError::Refused(why));
    // SAFETY: the cell was made from a task with this output.
    unsafe { Handle::new(reference) }
}

/// Runs each task at once in the calling thread: for tests, debuggers and
/// profilers.
///
/// Its handles are finished when `submit` returns. A panic stays in the
/// handle, a token and a deadline that have passed keep the task from running,
/// as on a pool.
///
/// # Examples
///
/// ```
/// use raddle::Inline;
///
/// let handle = Inline.submit(|| 1 + 1);
/// assert!(handle.is_finished());
/// assert_eq!(handle.result().unwrap(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Inline;

impl Inline {
    /// Runs the task now, in this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::Inline.submit(|| 1).result().unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn submit<T: Task>(&self, task: T) -> Handle<T::Output> {
        let origin = Origin {
            site: Location::caller(),
            pool: NO_POOL,
            claim: Claim::Nobody,
        };
        let (job, handle) = accept(task, origin);
        let _ = job.run(&());
        handle
    }

    /// Runs the task now, in this thread. Never refuses.
    ///
    /// # Errors
    ///
    /// None; the signature is that of every executor.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(raddle::Inline.try_submit(|| 1).is_ok());
    /// ```
    #[track_caller]
    pub fn try_submit<T: Task>(&self, task: T) -> Result<Handle<T::Output>, SubmitError<T>> {
        Ok(self.submit(task))
    }

    /// Applies `f` to each item as the map is advanced, in this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// let doubled = raddle::Inline.map([1, 2], |n| 2 * n);
    /// assert_eq!(doubled.collect::<Result<Vec<_>, _>>().unwrap(), [2, 4]);
    /// ```
    #[track_caller]
    pub fn map<I, F, R>(&self, items: I, f: F) -> Map<'_, I::IntoIter, R>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        map_on(self, 1, Location::caller(), items.into_iter(), f)
    }
}

impl<T: Task> Submit<T> for Inline {
    #[track_caller]
    fn accept(&self, task: T) -> Handle<T::Output> {
        self.submit(task)
    }
}
