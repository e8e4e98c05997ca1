//! When all that was pushed is done, and not only taken out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::state::{Finishers, State};
use super::{Queue, TooManyDone};
use crate::wait::deadline::Deadline;
use crate::wait::waited::{Waiting, wait};

impl<T> Queue<T> {
    /// Says that one item, taken out earlier, is dealt with.
    ///
    /// Only for those who use [`wait_all_done`](Self::wait_all_done): call it
    /// once for each item, also when dealing with it has failed. Never waits.
    ///
    /// # Errors
    ///
    /// [`TooManyDone`] when it is called more often than items were pushed.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push("work").unwrap();
    /// let _work = queue.pop().unwrap();
    /// assert!(queue.task_done().is_ok());
    /// assert!(queue.task_done().is_err());
    /// ```
    pub fn task_done(&self) -> Result<(), TooManyDone> {
        self.change(State::task_done)
    }

    /// Waits until [`task_done`](Self::task_done) was called for every item that
    /// was pushed.
    ///
    /// Blocks; [`wait_all_done_timeout`](Self::wait_all_done_timeout) and
    /// [`wait_all_done_deadline`](Self::wait_all_done_deadline) have a limit.
    /// Returns at once when nothing was pushed. Items that
    /// [`close_now`](Self::close_now) takes out count as done;
    /// [`close`](Self::close) changes nothing. It is enough that all was done at
    /// one moment: by the time this returns, more may have been pushed.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{ThreadPool, sync::Queue};
    ///
    /// let (pool, queue) = (ThreadPool::new(1)?, Queue::bounded(8));
    /// let worker = pool.submit({
    ///     let queue: Queue<u32> = queue.clone();
    ///     move || {
    ///         for _work in &queue {
    ///             queue.task_done().unwrap();
    ///         }
    ///     }
    /// });
    /// (0..100).for_each(|n| queue.push(n).unwrap());
    /// queue.wait_all_done();
    /// assert!(queue.is_empty());
    /// queue.close();
    /// worker.result()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "join")]
    pub fn wait_all_done(&self) {
        self.done_until(Deadline::NEVER);
    }

    /// As [`wait_all_done`](Self::wait_all_done), but does not wait: whether all
    /// is done.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push(1).unwrap();
    /// assert!(!queue.try_wait_all_done());
    /// queue.pop().unwrap();
    /// queue.task_done().unwrap();
    /// assert!(queue.try_wait_all_done());
    /// ```
    #[doc(alias = "join")]
    #[must_use = "it does not wait: something may not be done"]
    pub fn try_wait_all_done(&self) -> bool {
        self.unfinished() == 0
    }

    /// As [`wait_all_done`](Self::wait_all_done), at most as long as `limit`;
    /// whether all was done in time.
    ///
    /// `Duration::ZERO` looks once, `Duration::MAX` waits for ever. Blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push(1).unwrap();
    /// assert!(!queue.wait_all_done_timeout(Duration::from_millis(1)));
    /// ```
    #[doc(alias = "join")]
    #[must_use = "it may have ended because of the limit"]
    pub fn wait_all_done_timeout(&self, limit: Duration) -> bool {
        self.done_until(Deadline::after(limit))
    }

    /// As [`wait_all_done`](Self::wait_all_done), until `at`; whether all was
    /// done in time. A point in the past looks once. Blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let queue: raddle::sync::Queue<u8> = raddle::sync::Queue::bounded(1);
    /// assert!(queue.wait_all_done_deadline(Instant::now()));
    /// ```
    #[doc(alias = "join")]
    #[must_use = "it may have ended because of the limit"]
    pub fn wait_all_done_deadline(&self, at: Instant) -> bool {
        self.done_until(Deadline::at(at))
    }

    /// As [`wait_all_done`](Self::wait_all_done), as a future. Cancel-safe.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue: raddle::sync::Queue<u8> = raddle::sync::Queue::bounded(1);
    /// raddle::block_on(queue.wait_all_done_async());
    /// ```
    #[doc(alias = "join")]
    pub fn wait_all_done_async(&self) -> AllDone<'_, T> {
        AllDone {
            queue: self,
            waiting: Waiting::new(&self.lock, ()),
        }
    }

    /// How many items were pushed for which [`task_done`](Self::task_done) was
    /// not yet called.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// queue.push(1).unwrap();
    /// queue.pop().unwrap();
    /// assert_eq!(queue.unfinished(), 1);
    /// ```
    #[doc(alias = "unfinished_tasks")]
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.lock.lock().unfinished()
    }

    fn done_until(&self, deadline: Deadline) -> bool {
        wait::<Finishers, _>(&self.lock, (), deadline, "all items of a queue to be done").is_some()
    }
}

/// The future of [`Queue::wait_all_done_async`].
///
/// # Examples
///
/// ```
/// use raddle::sync::{Queue, queue::AllDone};
///
/// let queue = Queue::bounded(1);
/// queue.push(1).unwrap();
/// let all_done: AllDone<'_, u8> = queue.wait_all_done_async();
/// queue.pop().unwrap();
/// queue.task_done().unwrap();
/// raddle::block_on(all_done);
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct AllDone<'a, T> {
    queue: &'a Queue<T>,
    waiting: Waiting<'a, State<T>, Finishers>,
}

impl<T> Unpin for AllDone<'_, T> {}

impl<T> Future for AllDone<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.get_mut().waiting).poll(context)
    }
}

impl<T> fmt::Debug for AllDone<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllDone")
            .field("queue", self.queue)
            .finish_non_exhaustive()
    }
}
