//! A bound on what is queued, and what happens at it.
//!
//! Only pools with a `queue_limit` have one; the count is kept under a lock,
//! which such a pool's submitters and workers share.
//!
//! 1. A job is counted from its admission until it leaves its queue, whether
//!    it is then run or found cancelled.
//! 2. A worker of the pool is never kept waiting and never refused for want of
//!    room: it would wait for itself. What it submits over the limit is
//!    counted apart ([`QueueLimit::overdraft`]).
//! 3. Room that is given back wakes one who waits for it. Whoever leaves
//!    without taking the room (refused, out of time) passes the wake-up on.

use crate::error::Refusal;
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::unmodelled::AtomicU64;
use crate::primitive::{Condvar, Mutex};
use crate::wait::deadline::Deadline;

/// What a pool does with a task that finds its queue full.
///
/// # Examples
///
/// ```
/// use raddle::{ThreadPool, WhenFull};
///
/// let pool = ThreadPool::builder().workers(1).queue_limit(1, WhenFull::RunHere).build()?;
/// let handles = [1, 2, 3].map(|n| pool.submit(move || n));
/// assert!(handles.into_iter().all(|handle| handle.result().is_ok()));
/// # Ok::<_, raddle::StartError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenFull {
    /// The task is refused: [`Refusal::Full`].
    Refuse,
    /// The submitter waits until there is room. A worker of the same pool
    /// never waits: its task is taken all the same.
    Wait,
    /// The submitter runs the task itself.
    RunHere,
}

/// How long a submitter is willing to wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// As long as the policy says.
    AsConfigured,
    /// Not at all: `try_submit`.
    None,
    /// At most so long, if the policy says wait.
    Until(Deadline),
}

pub(super) enum Admission {
    Accepted,
    Refused(Refusal),
    RunHere,
}

#[derive(Debug)]
pub(super) struct QueueLimit {
    max: usize,
    when_full: WhenFull,
    queued: Mutex<usize>,
    room: Condvar,
    overdraft: AtomicU64,
}

impl QueueLimit {
    pub(super) fn new((max, when_full): (usize, WhenFull)) -> Self {
        Self {
            max,
            when_full,
            queued: Mutex::new(0),
            room: Condvar::new(),
            overdraft: AtomicU64::new(0),
        }
    }

    /// Counts one more job, if there is room or the policy lets it in.
    pub(super) fn admit(
        &self,
        is_worker: bool,
        patience: Patience,
        refusal: impl Fn() -> Option<Refusal>,
    ) -> Admission {
        let mut queued = self.queued.lock();
        if *queued < self.max {
            *queued += 1;
            return Admission::Accepted;
        }
        if is_worker && self.when_full != WhenFull::RunHere {
            *queued += 1;
            // ORDERING: Relaxed, statistics.
            self.overdraft.fetch_add(1, Relaxed);
            return Admission::Accepted;
        }
        let deadline = match (self.when_full, patience) {
            (WhenFull::RunHere, _) => return Admission::RunHere,
            (WhenFull::Refuse, _) | (_, Patience::None) => {
                return Admission::Refused(Refusal::Full);
            }
            (WhenFull::Wait, Patience::AsConfigured) => Deadline::NEVER,
            (WhenFull::Wait, Patience::Until(deadline)) => deadline,
        };
        // The submitter may be another pool's worker.
        drop(queued);
        let _blocking = Blocking::start(BlockedOn::Thing("room in a pool's queue"));
        let mut queued = self.queued.lock();
        loop {
            if let Some(why) = refusal() {
                self.room.notify_one();
                return Admission::Refused(why);
            }
            if *queued < self.max {
                *queued += 1;
                return Admission::Accepted;
            }
            match deadline.instant() {
                None => self.room.wait(&mut queued),
                Some(at) => {
                    if !self.room.wait_until(&mut queued, at) && *queued >= self.max {
                        return Admission::Refused(Refusal::Full);
                    }
                }
            }
        }
    }

    /// Counts a job that was accepted before it was queued.
    pub(super) fn count(&self) {
        *self.queued.lock() += 1;
    }

    /// How many jobs count.
    pub(super) fn queued(&self) -> usize {
        *self.queued.lock()
    }

    /// A job has left its queue.
    pub(super) fn release(&self) {
        let mut queued = self.queued.lock();
        *queued = queued.saturating_sub(1);
        if *queued < self.max {
            drop(queued);
            self.room.notify_one();
        }
    }

    /// The pool takes nothing more: those who wait are refused.
    pub(super) fn wake_all(&self) {
        // Whoever has looked and not yet fallen asleep holds the lock.
        drop(self.queued.lock());
        self.room.notify_all();
    }

    /// Jobs taken over the limit, from the pool's own workers.
    pub(super) fn overdraft(&self) -> u64 {
        // ORDERING: Relaxed, statistics.
        self.overdraft.load(Relaxed)
    }
}
