//! What a running task can know of itself.

use std::time::Instant;

use super::TaskId;
use super::cancel::CancellationToken;
use super::frame;
use crate::primitive::block;

/// The task that runs in this thread: [`current`] returns it.
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
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The name that the task was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Which attempt this is; the first is 1.
    pub fn attempt(&self) -> u32 {
        1
    }

    /// When the task must be done, by its `deadline` or its `timeout`.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The index of the worker that runs the task; `None` if that is no
    /// worker.
    pub fn worker(&self) -> Option<usize> {
        self.worker
    }

    /// The task's token: cancelled when somebody asks the task to stop.
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
