//! One way to wait for every sync object: blocking, timed, and as a future.
//!
//! A sync object is a lock around a state that implements [`Waited`]. The
//! state says what may be had at once and to whom it gives what comes back;
//! [`wait`] and [`Waiting`] do the rest, the same for threads and futures:
//!
//! ```text
//!   take at once? ──yes──► done
//!      │ no
//!   join the queue, release the lock, sleep
//!      │
//!      ├── given something ──► leave with it
//!      ├── time is up ───────► leave; given in the last moment? take it
//!      └── future dropped ───► leave; given? the object gives it to the next
//! ```
//!
//! Looking and joining are one step under the lock, and so are giving and
//! taking out of the queue: no wake-up can fall between.
//!
//! An object in which several things are waited for (an item, room for one) has
//! a wait queue for each, and implements [`Waited`] once for each `Line`.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::deadline::Deadline;
use super::queue::{Sleeper, Ticket, WaitQueue, Wakes};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{Mutex, Parker, drop_contained, mutant};

/// The state behind a sync object's lock. Its methods run under that lock: no
/// user code. `Line` says which of its wait queues is meant, where it has more
/// than one.
pub(crate) trait Waited<Line = ()> {
    /// What one who waits asks for.
    type Need: Clone;
    /// What it gets.
    type Gift;

    fn queue(&mut self) -> &mut WaitQueue<Self::Need, Self::Gift>;

    /// What can be had at once. A fair object gives nothing past its queue.
    fn take(&mut self, need: &Self::Need) -> Option<Self::Gift>;

    /// One who waits leaves and does not use what it was given, if anything:
    /// others may now have that, or what it stood before. Returns its sleeper, to
    /// be dropped outside of the lock.
    fn leave(&mut self, ticket: Ticket, why: Leaves, wakes: &mut Wakes) -> Option<Sleeper>;
}

/// Why one who waits leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// It has been given nothing, and its time is up.
    TimeIsUp,
    /// It is a future that is dropped.
    Dropped,
}

/// Waits for `need` in this thread; `None` says that the deadline has passed.
pub(crate) fn wait<Line, S: Waited<Line>>(
    lock: &Mutex<S>,
    need: S::Need,
    deadline: Deadline,
    on: &'static str,
) -> Option<S::Gift> {
    let parker;
    let ticket = {
        let mut state = lock.lock();
        if let Some(gift) = state.take(&need) {
            return Some(gift);
        }
        if deadline.has_passed() {
            return None;
        }
        parker = Parker::current();
        let sleeper = Sleeper::Thread(parker.clone());
        state.queue().join(need, sleeper)
    };
    let _blocking = Blocking::start(BlockedOn::Thing(on));
    loop {
        let in_time = parker.park_until(deadline.instant());
        let mut state = lock.lock();
        // The sleepers are this thread's parker: no user code.
        if state.queue().is_given(&ticket) {
            let (left, _) = state.queue().leave(ticket);
            return left
                .given()
                .filter(|_| in_time || !mutant("waited-too-late-for-its-gift"));
        }
        if !in_time {
            let mut wakes = Wakes::default();
            state.leave(ticket, Leaves::TimeIsUp, &mut wakes);
            drop(state);
            if !mutant("waited-gives-up-silently") {
                wakes.wake();
            }
            return None;
        }
    }
}

/// Waits for `need` as a future. Dropped before it is ready, it takes nothing.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Waiting<'a, S: Waited<Line>, Line = ()> {
    lock: &'a Mutex<S>,
    need: S::Need,
    ticket: Option<Ticket>,
    line: PhantomData<fn() -> Line>,
}

impl<'a, Line, S: Waited<Line>> Waiting<'a, S, Line> {
    pub(crate) fn new(lock: &'a Mutex<S>, need: S::Need) -> Self {
        Self {
            lock,
            need,
            ticket: None,
            line: PhantomData,
        }
    }
}

// Nothing in it is pinned: the entry lies in the queue.
impl<Line, S: Waited<Line>> Unpin for Waiting<'_, S, Line> {}

impl<Line, S: Waited<Line>> Future for Waiting<'_, S, Line> {
    type Output = S::Gift;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<S::Gift> {
        let this = self.get_mut();
        // Cloning runs user code: before the lock.
        let sleeper = Sleeper::Future(context.waker().clone());
        let mut state = this.lock.lock();
        let Some(ticket) = &this.ticket else {
            if let Some(gift) = state.take(&this.need) {
                drop(state);
                drop_contained(sleeper);
                return Poll::Ready(gift);
            }
            this.ticket = Some(state.queue().join(this.need.clone(), sleeper));
            return Poll::Pending;
        };
        let is_given = state.queue().is_given(ticket);
        let former = state.queue().replace(ticket, sleeper);
        let given = (this.ticket.take_if(|_| is_given))
            .and_then(|ticket| state.queue().leave(ticket).0.given());
        drop(state);
        // Dropping runs user code: after the lock.
        drop_contained(former);
        given.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<Line, S: Waited<Line>> Drop for Waiting<'_, S, Line> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let mut wakes = Wakes::default();
        let mut state = self.lock.lock();
        let sleeper = state.leave(ticket, Leaves::Dropped, &mut wakes);
        drop(state);
        if !mutant("waited-dropped-silently") {
            wakes.wake();
        }
        drop_contained(sleeper);
    }
}

#[cfg(all(test, raddle_loom))]
mod models;
