//! The kinds of queues: with a limit and without, and in which order.

use std::sync::Arc;

use super::Queue;
use super::state::State;
use super::store::{Heap, Store};
use crate::primitive::Mutex;

impl<T> Queue<T> {
    /// Makes a queue that holds at most `capacity` items; the oldest comes out
    /// first.
    ///
    /// Memory grows with what is in it, not with `capacity`.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0. In Python that means "without a limit": write
    /// [`Queue::unbounded()`](Self::unbounded). To hand items over without any
    /// room between, write
    /// [`channel::bounded(0)`](crate::sync::channel::bounded).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::bounded(2);
    /// queue.push('a').unwrap();
    /// queue.push('b').unwrap();
    /// assert!(queue.try_push('c').is_err());
    /// assert_eq!(queue.pop(), Ok('a'));
    /// ```
    #[doc(alias = "maxsize")]
    #[must_use]
    #[track_caller]
    pub fn bounded(capacity: usize) -> Self {
        refuse_zero("bounded", "unbounded", capacity);
        Self::new(Store::Fifo(Default::default()), Some(capacity))
    }

    /// Makes a queue without a limit; the oldest item comes out first.
    ///
    /// A producer that is faster than its consumers fills the memory: prefer
    /// [`bounded`](Self::bounded).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::unbounded();
    /// (0..1000).for_each(|n| queue.push(n).unwrap());
    /// assert_eq!(queue.len(), 1000);
    /// ```
    #[must_use]
    pub fn unbounded() -> Self {
        Self::new(Store::Fifo(Default::default()), None)
    }

    /// Makes the newest item come out first, from now on: a stack.
    ///
    /// # Panics
    ///
    /// When this is a [`priority`](Self::priority) queue: it has an order of
    /// its own.
    ///
    /// # Examples
    ///
    /// ```
    /// let stack = raddle::sync::Queue::bounded(8).lifo();
    /// stack.push(1).unwrap();
    /// stack.push(2).unwrap();
    /// assert_eq!(stack.pop(), Ok(2));
    /// ```
    #[doc(alias = "LifoQueue")]
    #[doc(alias = "stack")]
    #[must_use = "this is the queue, with another order"]
    #[track_caller]
    pub fn lifo(self) -> Self {
        let mut state = self.lock.lock();
        let is_stack = match state.store.take() {
            Store::Fifo(items) => {
                state.store = Store::Lifo(items.into());
                true
            }
            store @ Store::Lifo(_) => {
                state.store = store;
                true
            }
            store @ Store::Priority(_) => {
                state.store = store;
                false
            }
        };
        drop(state);
        assert!(
            is_stack,
            "raddle: `lifo()` on a priority queue, which has an order of its own: \
             write `Queue::bounded(n).lifo()` or `Queue::unbounded().lifo()`"
        );
        self
    }

    fn new(store: Store<T>, capacity: Option<usize>) -> Self {
        Self {
            lock: Arc::new(Mutex::new(State::new(store, capacity))),
        }
    }
}

impl<T: Ord> Queue<T> {
    /// Makes a queue that holds at most `capacity` items; the smallest comes out
    /// first, and of equal ones the oldest.
    ///
    /// Put `(priority, item)` into it if items have no order, or
    /// [`Reverse(item)`](std::cmp::Reverse) to have the greatest first.
    ///
    /// Comparisons run under the queue's lock: they must not use the queue, and
    /// should be short. One that panics reaches the caller of push or pop; the
    /// queue stays whole, and only an item that was being pushed is dropped.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0. In Python that means "without a limit": write
    /// [`Queue::priority_unbounded()`](Self::priority_unbounded).
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = raddle::sync::Queue::priority(8);
    /// queue.push((2, "later")).unwrap();
    /// queue.push((1, "first")).unwrap();
    /// assert_eq!(queue.pop(), Ok((1, "first")));
    /// ```
    #[doc(alias = "PriorityQueue")]
    #[doc(alias = "heap")]
    #[must_use]
    #[track_caller]
    pub fn priority(capacity: usize) -> Self {
        refuse_zero("priority", "priority_unbounded", capacity);
        Self::new(Store::Priority(Heap::new()), Some(capacity))
    }

    /// Makes a [`priority`](Self::priority) queue without a limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cmp::Reverse;
    ///
    /// let greatest_first = raddle::sync::Queue::priority_unbounded();
    /// greatest_first.push(Reverse(1)).unwrap();
    /// greatest_first.push(Reverse(2)).unwrap();
    /// assert_eq!(greatest_first.pop(), Ok(Reverse(2)));
    /// ```
    #[doc(alias = "PriorityQueue")]
    #[must_use]
    pub fn priority_unbounded() -> Self {
        Self::new(Store::Priority(Heap::new()), None)
    }
}

#[track_caller]
fn refuse_zero(name: &str, unlimited: &str, capacity: usize) {
    assert!(
        capacity > 0,
        "raddle: `Queue::{name}(0)` has no room for any item: write `Queue::{unlimited}()` for a \
         queue without a limit (Python's `maxsize=0`), or `channel::bounded(0)` to hand items over"
    );
}
