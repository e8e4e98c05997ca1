//! The end that sends.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use super::{InnerSender, SendError, SendTimeoutError, TrySendError, door, waiting};
use crate::wait::deadline::Deadline;

/// The end of a channel that sends; clones send into the same channel.
///
/// When the last one is dropped, receivers get what is left, and then an error.
///
/// # Examples
///
/// ```
/// use raddle::sync::channel;
///
/// let (sender, receiver) = channel::bounded(2);
/// sender.clone().send(1).unwrap();
/// drop(sender);
/// assert_eq!(receiver.iter().collect::<Vec<_>>(), [1]);
/// ```
pub struct Sender<T>(pub(super) door::Sender<T>);

impl<T> Sender<T> {
    /// Sends an item; waits until there is room.
    ///
    /// Blocks while the channel is full; [`send_timeout`](Self::send_timeout)
    /// and [`send_deadline`](Self::send_deadline) have a limit.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the item when no receiver is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::channel;
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// sender.send(1).unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(2).unwrap_err().into_inner(), 2);
    /// ```
    #[doc(alias = "put")]
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        match self.0.try_send(item) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(item)) => Err(SendError(item)),
            Err(TrySendError::Full(item)) => {
                let _waiting = waiting();
                self.0.send(item)
            }
        }
    }

    /// Sends an item if there is room at once. Never waits.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the item when there is no room, or no receiver is
    /// left.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::channel::{self, TrySendError};
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    #[doc(alias = "put_nowait")]
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(item)
    }

    /// Sends an item; waits for room at most as long as `limit`.
    ///
    /// `Duration::ZERO` tries once, `Duration::MAX` waits for ever. Blocks.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] with the item when the limit has passed, or no
    /// receiver is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::channel;
    /// use std::time::Duration;
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// sender.send(1).unwrap();
    /// let late = sender.send_timeout(2, Duration::from_millis(1));
    /// assert!(late.unwrap_err().is_timeout());
    /// ```
    pub fn send_timeout(&self, item: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_until(item, Deadline::after(limit))
    }

    /// Sends an item; waits for room until `at`. A point in the past tries
    /// once. Blocks.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::channel;
    /// use std::time::Instant;
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// assert!(sender.send_deadline(1, Instant::now()).is_ok());
    /// assert!(sender.send_deadline(2, Instant::now()).is_err());
    /// ```
    pub fn send_deadline(&self, item: T, at: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(item, Deadline::at(at))
    }

    fn send_until(&self, item: T, deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        let item = match self.0.try_send(item) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(item)) => {
                return Err(SendTimeoutError::Disconnected(item));
            }
            Err(TrySendError::Full(item)) if deadline.has_passed() => {
                return Err(SendTimeoutError::Timeout(item));
            }
            Err(TrySendError::Full(item)) => item,
        };
        let _waiting = waiting();
        match deadline.instant() {
            Some(at) => self.0.send_deadline(item, at),
            None => {
                (self.0.send(item)).map_err(|SendError(item)| SendTimeoutError::Disconnected(item))
            }
        }
    }

    /// Says how many items are in the channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = raddle::sync::channel::bounded(2);
    /// sender.send(1).unwrap();
    /// assert_eq!(sender.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is in the channel. Always so, if it holds none.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = raddle::sync::channel::bounded::<u8>(2);
    /// assert!(sender.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is no room. Always so, if the channel holds none.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = raddle::sync::channel::bounded(1);
    /// sender.send(1).unwrap();
    /// assert!(sender.is_full());
    /// ```
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// How many items the channel holds at most; `None` without a limit.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = raddle::sync::channel::bounded::<u8>(2);
    /// assert_eq!(sender.capacity(), Some(2));
    /// ```
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.0.capacity()
    }

    /// Whether both send into the same channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = raddle::sync::channel::unbounded::<u8>();
    /// assert!(sender.same_channel(&sender.clone()));
    /// ```
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }

    /// Gives crossbeam-channel's own end, for [`select!`](super::select). What
    /// waits on it does not tell the pool.
    ///
    /// # Panics
    ///
    /// Inside a model: there it has none.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::sync::channel::bounded(1);
    /// sender.inner().send(1).unwrap();
    /// assert_eq!(receiver.recv(), Ok(1));
    /// ```
    #[must_use]
    pub fn inner(&self) -> &InnerSender<T> {
        door::inner_sender(&self.0)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}

// As crossbeam-channel's own ends.
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}
