//! A queue between producers and consumers, with an end.
//!
//! One lock guards everything (`state.rs`); what it decides is done here, after
//! the lock was released: wakers are called, items dropped, panics passed on.
//!
//! ```text
//!   state.rs   who gets what       store.rs   in which order
//!   make.rs    the kinds           error.rs   what a caller is told
//!   push.rs    the way in          pop.rs     the way out
//!   done.rs    when all is done
//! ```
//!
//! Orderings: everything is ordered by the lock. `docs/protocols/queue.md` says
//! why nothing is lost.
//!
//! WHY NOT a lock-free ring: it could neither be closed with what is in it
//! taken out, nor give way to those who wait, nor keep an order of priority;
//! and what it gains is lost in the wake-ups as soon as one side is faster.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::sync::Arc;

mod done;
mod error;
mod make;
mod pop;
mod push;
mod state;
mod store;

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(test)]
mod tests;

pub use done::AllDone;
pub use error::{PopError, PushError, TooManyDone};
pub use pop::{IntoIter, Iter, Pop};
pub use push::Push;

use crate::primitive::Mutex;
use crate::primitive::thread::spin_hint;
use crate::wait::queue::Wakes;
use state::State;

/// Hands items from producers to consumers, in order, and has an end.
///
/// A `Queue` is a handle: clones are the same queue. Threads and futures can
/// push and pop at the same time, each operation in whichever way suits it:
///
/// | | blocks | tries once | with a limit | as a future |
/// |---|---|---|---|---|
/// | in | [`push`](Self::push) | [`try_push`](Self::try_push) | [`push_timeout`](Self::push_timeout), [`push_deadline`](Self::push_deadline) | [`push_async`](Self::push_async) |
/// | out | [`pop`](Self::pop), [`iter`](Self::iter) | [`try_pop`](Self::try_pop) | [`pop_timeout`](Self::pop_timeout), [`pop_deadline`](Self::pop_deadline) | [`pop_async`](Self::pop_async) |
/// | all done | [`wait_all_done`](Self::wait_all_done) | [`try_wait_all_done`](Self::try_wait_all_done) | [`wait_all_done_timeout`](Self::wait_all_done_timeout), [`wait_all_done_deadline`](Self::wait_all_done_deadline) | [`wait_all_done_async`](Self::wait_all_done_async) |
///
/// The queue ends when somebody calls [`close`](Self::close): what is in it is
/// still delivered, then every consumer is told [`PopError::Closed`]. Dropping
/// handles closes nothing, so consumers of a queue that nobody closes wait for
/// ever.
///
/// # Fairness
///
/// Those who wait are served in the order in which they came, and nobody
/// overtakes them: an item that comes, or room that becomes free, is promised to
/// the first who waits, and stays in its place until that one takes it. Until
/// then others find the queue empty, or full. One who leaves instead (its time
/// is up, its future is dropped) hands the promise on to the next. So poll a
/// future that waits, or drop it: forgotten, it keeps what it was promised.
///
/// A thread joins those who wait only after it has tried again for a few
/// microseconds; until then it is a newcomer.
///
/// # Memory ordering
///
/// What precedes the push of an item happens-before the return of the pop that
/// gives it out; what precedes [`task_done`](Self::task_done) happens-before
/// the return of the [`wait_all_done`](Self::wait_all_done) that it ends; what
/// precedes [`close`](Self::close) happens-before everything that returns
/// because of it.
///
/// # Waiting
///
/// A worker that waits here tells its pool, and a spare worker takes its place.
///
/// # In a static
///
/// A queue is made at run time, not by a `const fn`: for a `static` there is
/// [`lazy!`](crate::sync::lazy).
///
/// # Examples
///
/// ```
/// use raddle::{ThreadPool, sync::Queue};
///
/// let pool = ThreadPool::new(2)?;
/// let squares = Queue::bounded(4);
/// let producer = pool.submit({
///     let squares = squares.clone();
///     move || {
///         for n in 0..100u32 {
///             squares.push(n * n).unwrap();
///         }
///         squares.close();
///     }
/// });
/// assert_eq!(squares.iter().sum::<u32>(), 328_350);
/// producer.result()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "SimpleQueue")]
#[doc(alias = "JoinableQueue")]
#[doc(alias = "channel")]
pub struct Queue<T> {
    lock: Arc<Mutex<State<T>>>,
}

impl<T> Queue<T> {
    /// Says how many items are in it, those included that are promised to one
    /// who waits. The next moment it may be another number.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(2);
    /// queue.push(1).unwrap();
    /// assert_eq!(queue.len(), 1);
    /// ```
    #[doc(alias = "qsize")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock.lock().store.len()
    }

    /// Whether nothing is in it. The next moment that may be otherwise; to take
    /// what is there, [`try_pop`](Self::try_pop).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::<u8>::bounded(2);
    /// assert!(queue.is_empty());
    /// ```
    #[doc(alias = "empty")]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room for one more item; never, without a limit. The
    /// next moment that may be otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(1);
    /// assert!(!queue.is_full());
    /// queue.push(1).unwrap();
    /// assert!(queue.is_full());
    /// ```
    #[doc(alias = "full")]
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.lock.lock().has_room()
    }

    /// How many items it holds at most; `None` without a limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::Queue;
    ///
    /// assert_eq!(Queue::<u8>::bounded(2).capacity(), Some(2));
    /// assert_eq!(Queue::<u8>::unbounded().capacity(), None);
    /// ```
    #[doc(alias = "maxsize")]
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.lock.lock().capacity
    }

    /// Whether it takes no more items. Some may still be in it.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::<u8>::bounded(2);
    /// queue.close();
    /// assert!(queue.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock.lock().is_closed
    }

    /// Closes the queue: it takes no more items.
    ///
    /// Whoever waits to push is refused and gets its item back. What is in the
    /// queue is still delivered, in order; after that consumers are told
    /// [`PopError::Closed`]. Closing twice does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{PopError, Queue};
    ///
    /// let queue = Queue::bounded(2);
    /// queue.push("the last one").unwrap();
    /// queue.close();
    /// assert!(queue.push("late").unwrap_err().is_closed());
    /// assert_eq!(queue.pop(), Ok("the last one"));
    /// assert_eq!(queue.pop(), Err(PopError::Closed));
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close(&self) {
        self.change(State::close);
    }

    /// Closes the queue and takes out what is in it, in the order in which it
    /// would have come out.
    ///
    /// Nothing is delivered any more; consumers are told [`PopError::Closed`].
    /// For [`wait_all_done`](Self::wait_all_done) the items that this returns
    /// count as done.
    ///
    /// The items of a priority queue are sorted here. A comparison that panics
    /// then loses none of them, but they come in any order.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::unbounded();
    /// queue.push(1).unwrap();
    /// queue.push(2).unwrap();
    /// assert_eq!(queue.close_now(), [1, 2]);
    /// assert!(queue.pop().is_err());
    /// ```
    #[doc(alias = "shutdown")]
    #[doc(alias = "immediate")]
    #[must_use = "these items were not delivered"]
    pub fn close_now(&self) -> Vec<T> {
        self.change(State::close_now).into_vec()
    }

    /// Tries again, a few times in a few microseconds, before a thread joins
    /// those who wait: on another processor the other side may be about to help,
    /// and a sleep costs more than that. `None` says that it did not.
    ///
    /// WHY NOT yield to other threads as well: on a busy machine each yield can
    /// take milliseconds, and a sleeper is woken sooner.
    fn spin<R>(mut attempt: impl FnMut() -> Option<R>) -> Option<R> {
        (0..SPIN_ROUNDS).find_map(|round| {
            (0..1_u32 << round).for_each(|_| spin_hint());
            attempt()
        })
    }

    /// Changes the state, then wakes whom that concerns.
    #[inline]
    fn change<R>(&self, change: impl FnOnce(&mut State<T>, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::default();
        let result = change(&mut self.lock.lock(), &mut wakes);
        wakes.wake();
        result
    }
}

/// Each is twice as long as the one before. A model finds nothing in them.
const SPIN_ROUNDS: u32 = if cfg!(raddle_loom) { 0 } else { 7 };

// Another handle of the same queue.
impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            lock: Arc::clone(&self.lock),
        }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, capacity, is_closed) = {
            let state = self.lock.lock();
            (state.store.len(), state.capacity, state.is_closed)
        };
        f.debug_struct("Queue")
            .field("len", &len)
            .field("capacity", &capacity)
            .field("is_closed", &is_closed)
            .finish()
    }
}

// No panic leaves a queue half changed: comparisons, the only user code under
// its lock, come before each change.
impl<T> UnwindSafe for Queue<T> {}
impl<T> RefUnwindSafe for Queue<T> {}
