//! The way in: blocking, once, with a limit, as a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::state::{Answer, PushStop, Pushers, State};
use super::{PushError, Queue, resume_unwind};
use crate::primitive::drop_contained;
use crate::wait::deadline::Deadline;
use crate::wait::queue::Wakes;
use crate::wait::waited::{Waiting, wait};

impl<T> Queue<T> {
    /// Puts an item in; waits until there is room.
    ///
    /// Blocks while the queue is full; [`push_timeout`](Self::push_timeout) and
    /// [`push_deadline`](Self::push_deadline) have a limit. A consumer that
    /// pushes into its own full queue waits for itself.
    ///
    /// # Fairness
    ///
    /// First come, first served: see [`Queue`].
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`] with the item, when the queue is closed, or closes
    /// meanwhile.
    ///
    /// # Panics
    ///
    /// When a comparison of a [`priority`](Queue::priority) queue does; the item
    /// is dropped then, and a second panic, of its destructor, is contained.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push(1).unwrap();
    /// assert_eq!(queue.pop(), Ok(1));
    /// ```
    #[doc(alias = "put")]
    #[doc(alias = "send")]
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        self.push_until(item, Deadline::NEVER)
    }

    /// Puts an item in if there is room at once. Never waits.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] or [`PushError::Closed`] with the item. The free
    /// room may be promised to one who waits: that is `Full`, too.
    ///
    /// # Panics
    ///
    /// As [`push`](Self::push).
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{PushError, Queue};
    ///
    /// let queue = Queue::bounded(1);
    /// assert_eq!(queue.try_push(1), Ok(()));
    /// assert_eq!(queue.try_push(2), Err(PushError::Full(2)));
    /// ```
    #[doc(alias = "put_nowait")]
    #[doc(alias = "offer")]
    #[inline]
    pub fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        self.insert(|state, wakes| state.push(item, wakes))
    }

    /// Puts an item in; waits for room at most as long as `limit`.
    ///
    /// `Duration::ZERO` tries once, `Duration::MAX` waits for ever. Blocks.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] with the item when the limit has passed,
    /// [`PushError::Closed`] when the queue is closed.
    ///
    /// # Panics
    ///
    /// As [`push`](Self::push).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push(1).unwrap();
    /// let late = queue.push_timeout(2, Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(late.into_item(), 2);
    /// ```
    #[doc(alias = "put")]
    pub fn push_timeout(&self, item: T, limit: Duration) -> Result<(), PushError<T>> {
        self.push_until(item, Deadline::after(limit))
    }

    /// Puts an item in; waits for room until `at`. A point in the past tries
    /// once. Blocks.
    ///
    /// # Errors
    ///
    /// As [`push_timeout`](Self::push_timeout).
    ///
    /// # Panics
    ///
    /// As [`push`](Self::push).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let queue = raddle::sync::Queue::bounded(1);
    /// assert!(queue.push_deadline(1, Instant::now()).is_ok());
    /// assert!(queue.push_deadline(2, Instant::now()).unwrap_err().is_full());
    /// ```
    pub fn push_deadline(&self, item: T, at: Instant) -> Result<(), PushError<T>> {
        self.push_until(item, Deadline::at(at))
    }

    /// Puts an item in, as a future that waits until there is room.
    ///
    /// Cancel-safe: dropped before it is ready, it has put nothing in, and hands on
    /// what it was promised. The item is dropped with it, as anything that a future
    /// owns: to keep it, race the future's `Pin<&mut _>` and await it later, or use
    /// [`push_timeout`](Self::push_timeout), which gives the item back. It joins
    /// those who wait when it is first polled.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    ///
    /// # Panics
    ///
    /// As [`push`](Self::push), and when it is polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// raddle::block_on(queue.push_async(1)).unwrap();
    /// assert_eq!(queue.pop(), Ok(1));
    /// ```
    #[doc(alias = "put")]
    pub fn push_async(&self, item: T) -> Push<'_, T> {
        Push {
            queue: self,
            waiting: Waiting::new(&self.lock, ()),
            item: Some(item),
        }
    }

    fn push_until(&self, item: T, deadline: Deadline) -> Result<(), PushError<T>> {
        let mut item = match self.try_push(item) {
            Err(PushError::Full(item)) => Some(item),
            ended => return ended,
        };
        if !deadline.has_passed() {
            let ended = Self::spin(|| match self.try_push(item.take()?) {
                Err(PushError::Full(refused)) => {
                    item = Some(refused);
                    None
                }
                ended => Some(ended),
            });
            if let Some(ended) = ended {
                return ended;
            }
        }
        let Some(item) = item else {
            unreachable!("an item that was not taken is back");
        };
        let answer = wait::<Pushers, _>(&self.lock, (), deadline, "room in a queue");
        self.push_answered(item, answer)
    }

    /// The end of a push that has waited; `None` says that its time is up.
    fn push_answered(&self, item: T, answer: Option<Answer>) -> Result<(), PushError<T>> {
        match answer {
            None => Err(PushError::Full(item)),
            Some(Answer::Closed) => Err(PushError::Closed(item)),
            Some(Answer::Promised) => self.insert(|state, wakes| state.push_promised(item, wakes)),
        }
    }

    #[inline]
    fn insert(
        &self,
        push: impl FnOnce(&mut State<T>, &mut Wakes) -> Result<(), PushStop<T>>,
    ) -> Result<(), PushError<T>> {
        match self.change(push) {
            Ok(()) => Ok(()),
            Err(PushStop::Refused(error)) => Err(error),
            Err(PushStop::Panicked(item, payload)) => {
                // Not by the unwinding: if its destructor panics as well, that
                // would end the process.
                drop_contained(item);
                resume_unwind(payload)
            }
        }
    }
}

/// The future of [`Queue::push_async`].
///
/// # Examples
///
/// ```
/// use raddle::sync::{Queue, queue::Push};
///
/// let queue = Queue::bounded(1);
/// let push: Push<'_, u8> = queue.push_async(1);
/// drop(push);
/// assert!(queue.is_empty());
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Push<'a, T> {
    queue: &'a Queue<T>,
    // Leaves the queue before the item is dropped: the fields go in this order.
    waiting: Waiting<'a, State<T>, Pushers>,
    item: Option<T>,
}

// The item is moved in and out, and never pinned.
impl<T> Unpin for Push<'_, T> {}

impl<T> Future for Push<'_, T> {
    type Output = Result<(), PushError<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        assert!(
            this.item.is_some(),
            "raddle: `push_async` is polled after it was ready"
        );
        let answer = ready!(Pin::new(&mut this.waiting).poll(context));
        Poll::Ready(match this.item.take() {
            Some(item) => this.queue.push_answered(item, Some(answer)),
            None => Ok(()),
        })
    }
}

impl<T> fmt::Debug for Push<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("queue", self.queue)
            .finish_non_exhaustive()
    }
}
