//! A job, its result, and who waits for it.
//!
//! ```text
//!   submit ──► Job ──────────► queue ──► worker runs it ──┐
//!     │          └────► cell ◄──────────── result ◄───────┘
//!     └──► Handle ──────► │
//!                         └──► waiters: threads, futures, callbacks
//! ```
//!
//! [`state`] decides, [`cell`] holds, [`handle`] is what the user sees,
//! [`waiting`] says how one waits; docs/protocols/task.md tells the story.

mod asks;
mod cancel;
mod cancel_on_drop;
mod cell;
mod children;
mod collect;
mod context;
mod executor;
mod extras;
pub(crate) mod frame;
mod future;
mod group;
mod handle;
mod items;
mod job;
mod map;
#[cfg(all(test, raddle_loom))]
mod models;
mod options;
pub(crate) mod panic_hook;
mod reference;
mod state;
pub(crate) mod unread;
mod waiting;

use std::fmt;
use std::panic::Location;
use std::time::Duration;

pub use cancel::{CancellationToken, Cancelled};
pub use cancel_on_drop::CancelOnDrop;
pub(crate) use cell::{Claim, Origin};
pub(crate) use children::Children;
pub use collect::{AsCompleted, When, as_completed, wait};
pub use context::{TaskContext, current};
pub use executor::{Inline, Submit};
pub(crate) use executor::{accept, accept_child, refuse};
pub(crate) use frame::{Inspected, Watch, inspect};
pub(crate) use future::{Held, Home, Listed, drive, each_polled_here, refuse_future};
pub use group::TaskGroup;
pub use handle::Handle;
pub(crate) use job::{Job, Ran, run_claimed};
pub use map::{Keyed, Map};
pub(crate) use map::{map_on, with_states};
pub use options::{Priority, Task, TaskOptions, With, task};
pub(crate) use waiting::is_between_two;

use state::Phase;

/// A task's number, unique within the process.
///
/// # Examples
///
/// ```
/// use raddle::{Handle, Inline, TaskId};
/// use std::collections::HashMap;
///
/// let handles = [1, 2].map(|n| Inline.submit(move || n));
/// let mut by_id: HashMap<TaskId, Handle<u32>> =
///     handles.into_iter().map(|handle| (handle.id(), handle)).collect();
/// assert_eq!(by_id.len(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(u64);

impl TaskId {
    pub(crate) fn new(id: u64) -> Self {
        Self(id)
    }

    /// The number itself.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = raddle::Inline.submit(|| 1);
    /// assert_eq!(format!("#{}", handle.id().get()), handle.id().to_string());
    /// ```
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Where a task stands.
///
/// # Examples
///
/// ```
/// use raddle::{Inline, TaskState};
///
/// let handle = Inline.submit(|| 1);
/// match handle.state() {
///     TaskState::Queued | TaskState::Running => println!("not yet"),
///     TaskState::Finished => println!("done: {}", handle.result().unwrap()),
///     other => println!("failed: {other:?}"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// Accepted, and not yet started.
    Queued,
    /// Somebody runs it; of a future: it was polled, and is not over.
    Running,
    /// It has returned.
    Finished,
    /// It has panicked.
    Panicked,
    /// It was cancelled before it started, or, a future, before it was over.
    Cancelled,
    /// A limit set on it has passed.
    TimedOut,
    /// The process that ran it died.
    Crashed,
    /// It was refused, or its values could not travel.
    Failed,
}

impl TaskState {
    fn of(phase: Phase) -> Self {
        match phase {
            Phase::Queued => Self::Queued,
            Phase::Running => Self::Running,
            Phase::Finished | Phase::Taken => Self::Finished,
            Phase::Panicked => Self::Panicked,
            Phase::Cancelled => Self::Cancelled,
            Phase::TimedOut => Self::TimedOut,
            Phase::Failed => Self::Failed,
        }
    }

    /// From the number that a callback is given.
    fn of_outcome(phase: usize) -> Self {
        Self::of(Phase::from_number(phase))
    }

    /// Whether the task has ended, well or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::TaskState;
    ///
    /// assert!(TaskState::Cancelled.is_final() && !TaskState::Running.is_final());
    /// ```
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A task as reports show it.
///
/// # Examples
///
/// ```
/// use raddle::{Shutdown, ThreadPool, task};
///
/// let pool = ThreadPool::new(1)?;
/// let (started, is_started) = std::sync::mpsc::channel();
/// let (end, is_ended) = std::sync::mpsc::channel();
/// let work = task(move || (started.send(()), is_ended.recv().ok())).named("slow");
/// pool.submit(work).detach();
/// is_started.recv().unwrap();
/// let report = pool.shutdown(Shutdown::Kill);
/// assert_eq!(report.still_running[0].name.as_deref(), Some("slow"));
/// # end.send(()).unwrap();
/// # Ok::<_, raddle::StartError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The task's number.
    pub id: TaskId,
    /// The name that the task was given.
    pub name: Option<String>,
    /// Where the task was submitted.
    pub submitted_at: &'static Location<'static>,
    /// How long it has been running, to within some milliseconds; `None` if it
    /// does not run.
    pub running_for: Option<Duration>,
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", submitted at {}", self.submitted_at)?;
        match self.running_for {
            Some(time) => write!(f, ", running for {time:.1?}"),
            None => Ok(()),
        }
    }
}

/// What a call of [`Handle::cancel`] came to.
///
/// # Examples
///
/// ```
/// use raddle::{Cancel, Inline};
///
/// let handle = Inline.submit(|| 1);
/// match handle.cancel() {
///     Cancel::Prevented => println!("it never runs"),
///     Cancel::Asked => println!("it runs, and may look at its token"),
///     Cancel::TooLate => assert_eq!(handle.result().unwrap(), 1),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cancel {
    /// The task had not started, and never will; or it is a future that was not
    /// being polled, and never will be again.
    Prevented,
    /// The task runs; its token is cancelled.
    Asked,
    /// The task had ended before.
    TooLate,
}
