//! Tasks before all others, and tasks after them.
//!
//! ```text
//!   a search:   high ──► own deque ──► injector ──► others' ──► low
//!   one in 124: low first; one in 124: errands; one in 62: what has waited longest
//! ```
//!
//! Each of the two ranks is one queue for the whole pool, first in, first out. Tasks
//! without a priority never come here. They pay one load when they are queued (of a
//! flag in the cell that was just written), and each search one more (of the count
//! of high ones, which changes only when there are some).
//!
//! # Orderings
//!
//! A rank counts what is in it, after it is in it, as errands are counted: whoever
//! lowers the count finds a job. Release and Acquire on the count order the two. A
//! look is Relaxed: the fences of `sleep/mod.rs` order it.

use super::core::Core;
use super::worker::Worker;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Injector, Steal, mutant, thread};
use crate::task::{Job, Priority};

use Ordering::{Acquire, Relaxed, Release};

/// A queue whose emptiness is one load.
#[derive(Debug)]
pub(super) struct Rank<T> {
    queue: Injector<T>,
    count: AtomicUsize,
}

impl<T> Rank<T> {
    pub(super) fn new() -> Self {
        Self {
            queue: Injector::new(),
            count: AtomicUsize::new(0),
        }
    }

    pub(super) fn push(&self, job: T) {
        self.queue.push(job);
        // ORDERING: Release, the job; see the top of this file.
        self.count.fetch_add(1, Release);
    }

    pub(super) fn len(&self) -> usize {
        // ORDERING: Relaxed; see the top of this file.
        self.count.load(Relaxed)
    }

    /// The one that has waited longest.
    #[inline]
    pub(super) fn take(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        self.take_counted()
    }

    #[cold]
    fn take_counted(&self) -> Option<T> {
        // ORDERING: Acquire, the job; see the top of this file.
        let taken = self
            .count
            .fetch_update(Acquire, Relaxed, |count| count.checked_sub(1));
        taken.ok()?;
        loop {
            match self.queue.steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty | Steal::Retry => thread::spin_hint(),
            }
        }
    }
}

/// What is not of normal priority.
#[derive(Debug)]
pub(super) struct Ranks {
    pub(super) high: Rank<Job>,
    pub(super) low: Rank<Job>,
}

impl Ranks {
    pub(super) fn new() -> Self {
        Self {
            high: Rank::new(),
            low: Rank::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.high.len() + self.low.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 || mutant("priority-out-of-sight")
    }

    pub(super) fn take_any(&self) -> Option<Job> {
        self.high.take().or_else(|| self.low.take())
    }
}

impl Core {
    /// Puts a job into the queue where it belongs: of `worker`, if that is the
    /// thread that submits it.
    #[inline]
    pub(super) fn enqueue(&self, worker: Option<&Worker>, job: Job) {
        match (job.priority(), worker) {
            (Priority::Normal, Some(worker)) => worker.push_newest(job),
            (priority, _) => self.enqueue_for_all(priority, job),
        }
    }

    #[inline(never)]
    fn enqueue_for_all(&self, priority: Priority, job: Job) {
        match priority {
            Priority::Normal => self.injector.push(job),
            Priority::High => self.ranks.high.push(job),
            Priority::Low => self.ranks.low.push(job),
        }
    }
}
