//! Waiting for many tasks: [`wait`] for some of them, [`as_completed`] for one
//! after the other.
//!
//! ```text
//!   handles ──enlist──► an entry in each task's list of waiters
//!                              │ the task ends
//!                              ▼
//!                          Inbox of keys ──► the one who waits
//! ```
//!
//! 1. An entry is in the list of a task until the task ends or the wait does:
//!    nothing is left behind with a task that never ends.
//! 2. Each enlisted handle sends exactly one key, so a key says whose turn it
//!    is without looking at the others.
//! 3. An untimed `next` of [`AsCompleted`] on a worker claims a task that
//!    nobody has started; [`wait`] does so for `AllDone` alone.

mod completed;
mod inbox;

use std::time::Duration;

pub use completed::{AsCompleted, as_completed};

use inbox::Inbox;

use super::Handle;
use super::reference::Ref;
use super::state::Phase;
use super::waiting;
use crate::primitive::block::BlockedOn;
use crate::primitive::fork;
use crate::wait::deadline::Deadline;

/// What [`wait`] waits for.
///
/// # Examples
///
/// ```
/// use raddle::{Inline, When, wait};
///
/// let handles = [6, 0].map(|n| Inline.submit(move || 6 / n));
/// assert!(wait(&handles, When::FirstError, None));
/// let failed = handles.into_iter().find_map(|handle| handle.result().err());
/// assert!(failed.is_some_and(|error| error.is_panicked()));
/// ```
#[doc(alias = "FIRST_COMPLETED")]
#[doc(alias = "FIRST_EXCEPTION")]
#[doc(alias = "ALL_COMPLETED")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum When {
    /// One of the tasks has ended, well or not.
    #[doc(alias = "FIRST_COMPLETED")]
    FirstDone,
    /// One of the tasks has failed, or all have ended. A panic, a time limit
    /// and a refusal are failures; a cancellation is none.
    #[doc(alias = "FIRST_EXCEPTION")]
    FirstError,
    /// All tasks have ended.
    #[doc(alias = "ALL_COMPLETED")]
    AllDone,
}

/// Waits until some or all of the tasks have ended, at most for `limit`; says
/// whether they have.
///
/// Afterwards [`Handle::is_finished`] tells which. `None` waits for ever,
/// `Some(Duration::ZERO)` looks once. The same handle may come twice. No
/// handles at all is `true` at once.
///
/// Blocks. `AllDone` without a limit waits as [`Handle::wait`] does: on a
/// worker it runs what nobody has started. All others only sleep, while a spare
/// worker takes the place of one that sleeps.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use raddle::{Inline, When, wait};
///
/// let handles = [1, 2, 3].map(|n| Inline.submit(move || n * n));
/// assert!(wait(&handles, When::AllDone, Some(Duration::from_secs(1))));
/// assert!(handles.iter().all(|handle| handle.is_finished()));
/// ```
#[doc(alias = "return_when")]
pub fn wait<'a, T: 'a>(
    handles: impl IntoIterator<Item = &'a Handle<T>>,
    when: When,
    limit: Option<Duration>,
) -> bool {
    let deadline = limit.map_or(Deadline::NEVER, Deadline::after);
    // The iterator is user code: it runs before anything is enlisted.
    let tasks: Vec<Ref> = handles.into_iter().map(Handle::task).collect();
    match when {
        When::AllDone => tasks
            .iter()
            .all(|task| waiting::wait(*task, deadline).unwrap_or(true)),
        When::FirstDone => wait_some(&tasks, deadline, |end| end != End::Pending),
        When::FirstError => wait_some(&tasks, deadline, |end| end == End::Error),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Pending,
    Done,
    Error,
}

impl End {
    fn of(task: Ref) -> Self {
        let header = task.header();
        match header.state.load().outcome() {
            Phase::Finished | Phase::Cancelled | Phase::Taken => Self::Done,
            Phase::Panicked | Phase::TimedOut | Phase::Failed => Self::Error,
            // Its end will never come: its handle says `Refused(Forked)`.
            Phase::Queued | Phase::Running if fork::is_forked(header.pool) => Self::Error,
            Phase::Queued | Phase::Running => Self::Pending,
        }
    }
}

/// Waits until a task ends as `is_awaited` wants, or all have ended.
fn wait_some(tasks: &[Ref], deadline: Deadline, is_awaited: impl Fn(End) -> bool) -> bool {
    let mut pending = 0;
    for task in tasks {
        let end = End::of(*task);
        if is_awaited(end) {
            return true;
        }
        pending += usize::from(end == End::Pending);
    }
    if pending == 0 {
        return true;
    }
    if deadline.has_passed() {
        return false;
    }
    let inbox = Inbox::new();
    let mut enlisted = Enlisted(Vec::with_capacity(pending));
    for (key, task) in tasks.iter().enumerate() {
        match End::of(*task) {
            End::Pending => {
                let entry = waiting::enlist(*task, inbox.clone(), key);
                enlisted.0.push((*task, entry));
            }
            end if is_awaited(end) => return true,
            _ => {}
        }
    }
    for _ in 0..enlisted.0.len() {
        let pick = || {
            let mut tasks = tasks.iter().copied();
            tasks.find(|task| waiting::needs_a_thread(*task))
        };
        let on = BlockedOn::Thing("one of many tasks");
        let Some(key) = inbox.wait(deadline, on, pick) else {
            return false;
        };
        if is_awaited(End::of(tasks[key])) {
            return true;
        }
    }
    true
}

/// Entries that are taken out when the wait ends, however it ends.
struct Enlisted(Vec<(Ref, usize)>);

impl Drop for Enlisted {
    fn drop(&mut self) {
        for (task, entry) in &self.0 {
            waiting::delist(*task, *entry);
        }
    }
}

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(test)]
mod tests;
