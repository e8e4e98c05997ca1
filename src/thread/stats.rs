//! The figures of a pool.

use super::core::Core;
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::unmodelled::AtomicU64;

/// What a pool does and has done: `ThreadPool::stats`.
///
/// Each figure is exact when the pool is idle, and old by an instant else.
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::new(1)?;
/// pool.submit(|| ()).wait();
/// assert_eq!(pool.stats().queued, 0);
/// # Ok::<_, raddle::StartError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Tasks that may run at once.
    pub workers: usize,
    /// Threads that exist, blocked ones and spares included.
    pub threads: usize,
    /// Threads that are tied to a CPU: see [`pin`](crate::ThreadPoolBuilder::pin).
    pub pinned: usize,
    /// Threads inside a task, blocked ones included.
    pub running: usize,
    /// Tasks in queues, cancelled ones that were not yet found included.
    pub queued: usize,
    /// Tasks of `submit_after` that are not yet due, cancelled ones that were
    /// not yet found included. They are looked for when a task is added and there
    /// are twice as many as were left the last time, and 256 at least.
    pub delayed: usize,
    /// Futures of `spawn_async` that are not over, those that wait included.
    pub futures: usize,
    /// Threads that wait inside a task.
    pub blocked: usize,
    /// Tasks that have returned, in a thread of the pool: what a submitter runs
    /// itself (`RunHere`, `caller_runs`) is in none of these figures.
    pub finished: u64,
    /// Tasks that have panicked.
    pub panicked: u64,
    /// Tasks cancelled before they started, and futures before they were over. One
    /// in the queue is counted when its turn has come.
    pub cancelled: u64,
    /// Tasks whose time limit had passed before they started; counted likewise.
    pub expired: u64,
    /// Visits to other workers' deques that found something.
    pub stolen: u64,
    /// Tasks that ended after their time limit; their results were dropped.
    pub overdue: u64,
    /// Tasks taken over the queue limit, from the pool's own workers.
    pub over_limit: u64,
}

impl Core {
    pub(super) fn stats(&self) -> PoolStats {
        let not_due = self.delayed.figures();
        let mut stats = PoolStats {
            workers: self.sleep.permits(),
            threads: self.sleep.live(),
            queued: self.injector.len() + self.ranks.len() + self.errands.len(),
            delayed: not_due.delayed,
            futures: self.futures.len(),
            // ORDERING: Relaxed, statistics.
            cancelled: self.discarded.load(Relaxed) + not_due.cancelled + self.futures.cancelled(),
            expired: not_due.expired,
            over_limit: self.queue_overdraft(),
            ..PoolStats::default()
        };
        // ORDERING: Relaxed, statistics.
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        for slot in self.used_slots() {
            let counters = &slot.counters;
            stats.queued += slot.stealer().map_or(0, |stealer| stealer.len());
            // ORDERING: Relaxed, statistics.
            stats.pinned += slot.pinned.load(Relaxed) as usize;
            stats.running += usize::from(slot.running.is_busy());
            stats.blocked += usize::from(slot.post.blocked_on().is_some());
            stats.finished += read(&counters.finished);
            stats.panicked += read(&counters.panicked);
            stats.cancelled += read(&counters.cancelled);
            stats.expired += read(&counters.expired);
            stats.overdue += read(&counters.late);
            stats.stolen += read(&counters.stolen);
        }
        if let Some(limit) = &self.limit {
            // What has moved from one queue to the next meanwhile was counted twice.
            stats.queued = stats.queued.min(limit.queued());
        }
        stats
    }
}
