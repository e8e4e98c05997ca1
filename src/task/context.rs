//! What a running task can know of itself.

use std::time::Instant;

use super::TaskId;
use super::cancel::CancellationToken;
use super::frame;
use crate::primitive::block;

/// The task that runs in this thread: [`current`] returns it.
///
/// # Examples
///
/// ```
/// use raddle::{Inline, TaskContext, current, task};
///
/// /// For functions that may or may not run in a task.
/// fn log(text: &str) -> String {
///     let me: Option<TaskContext> = current();
///     match me.as_ref().and_then(TaskContext::name) {
///         Some(name) => format!("[{name}] {text}"),
///         None => text.to_owned(),
///     }
/// }
/// assert_eq!(log("hot"), "hot");
/// let cook = Inline.submit(task(|| log("hot")).named("cook"));
/// assert_eq!(cook.result().unwrap(), "[cook] hot");
/// ```
#[derive(Clone, Debug)]
pub struct TaskContext {
    id: TaskId,
    name: Option<String>,
    deadline: Option<Instant>,
    token: CancellationToken,
    worker: Option<usize>,
}

impl TaskContext {
    /// The task's number.
    ///
    /// # Examples
    ///
    /// ```
    /// let task = raddle::Inline.submit(|| raddle::current().unwrap().id());
    /// assert_eq!(task.id(), task.result().unwrap());
    /// ```
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The name that the task was given.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, current, task};
    ///
    /// let named = task(|| current().unwrap().name().map(str::to_owned)).named("cook");
    /// assert_eq!(Inline.submit(named).result().unwrap().as_deref(), Some("cook"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Which attempt this is; the first is 1.
    ///
    /// # Examples
    ///
    /// ```
    /// let task = raddle::Inline.submit(|| raddle::current().unwrap().attempt());
    /// assert_eq!(task.result().unwrap(), 1);
    /// ```
    pub fn attempt(&self) -> u32 {
        1
    }

    /// When the task must be done, by its `deadline` or its `timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// let task = raddle::Inline.submit(|| raddle::current().unwrap().deadline());
    /// assert_eq!(task.result().unwrap(), None);
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The index of the worker that runs the task; `None` if that is no
    /// worker.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = raddle::ThreadPool::new(1)?;
    /// let task = pool.submit(|| raddle::current().unwrap().worker());
    /// assert_eq!(task.result().unwrap(), Some(0));
    /// # Ok::<_, raddle::StartError>(())
    /// ```
    pub fn worker(&self) -> Option<usize> {
        self.worker
    }

    /// The task's token: cancelled when somebody asks the task to stop.
    ///
    /// # Examples
    ///
    /// ```
    /// let task = raddle::Inline.submit(|| raddle::current().unwrap().token().is_cancelled());
    /// assert_eq!(task.result().unwrap(), false);
    /// ```
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}

/// The task that runs in this thread, or `None` outside of one.
///
/// # Examples
///
/// ```
/// use raddle::{Inline, task};
///
/// let work = task(|| {
///     let me = raddle::current().expect("inside a task");
///     me.token().check()?; // stops here when somebody has cancelled us
///     Ok::<_, raddle::TaskError>(me.name().map(str::to_owned))
/// });
/// let name = Inline.submit(work.named("me")).flat_result().unwrap();
/// assert_eq!(name.as_deref(), Some("me"));
/// assert!(raddle::current().is_none());
/// ```
pub fn current() -> Option<TaskContext> {
    frame::with_current(|task| {
        let header = task.header();
        TaskContext {
            id: header.id,
            name: header.name().map(str::to_owned),
            deadline: header.extras.get().and_then(|extras| extras.deadline()),
            token: header.token(),
            worker: block::current(|hook| hook.map(|hook| hook.worker())),
        }
    })
}
