//! The end that receives.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use super::{InnerReceiver, RecvError, RecvTimeoutError, TryRecvError, door, waiting};
use crate::wait::deadline::Deadline;

/// The end of a channel that receives; clones share its items.
///
/// When the last one is dropped, senders get an error. What is left is dropped
/// at once if the channel is unbounded, and with the last sender if it is
/// bounded.
///
/// # Examples
///
/// ```
/// use raddle::sync::channel;
///
/// let (sender, receiver) = channel::bounded(1);
/// sender.send(1).unwrap();
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
pub struct Receiver<T>(pub(super) door::Receiver<T>);

impl<T> Receiver<T> {
    /// Receives an item; waits until there is one.
    ///
    /// Blocks while the channel is empty; [`recv_timeout`](Self::recv_timeout)
    /// and [`recv_deadline`](Self::recv_deadline) have a limit.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when no sender is left, and no item.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::channel;
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv(), Ok(1));
    /// assert!(receiver.recv().is_err());
    /// ```
    #[doc(alias = "get")]
    pub fn recv(&self) -> Result<T, RecvError> {
        match self.0.try_recv() {
            Ok(item) => Ok(item),
            Err(TryRecvError::Disconnected) => Err(RecvError),
            Err(TryRecvError::Empty) => {
                let _waiting = waiting();
                self.0.recv()
            }
        }
    }

    /// Receives an item if there is one at once. Never waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] when there is none, or none will come.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::channel::{self, TryRecvError};
    ///
    /// let (_sender, receiver) = channel::bounded::<u8>(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// ```
    #[doc(alias = "get_nowait")]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    /// Receives an item; waits for one at most as long as `limit`.
    ///
    /// `Duration::ZERO` tries once, `Duration::MAX` waits for ever. Blocks.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] when the limit has passed, or none will come.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::channel;
    /// use std::time::Duration;
    ///
    /// let (_sender, receiver) = channel::bounded::<u8>(1);
    /// let late = receiver.recv_timeout(Duration::from_millis(1));
    /// assert!(late.unwrap_err().is_timeout());
    /// ```
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Deadline::after(limit))
    }

    /// Receives an item; waits for one until `at`. A point in the past tries
    /// once. Blocks.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Self::recv_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::channel;
    /// use std::time::Instant;
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.recv_deadline(Instant::now()), Ok(1));
    /// ```
    pub fn recv_deadline(&self, at: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Deadline::at(at))
    }

    fn recv_until(&self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        match self.0.try_recv() {
            Ok(item) => return Ok(item),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) if deadline.has_passed() => {
                return Err(RecvTimeoutError::Timeout);
            }
            Err(TryRecvError::Empty) => {}
        }
        let _waiting = waiting();
        match deadline.instant() {
            Some(at) => self.0.recv_deadline(at),
            None => (self.0.recv()).map_err(|RecvError| RecvTimeoutError::Disconnected),
        }
    }

    /// Receives one item after the other until no sender is left. Blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::sync::channel::bounded(2);
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [1]);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// Receives what is there, and ends when nothing is. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::sync::channel::bounded(2);
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1]);
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }

    /// Says how many items are in the channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = raddle::sync::channel::bounded(2);
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.len(), 1);
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
    /// let (_sender, receiver) = raddle::sync::channel::bounded::<u8>(2);
    /// assert!(receiver.is_empty());
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
    /// let (sender, receiver) = raddle::sync::channel::bounded(1);
    /// sender.send(1).unwrap();
    /// assert!(receiver.is_full());
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
    /// let (_sender, receiver) = raddle::sync::channel::bounded::<u8>(2);
    /// assert_eq!(receiver.capacity(), Some(2));
    /// ```
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.0.capacity()
    }

    /// Whether both receive from the same channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = raddle::sync::channel::unbounded::<u8>();
    /// assert!(receiver.same_channel(&receiver.clone()));
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
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.inner().recv(), Ok(1));
    /// ```
    #[must_use]
    pub fn inner(&self) -> &InnerReceiver<T> {
        door::inner_receiver(&self.0)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}

// As crossbeam-channel's own ends.
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

/// What [`Receiver::iter`] returns: the items until no sender is left.
///
/// # Examples
///
/// See [`Receiver::iter`].
#[must_use = "an iterator takes nothing unless it is used"]
pub struct Iter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

/// What [`Receiver::try_iter`] returns: the items that are there.
///
/// # Examples
///
/// See [`Receiver::try_iter`].
#[must_use = "an iterator takes nothing unless it is used"]
pub struct TryIter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

/// What iterating over a [`Receiver`] by value returns.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = raddle::sync::channel::bounded(1);
/// sender.send(1).unwrap();
/// drop(sender);
/// assert_eq!(receiver.into_iter().sum::<i32>(), 1);
/// ```
#[must_use = "an iterator takes nothing unless it is used"]
pub struct IntoIter<T>(Receiver<T>);

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> FusedIterator for IntoIter<T> {}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Items need not be `Debug` for what yields them to be.
macro_rules! shown {
    ($($name:ident, $of:ty;)*) => {
        $(impl<T> fmt::Debug for $of {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(concat!(stringify!($name), " { .. }"))
            }
        })*
    };
}

shown! {
    Iter, Iter<'_, T>;
    TryIter, TryIter<'_, T>;
    IntoIter, IntoIter<T>;
}
