//! Tasks in the order in which they end.
//!
//! ```text
//!   add ──► slots[key]: (K, Handle, entry) ◄── take ── Inbox ◄── the task ends
//!              │                                           ▲
//!              └── unclaimed: keys not yet offered ──claim─┘
//! ```
//!
//! 1. A key names a slot from `add` until its task's end was taken out of the
//!    inbox: only then is it used again.
//! 2. `unclaimed` holds at least every key whose task a worker of `offered_to`
//!    could still claim. A task that this worker could not claim is not looked at
//!    again for its pool, though one that was delayed becomes claimable when it
//!    is due: the pool runs it all the same.
//! 3. A claimed task ends inside of the claim, and its key is in the inbox.
//! 4. In a child made by `fork` every task that has not ended belongs to a
//!    pool that is gone: a new inbox is made there, with all keys in it, and
//!    the old one, whose lock may have been caught locked, is not touched.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::super::Handle;
use super::super::waiting;
use super::inbox::Inbox;
use crate::error::TaskError;
use crate::primitive::block::{self, BlockedOn};
use crate::primitive::{drop_each, fork};
use crate::wait::TimedOutWaiting;
use crate::wait::deadline::Deadline;

/// Yields the results of tasks as they end, each with the key it came with.
///
/// Blocks in [`next`](Iterator::next) until a task ends; on a worker of the
/// tasks' own pool it runs what nobody has started, so it never deadlocks.
/// [`AsCompleted::next_timeout`] and [`AsCompleted::next_deadline`] are its
/// timed twins, [`AsCompleted::next_async`] its async one.
///
/// # Examples
///
/// ```
/// use raddle::{Inline, as_completed};
///
/// let lengths = ["one", "three"].map(|word| (word, Inline.submit(move || word.len())));
/// for (word, length) in as_completed(lengths) {
///     assert_eq!(length.unwrap(), word.len());
/// }
/// ```
pub fn as_completed<K, T>(handles: impl IntoIterator<Item = (K, Handle<T>)>) -> AsCompleted<K, T> {
    let mut tasks = AsCompleted::new();
    for (key, handle) in handles {
        tasks.add(key, handle);
    }
    tasks
}

/// The iterator that [`as_completed`] returns.
///
/// Dropping it detaches the tasks whose results were not yielded.
///
/// # Examples
///
/// ```
/// use raddle::{AsCompleted, Inline, as_completed};
///
/// let mut tasks: AsCompleted<&str, u32> = as_completed([]);
/// tasks.extend([("a", Inline.submit(|| 1)), ("b", Inline.submit(|| 2))]);
/// assert_eq!(tasks.len(), 2);
/// let sum = tasks.map(|(_, value)| value).sum::<Result<u32, _>>();
/// assert_eq!(sum.unwrap(), 3);
/// ```
#[must_use = "an iterator is lazy: the results come as it is advanced"]
pub struct AsCompleted<K, T> {
    pub(super) inbox: Arc<Inbox>,
    slots: Vec<Option<Slot<K, T>>>,
    free: Vec<usize>,
    left: usize,
    unclaimed: VecDeque<usize>,
    /// The pool of the worker that `unclaimed` was offered to.
    offered_to: Option<u32>,
    fork_floor: u32,
}

/// A task that has ended: its key and its result.
type Ended<K, T> = (K, Result<T, TaskError>);

struct Slot<K, T> {
    key: K,
    handle: Handle<T>,
    /// The address of our entry; `None` if the task had ended before.
    entry: Option<usize>,
}

impl<K, T> AsCompleted<K, T> {
    pub(in super::super) fn new() -> Self {
        Self {
            inbox: Inbox::new(),
            slots: Vec::new(),
            free: Vec::new(),
            left: 0,
            unclaimed: VecDeque::new(),
            offered_to: None,
            fork_floor: fork::floor(),
        }
    }

    /// Adds a task, also while iterating. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, as_completed};
    ///
    /// let mut tasks = as_completed([(10, Inline.submit(|| ()))]);
    /// while let Some((depth, _)) = tasks.next() {
    ///     if depth > 0 {
    ///         tasks.add(depth - 1, Inline.submit(|| ()));
    ///     }
    /// }
    /// ```
    pub fn add(&mut self, key: K, handle: Handle<T>) {
        // Before a task of the child's own pool knows our inbox.
        self.mind_fork();
        let index = self.free.pop().unwrap_or(self.slots.len());
        if index == self.slots.len() {
            self.slots.push(None);
        }
        let task = handle.task();
        let is_over = handle.is_finished() || fork::is_forked(task.header().pool);
        self.slots[index] = Some(Slot {
            key,
            handle,
            entry: None,
        });
        self.left += 1;
        if is_over {
            self.inbox.put(index);
            return;
        }
        let entry = waiting::enlist(task, self.inbox.clone(), index);
        if let Some(slot) = &mut self.slots[index] {
            slot.entry = Some(entry);
        }
        if self.unclaimed.len() > 2 * self.slots.len() {
            self.offer_all();
        } else {
            self.unclaimed.push_back(index);
        }
    }

    /// As [`next`](Iterator::next), but waits at most `limit`.
    ///
    /// `Duration::ZERO` yields what has ended, `Duration::MAX` waits for ever,
    /// as `next` does. [`len`](ExactSizeIterator::len) says how many are left.
    /// Blocks; under a limit it never runs a task in the meantime.
    ///
    /// # Errors
    ///
    /// [`TimedOutWaiting`] when none has ended in time; nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use raddle::{Inline, as_completed};
    ///
    /// let mut tasks = as_completed([("a", Inline.submit(|| 1))]);
    /// let (key, value) = tasks.next_timeout(Duration::ZERO).unwrap().unwrap();
    /// assert_eq!((key, value.unwrap()), ("a", 1));
    /// assert!(tasks.next_timeout(Duration::ZERO).unwrap().is_none());
    /// ```
    pub fn next_timeout(
        &mut self,
        limit: Duration,
    ) -> Result<Option<Ended<K, T>>, TimedOutWaiting> {
        match limit {
            Duration::MAX => Ok(self.next()),
            limit => self.next_until(Deadline::after(limit)),
        }
    }

    /// As [`next`](Iterator::next), but waits until `at` at most.
    ///
    /// Blocks as [`next_timeout`](Self::next_timeout) does; a time that has
    /// passed yields what has ended.
    ///
    /// # Errors
    ///
    /// [`TimedOutWaiting`] when none has ended by then; nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, as_completed};
    /// use std::time::{Duration, Instant};
    ///
    /// let give_up = Instant::now() + Duration::from_secs(5);
    /// let mut tasks = as_completed([("a", Inline.submit(|| 1)), ("b", Inline.submit(|| 2))]);
    /// while let Ok(Some((key, value))) = tasks.next_deadline(give_up) {
    ///     println!("{key}: {}", value.unwrap());
    /// }
    /// assert_eq!(tasks.len(), 0); // all came in time
    /// ```
    pub fn next_deadline(&mut self, at: Instant) -> Result<Option<Ended<K, T>>, TimedOutWaiting> {
        self.next_until(Deadline::at(at))
    }

    /// As [`next`](Iterator::next), but to be awaited, on any runtime.
    ///
    /// Cancel-safe: a result is taken out only when it is returned. Never runs
    /// a task.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{Inline, as_completed, block_on};
    ///
    /// let mut tasks = as_completed([("a", Inline.submit(|| 1))]);
    /// block_on(async {
    ///     while let Some((_, value)) = tasks.next_async().await {
    ///         assert_eq!(value.unwrap(), 1);
    ///     }
    /// });
    /// ```
    pub async fn next_async(&mut self) -> Option<Ended<K, T>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// One step of [`next_async`](Self::next_async), for whoever implements a
    /// stream. The waker of the last call is the one that is woken.
    ///
    /// Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{AsCompleted, TaskError};
    /// use std::pin::Pin;
    /// use std::task::{Context, Poll};
    ///
    /// struct Ended<T>(AsCompleted<usize, T>);
    ///
    /// /// As `futures::Stream` has it.
    /// impl<T> Ended<T> {
    ///     fn poll_next(
    ///         self: Pin<&mut Self>,
    ///         context: &mut Context<'_>,
    ///     ) -> Poll<Option<(usize, Result<T, TaskError>)>> {
    ///         self.get_mut().0.poll_next(context)
    ///     }
    /// }
    /// # use {raddle::{Inline, as_completed}, std::{pin::pin, task::Waker}};
    /// # let ended = pin!(Ended(as_completed([(7, Inline.submit(|| 1))])));
    /// # let next = ended.poll_next(&mut Context::from_waker(Waker::noop()));
    /// # assert!(matches!(next, Poll::Ready(Some((7, Ok(1))))));
    /// ```
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Ended<K, T>>> {
        self.mind_fork();
        if self.left == 0 {
            return Poll::Ready(None);
        }
        match self.inbox.poll(context.waker()) {
            Some(index) => Poll::Ready(self.take(index)),
            None => Poll::Pending,
        }
    }

    pub(in super::super) fn next_until(
        &mut self,
        deadline: Deadline,
    ) -> Result<Option<Ended<K, T>>, TimedOutWaiting> {
        self.mind_fork();
        if self.left == 0 {
            return Ok(None);
        }
        loop {
            if let Some(index) = self.inbox.take() {
                return Ok(self.take(index));
            }
            if !(deadline.is_never() && self.claim()) {
                break;
            }
        }
        let pick = || {
            let mut tasks = self.slots.iter().flatten().map(|slot| slot.handle.task());
            tasks.find(|task| waiting::needs_a_thread(*task))
        };
        let on = BlockedOn::Thing("one of many tasks");
        match self.inbox.wait(deadline, on, pick) {
            Some(index) => Ok(self.take(index)),
            None => Err(TimedOutWaiting),
        }
    }

    /// Asks all tasks to stop.
    pub(in super::super) fn cancel(&self) {
        for slot in self.slots.iter().flatten() {
            slot.handle.cancel();
        }
    }

    /// Gives up all tasks that are left, ended or not.
    pub(in super::super) fn drain(&mut self) -> impl Iterator<Item = (K, Handle<T>)> {
        self.leave();
        self.left = 0;
        self.free.clear();
        self.unclaimed.clear();
        self.inbox = Inbox::new();
        let slots = std::mem::take(&mut self.slots);
        slots
            .into_iter()
            .flatten()
            .map(|slot| (slot.key, slot.handle))
    }

    /// The handle is finished, or its pool is gone: this does not block.
    fn take(&mut self, index: usize) -> Option<Ended<K, T>> {
        let slot = self.slots.get_mut(index)?.take()?;
        self.free.push(index);
        self.left -= 1;
        Some((slot.key, slot.handle.result()))
    }

    /// Runs a task that nobody has started, if this thread may.
    fn claim(&mut self) -> bool {
        let pool = block::current(|hook| hook.map(|hook| hook.pool()));
        if self.offered_to != pool {
            self.offered_to = pool;
            self.offer_all();
        }
        while let Some(index) = self.unclaimed.pop_front() {
            if let Some(Some(slot)) = self.slots.get(index)
                && waiting::claim(slot.handle.task())
            {
                return true;
            }
        }
        false
    }

    fn offer_all(&mut self) {
        self.unclaimed.clear();
        let slots = self.slots.iter().enumerate();
        let taken = slots.filter_map(|(index, slot)| slot.as_ref().map(|_| index));
        self.unclaimed.extend(taken);
    }

    /// How many slots and unclaimed keys there is room for.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.slots.len(), self.unclaimed.len())
    }

    fn mind_fork(&mut self) {
        if self.fork_floor != fork::floor() {
            self.fork_floor = fork::floor();
            if self
                .slots
                .iter()
                .flatten()
                .any(|slot| fork::is_forked(slot.handle.task().header().pool))
            {
                self.move_out_of_fork();
            }
        }
    }

    /// A new inbox, in which every task has its key.
    fn move_out_of_fork(&mut self) {
        self.inbox = Inbox::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(slot) = slot else { continue };
            let task = slot.handle.task();
            if slot.handle.is_finished() || fork::is_forked(task.header().pool) {
                self.inbox.put(index);
            }
        }
    }

    /// Takes our entries out of the lists of tasks that go on.
    fn leave(&mut self) {
        if self.fork_floor == fork::floor() {
            self.inbox.forget_sleeper();
        }
        for slot in self.slots.iter_mut().flatten() {
            if let Some(entry) = slot.entry.take() {
                waiting::delist(slot.handle.task(), entry);
            }
        }
    }
}

impl<K, T> Iterator for AsCompleted<K, T> {
    type Item = Ended<K, T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_until(Deadline::NEVER).unwrap_or(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, T> ExactSizeIterator for AsCompleted<K, T> {}

impl<K, T> FusedIterator for AsCompleted<K, T> {}

impl<K, T> Extend<(K, Handle<T>)> for AsCompleted<K, T> {
    fn extend<I: IntoIterator<Item = (K, Handle<T>)>>(&mut self, handles: I) {
        for (key, handle) in handles {
            self.add(key, handle);
        }
    }
}

impl<K, T> Drop for AsCompleted<K, T> {
    fn drop(&mut self) {
        self.leave();
        // The keys are the user's, and each may panic.
        drop_each(self.slots.drain(..));
    }
}

impl<K, T> fmt::Debug for AsCompleted<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
