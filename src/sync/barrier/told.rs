//! What a party is told.

/// What one who has met the others knows.
///
/// # Examples
///
/// ```
/// let alone = raddle::sync::Barrier::new(1);
/// assert!(alone.wait()?.is_leader());
/// # Ok::<_, raddle::sync::BarrierError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BarrierWaitResult {
    is_leader: bool,
}

impl BarrierWaitResult {
    pub(super) fn new(is_leader: bool) -> Self {
        Self { is_leader }
    }

    /// Whether this is the one of the round that was the leader: exactly one is.
    ///
    /// # Examples
    ///
    /// See [`BarrierWaitResult`].
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }
}

/// Why the parties have not met.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use raddle::sync::{Barrier, BarrierError};
///
/// let pair = Barrier::new(2);
/// let late = pair.wait_timeout(Duration::from_millis(1));
/// assert_eq!(late.unwrap_err(), BarrierError::TimedOut);
/// // The other one need not wait for us.
/// assert_eq!(pair.wait().unwrap_err(), BarrierError::Broken);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// Another party left, the action panicked, or the barrier was aborted or
    /// reset.
    #[error(
        "the barrier is broken: a party left it, its action panicked, or it was aborted; `reset` repairs it"
    )]
    Broken,
    /// The time limit has passed, and this has broken the barrier.
    #[error("the time limit of the wait has passed, and this has broken the barrier")]
    TimedOut,
    /// Others have yet to come; `try_wait` does not wait.
    #[error("not all the others wait at the barrier yet")]
    NotNow,
}
