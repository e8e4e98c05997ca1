//! What the user holds of a task: a blocking wait and a future in one pointer.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::future;
use super::reference::Ref;
use super::state::Phase;
use super::waiting;
use super::{Cancel, CancelOnDrop, TaskId, TaskState};
use crate::error::TaskError;
use crate::primitive::{fork, mutant};
use crate::wait::deadline::Deadline;
use crate::wait::waiter::{Waiter, Wake};

/// A task that was submitted: wait for it, await it, cancel it, or drop it.
///
/// One pointer. Dropping a handle detaches its task, which runs all the same;
/// [`cancel_on_drop`](Self::cancel_on_drop) changes that. `.await` works on
/// any runtime and is cancel-safe: dropping the future drops the handle.
///
/// `(&mut handle).await` keeps the handle, and takes the result out all the
/// same: [`result`](Self::result) and its twins then say
/// [`TaskError::Cancelled`], though [`state`](Self::state) still says how the
/// task has ended; awaiting the handle once more panics.
///
/// # Memory ordering
///
/// Everything the task did happens-before the return of a wait that finds it
/// finished.
///
/// # Examples
///
/// ```
/// use raddle::Inline;
///
/// let handle = Inline.submit(|| 6 * 7);
/// assert!(handle.is_finished());
/// assert_eq!(handle.result().unwrap(), 42);
/// ```
#[doc(alias = "Future")]
#[must_use = "dropping a Handle detaches its task: keep it, or call .detach()"]
pub struct Handle<T> {
    task: Ref,
    _result: PhantomData<T>,
}

// SAFETY: a handle gives its result to whoever consumes it, so the result must
// be `Send`; everything else goes through the state word.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: a shared handle only looks, waits and cancels.
unsafe impl<T: Send> Sync for Handle<T> {}

impl<T> Unpin for Handle<T> {}

impl<T> Handle<T> {
    /// # Safety
    ///
    /// `task` is the handle's reference of a task whose output is `T`.
    pub(super) unsafe fn new(task: Ref) -> Self {
        Self {
            task,
            _result: PhantomData,
        }
    }

    pub(super) fn task(&self) -> Ref {
        self.task
    }

    /// Waits for the task and returns its result.
    ///
    /// On a worker of the task's own pool, the wait runs the task itself if
    /// nobody has started it. Else it helps with what the task has forked by joins
    /// and `par_` loops, then a spare worker takes this one's place: it never
    /// deadlocks, and never runs another task in the meantime. But a task
    /// that waits for itself, or tasks that wait for each other in a circle,
    /// never end; [`dump`](crate::dump) shows them.
    ///
    /// Blocks; [`result_timeout`](Self::result_timeout) and
    /// [`result_deadline`](Self::result_deadline) are its timed twins.
    ///
    /// # Errors
    ///
    /// [`TaskError::Panicked`] with the payload if the task panicked,
    /// [`TaskError::Cancelled`] if it was cancelled before it started, or if
    /// the result was taken before by `(&mut handle).await`,
    /// [`TaskError::TimedOut`] if a limit set on the task has passed,
    /// [`TaskError::Refused`] if the pool did not take it.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(|| panic!("no luck"));
    /// let error = handle.result().unwrap_err();
    /// assert!(error.to_string().contains("no luck"));
    /// ```
    #[doc(alias = "join")]
    pub fn result(self) -> Result<T, TaskError> {
        // SAFETY: it is ours, by value.
        match unsafe { waiting::wait_by_owner(self.task) } {
            Ok(()) => self.take(),
            Err(error) => Err(error),
        }
    }

    /// Waits at most `limit` for the result; gives the handle back otherwise.
    ///
    /// `Duration::ZERO` looks once, `Duration::MAX` waits for ever.
    ///
    /// # Errors
    ///
    /// The handle, if the task is not finished; inside, as
    /// [`result`](Self::result).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let handle = raddle::Inline.submit(|| 1);
    /// match handle.result_timeout(Duration::from_secs(1)) {
    ///     Ok(result) => assert_eq!(result.unwrap(), 1),
    ///     Err(handle) => handle.detach(),
    /// }
    /// ```
    #[doc(alias = "timeout")]
    pub fn result_timeout(self, limit: Duration) -> Result<Result<T, TaskError>, Self> {
        self.result_until(Deadline::after(limit))
    }

    /// Waits until `at` for the result; gives the handle back otherwise.
    ///
    /// # Errors
    ///
    /// As [`result_timeout`](Self::result_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let handle = raddle::Inline.submit(|| 1);
    /// let result = handle.result_deadline(Instant::now() + Duration::from_secs(1));
    /// assert_eq!(result.unwrap().unwrap(), 1);
    /// ```
    pub fn result_deadline(self, at: Instant) -> Result<Result<T, TaskError>, Self> {
        self.result_until(Deadline::at(at))
    }

    fn result_until(self, deadline: Deadline) -> Result<Result<T, TaskError>, Self> {
        match waiting::wait(self.task, deadline) {
            Ok(true) => Ok(self.take()),
            Ok(false) => Err(self),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Moves the outcome of a task that has ended out.
    fn take(self) -> Result<T, TaskError> {
        let task = ManuallyDrop::new(self).task;
        let word = task.header().state.load();
        debug_assert!(word.is_final(), "the wait is over");
        // SAFETY: this handle's type is the task's output; the phase is final,
        // and a handle consumed here is not used again.
        let outcome = unsafe { task.take(word.phase()) };
        // SAFETY: as above, and the outcome was taken.
        unsafe { task.release_empty(word) };
        outcome
    }

    /// Waits until the task has ended.
    ///
    /// Blocks, as [`result`](Self::result) does.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(|| 1);
    /// handle.wait();
    /// assert!(handle.is_finished());
    /// ```
    pub fn wait(&self) {
        let _ = waiting::wait(self.task, Deadline::NEVER);
    }

    /// Waits at most `limit` until the task has ended; says whether it has.
    ///
    /// Blocks so long at most. `Duration::ZERO` looks once, `Duration::MAX`
    /// waits for ever, as [`wait`](Self::wait) does. A wait with a limit never
    /// runs the task itself.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(|| 1);
    /// assert!(handle.wait_timeout(std::time::Duration::from_secs(1)));
    /// ```
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        waiting::wait(self.task, Deadline::after(limit)).is_ok_and(|ended| ended)
    }

    /// Waits until `at` for the task to end; says whether it has.
    ///
    /// Blocks as [`wait_timeout`](Self::wait_timeout) does; a time that has
    /// passed looks once.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(|| 1);
    /// assert!(handle.wait_deadline(std::time::Instant::now()));
    /// ```
    pub fn wait_deadline(&self, at: Instant) -> bool {
        waiting::wait(self.task, Deadline::at(at)).is_ok_and(|ended| ended)
    }

    /// Whether the task has ended, well or not. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(raddle::Inline.submit(|| 1).is_finished());
    /// ```
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.task.header().state.load().is_final()
    }

    /// Where the task stands. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(|| panic!("no luck"));
    /// assert_eq!(handle.state(), raddle::TaskState::Panicked);
    /// # handle.result().unwrap_err();
    /// ```
    #[doc(alias = "running")]
    pub fn state(&self) -> TaskState {
        TaskState::of(self.task.header().state.load().outcome())
    }

    /// The task's number, unique within the process.
    ///
    /// # Examples
    ///
    /// ```
    /// let (one, two) = (raddle::Inline.submit(|| 1), raddle::Inline.submit(|| 2));
    /// assert_ne!(one.id(), two.id());
    /// ```
    pub fn id(&self) -> TaskId {
        self.task.header().id
    }

    /// The name that the task was given.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(raddle::task(|| 1).named("one"));
    /// assert_eq!(handle.name(), Some("one"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.task.header().name()
    }

    /// Cancels the task if it has not started, else asks it to stop.
    ///
    /// A task that is prevented never runs: its closure is dropped here, and
    /// those who wait for it are woken with [`TaskError::Cancelled`]. A running
    /// task is asked by its token, which it finds in
    /// [`current`](crate::current); one that does not look goes on undisturbed.
    ///
    /// A future ([`spawn_async`](crate::ThreadPool::spawn_async)) that is not
    /// being polled is prevented from going on, also if it was polled before: it
    /// is dropped here. One that is being polled is asked; it is dropped if that
    /// poll does not finish it.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::Cancel;
    ///
    /// let handle = raddle::Inline.submit(|| 1);
    /// assert_eq!(handle.cancel(), Cancel::TooLate);
    /// # handle.detach();
    /// ```
    pub fn cancel(&self) -> Cancel {
        let header = self.task.header();
        if fork::is_forked(header.pool) {
            // Those to be woken are threads of another process.
            return Cancel::TooLate;
        }
        if header.asks.is_driven() {
            return future::cancel(self.task);
        }
        match header.resolve_unstarted(Phase::Cancelled) {
            Ok(()) => Cancel::Prevented,
            Err(Phase::Running) => {
                header.ask_cancel();
                Cancel::Asked
            }
            Err(_) if mutant("cancel-late-says-asked") => Cancel::Asked,
            Err(_) => Cancel::TooLate,
        }
    }

    /// Ends the task by force where that can be done: in a process pool. On
    /// threads the same as [`cancel`](Self::cancel).
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(|| 1);
    /// assert_eq!(handle.kill(), raddle::Cancel::TooLate);
    /// ```
    pub fn kill(&self) -> Cancel {
        self.cancel()
    }

    /// Makes dropping the handle cancel the task.
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = raddle::Inline.submit(|| 1).cancel_on_drop();
    /// assert_eq!(guard.into_handle().result().unwrap(), 1);
    /// ```
    pub fn cancel_on_drop(self) -> CancelOnDrop<T> {
        CancelOnDrop::new(self)
    }

    /// Lets the task run without anybody to wait for it. The same as dropping
    /// the handle, but said aloud.
    ///
    /// # Examples
    ///
    /// ```
    /// raddle::Inline.submit(|| println!("on its own")).detach();
    /// ```
    pub fn detach(self) {}

    /// Calls `f` once with the final state: when the task ends, in the thread
    /// that ends it, or at once in this thread if it has ended.
    ///
    /// Callbacks added before the end run in the order in which they were
    /// added; one that is added while those run may come before them. A panic
    /// in `f` is contained and goes to the pool's `on_panic`. `f` should be
    /// short: a worker runs it between two tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::TaskState;
    ///
    /// let handle = raddle::Inline.submit(|| 1);
    /// handle.on_done(|state| assert_eq!(state, TaskState::Finished));
    /// # handle.detach();
    /// ```
    #[doc(alias = "add_done_callback")]
    pub fn on_done(&self, f: impl FnOnce(TaskState) + Send + 'static) {
        let call = Box::new(move |phase| f(TaskState::of_outcome(phase)));
        waiting::register(self.task, Waiter::boxed(Wake::Call(call)));
    }
}

impl<T, E: From<TaskError>> Handle<Result<T, E>> {
    /// Waits for a task that returns a `Result`, and joins both errors.
    ///
    /// Blocks, as [`result`](Self::result) does;
    /// [`flat_result_timeout`](Self::flat_result_timeout) is its timed twin.
    ///
    /// # Errors
    ///
    /// The task's own error, or a [`TaskError`] turned into one.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, TaskError};
    ///
    /// let handle = Inline.submit(|| Err::<u32, TaskError>(TaskError::Cancelled));
    /// assert!(handle.flat_result().is_err());
    /// ```
    pub fn flat_result(self) -> Result<T, E> {
        self.result()?
    }

    /// As [`flat_result`](Self::flat_result), for at most `limit`.
    ///
    /// # Errors
    ///
    /// The handle, if the task is not finished.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use raddle::TaskError;
    ///
    /// let handle = raddle::Inline.submit(|| Ok::<u32, TaskError>(1));
    /// assert_eq!(handle.flat_result_timeout(Duration::ZERO).unwrap().unwrap(), 1);
    /// ```
    pub fn flat_result_timeout(self, limit: Duration) -> Result<Result<T, E>, Self> {
        Ok(self
            .result_timeout(limit)?
            .map_err(E::from)
            .and_then(|own| own))
    }

    /// As [`flat_result`](Self::flat_result), until `at`.
    ///
    /// # Errors
    ///
    /// The handle, if the task is not finished.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use raddle::TaskError;
    ///
    /// let handle = raddle::Inline.submit(|| Ok::<u32, TaskError>(1));
    /// assert_eq!(handle.flat_result_deadline(Instant::now()).unwrap().unwrap(), 1);
    /// ```
    pub fn flat_result_deadline(self, at: Instant) -> Result<Result<T, E>, Self> {
        Ok(self
            .result_deadline(at)?
            .map_err(E::from)
            .and_then(|own| own))
    }
}

impl<T> Future for Handle<T> {
    type Output = Result<T, TaskError>;

    /// # Panics
    ///
    /// When polled again after the result was taken.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let task = self.task;
        match waiting::poll(task, context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(phase)) => {
                assert!(
                    phase != Phase::Taken,
                    "a Handle was polled after it was ready"
                );
                // SAFETY: this handle's type is the task's output, the phase
                // is final, and the mark below keeps it from being taken twice.
                let outcome = unsafe { task.take(phase) };
                task.header().state.set_taken();
                Poll::Ready(outcome)
            }
        }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        if self.task.header().asks.is_awaited() {
            waiting::forget_future(self.task);
        }
        // SAFETY: this is the handle, and it ends here.
        unsafe { self.task.release_handle() };
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("state", &self.state())
            .finish()
    }
}
