//! A pool that did not start, and what to write instead.

use std::io;

/// Why a pool did not start. No thread of it is left.
///
/// # Examples
///
/// ```
/// use raddle::StartError;
///
/// // Each says what to do about it.
/// let error = StartError::Workers.to_string();
/// assert!(error.contains("ThreadPool::for_blocking(n)"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A pool of no workers was asked for.
    #[error(
        "a pool of 0 workers would never run a task: write ThreadPool::for_blocking(n) to start \
         threads on demand, Inline to run tasks in the caller, or ThreadPool::global() for one \
         worker per CPU"
    )]
    Workers,
    /// The system did not give all the threads.
    #[error(
        "only {got} of {wanted} worker threads could be started ({source}): ask for fewer workers \
         or a smaller stack_size, or raise the system's limit on threads (ulimit -u, pids.max of \
         the cgroup)"
    )]
    #[non_exhaustive]
    Threads {
        /// How many workers were asked for.
        wanted: usize,
        /// How many threads had started before one failed; they have ended again.
        got: usize,
        /// What the system said.
        source: io::Error,
    },
    /// More workers were asked for than a pool can have.
    #[error("a pool of {asked} threads is too large: ask for at most {max}")]
    #[non_exhaustive]
    TooMany {
        /// How many workers were asked for.
        asked: usize,
        /// The most that a pool can have.
        max: usize,
    },
    /// Submitters were to wait for room in a queue that has none.
    #[error(
        "with queue_limit(0, WhenFull::Wait) every submit would wait for ever: write \
         queue_limit(1, WhenFull::Wait), or WhenFull::RunHere to run tasks in the caller"
    )]
    NoRoom,
    /// The process has started more pools than can be numbered.
    #[error(
        "this process has started 2^32 pools: keep one and submit to it, or start the process anew"
    )]
    TooManyPools,
    /// The global pool has started already.
    #[error(
        "the global pool has started already: call build_global() once, before anything uses \
         ThreadPool::global()"
    )]
    GlobalTaken,
}

impl StartError {
    pub(crate) fn threads(wanted: usize, got: usize, source: io::Error) -> Self {
        Self::Threads {
            wanted,
            got,
            source,
        }
    }

    pub(crate) fn too_many(asked: usize, max: usize) -> Self {
        Self::TooMany { asked, max }
    }
}
