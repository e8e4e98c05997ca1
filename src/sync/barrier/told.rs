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
    /// The time limit of another party passed, the action panicked, or the barrier
    /// was aborted or reset.
    #[error(
        "the barrier was broken: the time of a party was up, the action panicked, or it was \
         aborted or reset; where `is_broken` says so, `reset` repairs it"
    )]
    Broken,
    /// The time limit has passed. This has broken the barrier if the party had come
    /// by then; one that found no time left when it came has broken nothing.
    #[error(
        "the time limit of the wait has passed; if it passed while the party waited, this has \
         broken the barrier"
    )]
    TimedOut,
    /// Others have yet to come; `try_wait` does not wait.
    #[error("not all the others wait at the barrier yet")]
    NotNow,
}
