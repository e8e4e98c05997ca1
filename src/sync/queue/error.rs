//! Why an item was not taken in, or not given out.

use std::fmt;

/// A queue did not take an item. The item is not lost: it is in here.
///
/// As in Python, a push whose time is up finds the queue full: there is no word
/// of its own for that.
///
/// # Examples
///
/// ```
/// use raddle::sync::{PushError, Queue};
///
/// let queue = Queue::bounded(1);
/// queue.push("first").unwrap();
/// let refused = queue.try_push("second").unwrap_err();
/// assert!(refused.is_full());
/// assert_eq!(refused.into_item(), "second");
///
/// queue.close();
/// assert_eq!(queue.push("late"), Err(PushError::Closed("late")));
/// ```
#[doc(alias = "Full")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushError<T> {
    /// There was no room, or none in time. `push` without a limit never says so.
    Full(T),
    /// The queue is closed: it takes nothing any more.
    Closed(T),
}

impl<T> PushError<T> {
    /// Gives the item back.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.close();
    /// assert_eq!(queue.push(7).unwrap_err().into_item(), 7);
    /// ```
    #[must_use]
    pub fn into_item(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }

    /// Whether there was no room, or none in time.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push(1).unwrap();
    /// assert!(queue.try_push(2).unwrap_err().is_full());
    /// ```
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the queue is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.close();
    /// assert!(queue.try_push(1).unwrap_err().is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

// The item need not be `Debug` for the error to be one.
impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => {
                "no room in time: the queue is full, or what is free is promised to others who wait"
            }
            Self::Closed(_) => "the queue is closed and takes nothing any more",
        })
    }
}

impl<T> std::error::Error for PushError<T> {}

/// A queue gave no item.
///
/// As in Python, a pop whose time is up finds the queue empty: there is no word of
/// its own for that.
///
/// # Examples
///
/// ```
/// use raddle::sync::{PopError, Queue};
///
/// let queue: Queue<u8> = Queue::bounded(1);
/// assert_eq!(queue.try_pop(), Err(PopError::Empty));
/// queue.close();
/// assert_eq!(queue.pop(), Err(PopError::Closed));
/// ```
#[doc(alias = "ShutDown")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PopError {
    /// There was nothing, or nothing in time. `pop` without a limit never says
    /// so.
    #[error("no item in time: the queue is empty, or what is in it is promised to others who wait")]
    Empty,
    /// The queue is closed, and everything that was in it has been taken.
    #[error("the queue is closed, and nothing is left in it")]
    Closed,
}

/// `task_done` was called more often than items were pushed.
///
/// # Examples
///
/// ```
/// let queue: raddle::sync::Queue<u8> = raddle::sync::Queue::bounded(1);
/// assert!(queue.task_done().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task_done was called more often than items were pushed: call it once for each item")]
pub struct TooManyDone(());

impl TooManyDone {
    pub(super) fn new() -> Self {
        Self(())
    }
}
