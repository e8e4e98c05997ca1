//! What a semaphore refuses, and why.

use std::fmt;

/// Why no permit was had.
///
/// # Examples
///
/// ```
/// use raddle::sync::{AcquireError, Semaphore};
///
/// let seats = Semaphore::new(2);
/// let _all = seats.acquire_many(2)?;
/// assert_eq!(seats.try_acquire().unwrap_err(), AcquireError::NotNow);
/// let never = seats.acquire_many(3).unwrap_err();
/// assert_eq!(never, AcquireError::Impossible { asked: 3, max: 2 });
/// # Ok::<_, AcquireError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcquireError {
    /// The semaphore is closed.
    Closed,
    /// There are too few free permits, or others are before; `try_` does not
    /// wait.
    NotNow,
    /// The time limit has passed.
    TimedOut,
    /// No permits were asked for, or more than there can ever be: to wait for
    /// them would be to wait for ever.
    Impossible {
        /// How many were asked for.
        asked: usize,
        /// How many there can be.
        max: usize,
    },
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the semaphore is closed"),
            Self::NotNow => f.write_str("too few permits are free, or others wait for them"),
            Self::TimedOut => f.write_str("the time limit of the wait for permits has passed"),
            Self::Impossible { asked: 0, .. } => {
                f.write_str("no permits were asked for: ask for one at least")
            }
            Self::Impossible { max: 0, .. } => f.write_str(
                "the semaphore was made with 0 permits, and no more can be added: say with \
                 `up_to` how many there may be",
            ),
            Self::Impossible { asked, max } => write!(
                f,
                "{asked} permits were asked for at once, of a semaphore that has {max} at most: \
                 ask for less, or raise its limit with `up_to`"
            ),
        }
    }
}

impl std::error::Error for AcquireError {}

/// The permits were not added: none of them.
///
/// # Examples
///
/// ```
/// use raddle::sync::Semaphore;
///
/// let seats = Semaphore::new(2).up_to(3);
/// assert_eq!(seats.add_permits(2).unwrap_err().room(), 1);
/// assert_eq!(seats.available(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddPermitsError {
    pub(super) asked: usize,
    pub(super) room: usize,
}

impl AddPermitsError {
    /// How many could be added at that moment.
    ///
    /// # Examples
    ///
    /// See [`AddPermitsError`].
    #[must_use]
    pub fn room(&self) -> usize {
        self.room
    }
}

impl fmt::Display for AddPermitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asked {
            0 => f.write_str("no permits were to be added: add one at least"),
            asked => write!(
                f,
                "too many permits to add: {asked}, where there is room for {}; were they given back \
                 twice? A permit goes back by itself when it is dropped. For more of them, raise \
                 the limit with `up_to`",
                self.room
            ),
        }
    }
}

impl std::error::Error for AddPermitsError {}
