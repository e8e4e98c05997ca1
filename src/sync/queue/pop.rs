//! The way out: blocking, once, with a limit, as a future, as an iterator.

use std::fmt;
use std::future::Future;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::state::{Answer, PopStop, Poppers, State};
use super::{PopError, Queue, resume_unwind};
use crate::wait::deadline::Deadline;
use crate::wait::queue::Wakes;
use crate::wait::waited::{Waiting, wait};

impl<T> Queue<T> {
    /// Takes an item out; waits until there is one.
    ///
    /// Blocks while the queue is empty and open; [`pop_timeout`](Self::pop_timeout)
    /// and [`pop_deadline`](Self::pop_deadline) have a limit.
    ///
    /// # Fairness
    ///
    /// First come, first served: see [`Queue`].
    ///
    /// # Errors
    ///
    /// [`PopError::Closed`] when the queue is closed and nothing is left in it.
    ///
    /// # Panics
    ///
    /// When a comparison of a [`priority`](Queue::priority) queue does; the item
    /// stays in it then.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push("item").unwrap();
    /// assert_eq!(queue.pop(), Ok("item"));
    /// ```
    #[doc(alias = "get")]
    #[doc(alias = "recv")]
    #[doc(alias = "take")]
    pub fn pop(&self) -> Result<T, PopError> {
        self.pop_until(Deadline::NEVER)
    }

    /// Takes an item out if there is one at once. Never waits.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`], or [`PopError::Closed`] when nothing will come any
    /// more. What is in the queue may be promised to one who waits: that is
    /// `Empty`, too.
    ///
    /// # Panics
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{PopError, Queue};
    ///
    /// let queue: Queue<u8> = Queue::bounded(1);
    /// assert_eq!(queue.try_pop(), Err(PopError::Empty));
    /// ```
    #[doc(alias = "get_nowait")]
    #[doc(alias = "poll")]
    #[inline]
    pub fn try_pop(&self) -> Result<T, PopError> {
        self.remove(State::pop)
    }

    /// Takes an item out; waits for one at most as long as `limit`.
    ///
    /// `Duration::ZERO` tries once, `Duration::MAX` waits for ever. Blocks.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] when the limit has passed, [`PopError::Closed`] when
    /// nothing will come any more.
    ///
    /// # Panics
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{PopError, Queue};
    /// use std::time::Duration;
    ///
    /// let queue: Queue<u8> = Queue::bounded(1);
    /// let late = queue.pop_timeout(Duration::from_millis(1));
    /// assert_eq!(late, Err(PopError::Empty));
    /// ```
    #[doc(alias = "get")]
    pub fn pop_timeout(&self, limit: Duration) -> Result<T, PopError> {
        self.pop_until(Deadline::after(limit))
    }

    /// Takes an item out; waits for one until `at`. A point in the past tries
    /// once. Blocks.
    ///
    /// # Errors
    ///
    /// As [`pop_timeout`](Self::pop_timeout).
    ///
    /// # Panics
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push(1).unwrap();
    /// assert_eq!(queue.pop_deadline(Instant::now()), Ok(1));
    /// ```
    pub fn pop_deadline(&self, at: Instant) -> Result<T, PopError> {
        self.pop_until(Deadline::at(at))
    }

    /// Takes an item out, as a future that waits until there is one.
    ///
    /// Cancel-safe: it holds an item only in the moment in which it is ready.
    /// Dropped before, it takes none, and hands on what it was promised. It
    /// joins those who wait when it is first polled.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Panics
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push(1).unwrap();
    /// assert_eq!(raddle::block_on(queue.pop_async()), Ok(1));
    /// ```
    #[doc(alias = "get")]
    pub fn pop_async(&self) -> Pop<'_, T> {
        Pop {
            queue: self,
            waiting: Waiting::new(&self.lock, ()),
        }
    }

    /// Takes out one item after the other until the queue is closed and nothing
    /// is left in it.
    ///
    /// Blocks, as [`pop`](Self::pop). Several iterators of one queue share its
    /// items.
    ///
    /// # Panics
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(2);
    /// queue.push(1).unwrap();
    /// queue.push(2).unwrap();
    /// queue.close();
    /// assert_eq!(queue.iter().collect::<Vec<_>>(), [1, 2]);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { queue: self }
    }

    fn pop_until(&self, deadline: Deadline) -> Result<T, PopError> {
        match self.try_pop() {
            Err(PopError::Empty) => {}
            ended => return ended,
        }
        if !deadline.has_passed() {
            let ended = Self::spin(|| match self.try_pop() {
                Err(PopError::Empty) => None,
                ended => Some(ended),
            });
            if let Some(ended) = ended {
                return ended;
            }
        }
        let answer = wait::<Poppers, _>(&self.lock, (), deadline, "an item of a queue");
        self.pop_answered(answer)
    }

    /// The end of a pop that has waited; `None` says that its time is up.
    fn pop_answered(&self, answer: Option<Answer>) -> Result<T, PopError> {
        match answer {
            None => Err(PopError::Empty),
            Some(Answer::Closed) => Err(PopError::Closed),
            Some(Answer::Promised) => self.remove(State::pop_promised),
        }
    }

    #[inline]
    fn remove(
        &self,
        pop: impl FnOnce(&mut State<T>, &mut Wakes) -> Result<T, PopStop>,
    ) -> Result<T, PopError> {
        match self.change(pop) {
            Ok(item) => Ok(item),
            Err(PopStop::Refused(error)) => Err(error),
            Err(PopStop::Panicked(payload)) => resume_unwind(payload),
        }
    }
}

/// The future of [`Queue::pop_async`].
///
/// # Examples
///
/// ```
/// use raddle::sync::{Queue, queue::Pop};
///
/// let queue = Queue::bounded(1);
/// queue.push(1).unwrap();
/// let pop: Pop<'_, u8> = queue.pop_async();
/// drop(pop);
/// assert_eq!(queue.len(), 1);
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Pop<'a, T> {
    queue: &'a Queue<T>,
    waiting: Waiting<'a, State<T>, Poppers>,
}

// An item is never held here.
impl<T> Unpin for Pop<'_, T> {}

impl<T> Future for Pop<'_, T> {
    type Output = Result<T, PopError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let answer = ready!(Pin::new(&mut this.waiting).poll(context));
        Poll::Ready(this.queue.pop_answered(Some(answer)))
    }
}

impl<T> fmt::Debug for Pop<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pop")
            .field("queue", self.queue)
            .finish_non_exhaustive()
    }
}

/// What [`Queue::iter`] returns: the items until the end.
///
/// # Examples
///
/// ```
/// let queue = raddle::sync::Queue::bounded(2);
/// queue.push(1).unwrap();
/// queue.close();
/// for item in &queue {
///     assert_eq!(item, 1);
/// }
/// ```
#[must_use = "an iterator takes nothing unless it is used"]
pub struct Iter<'a, T> {
    queue: &'a Queue<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.queue.pop().ok()
    }
}

// A closed queue stays closed.
impl<T> FusedIterator for Iter<'_, T> {}

/// What iterating over a [`Queue`] by value returns: the items until the end.
///
/// # Examples
///
/// ```
/// let queue = raddle::sync::Queue::bounded(2);
/// queue.push(1).unwrap();
/// queue.close();
/// assert_eq!(queue.into_iter().sum::<i32>(), 1);
/// ```
#[must_use = "an iterator takes nothing unless it is used"]
pub struct IntoIter<T> {
    queue: Queue<T>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.queue.pop().ok()
    }
}

impl<T> FusedIterator for IntoIter<T> {}

impl<T> IntoIterator for Queue<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { queue: self }
    }
}

impl<'a, T> IntoIterator for &'a Queue<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

// The items need not be `Debug` for these to be.
impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("queue", self.queue).finish()
    }
}

impl<T> fmt::Debug for IntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f.debug_struct("IntoIter").field("queue", &self.queue)).finish()
    }
}
