//! What a queue's lock guards, and every change of it.
//!
//! ```text
//!              push                                  pop
//!   producers ──────► ┌──────────────────────────┐ ──────► consumers
//!   wait here:        │ items   (at most         │         wait here:
//!   `pushers`  ◄──────│          `capacity`)     │──────►  `poppers`
//!       room is       └──────────────────────────┘  items are
//!       promised                                    promised
//! ```
//!
//! A *promise* is what one who waits is given: an item that is there stays in
//! its place, but nobody else gets it; room that is free stays free, but nobody
//! else uses it. So nobody overtakes one who waits, and one who leaves without
//! using its promise has no item to put back: the promise goes to the next.
//!
//! After each change ([`State::settle`]):
//!
//! 1. If somebody waits for an item, each item is promised.
//! 2. If somebody waits for room, each free place is promised.
//! 3. Items and promised room together are at most `capacity`.
//! 4. If the queue is closed, nobody waits for room; if it is closed and empty,
//!    nobody waits for an item.
//!
//! Closed and not empty, a consumer may still have to wait: each item is
//! promised to another, who may leave without it. A promise of room ends when
//! the queue closes, a promise of an item when `close_now` takes it out; its
//! owner then finds the queue closed.

use super::error::{PopError, PushError, TooManyDone};
use super::store::Store;
use crate::primitive::{Payload, mutant};
use crate::wait::queue::{Left, Sleeper, Ticket, WaitQueue, Wakes};
use crate::wait::waited::{Leaves, Waited};

/// What one who waits for an item, or for room, is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Promised,
    Closed,
}

/// Those who wait for room.
#[derive(Debug)]
pub(super) enum Pushers {}
/// Those who wait for an item.
#[derive(Debug)]
pub(super) enum Poppers {}
/// Those who wait until all is done.
#[derive(Debug)]
pub(super) enum Finishers {}

pub(super) struct State<T> {
    pub(super) store: Store<T>,
    pub(super) capacity: Option<usize>,
    pub(super) is_closed: bool,
    promised_items: usize,
    promised_room: usize,
    /// Pushed, and not yet reported by `task_done`.
    unfinished: u64,
    pushers: WaitQueue<(), Answer>,
    poppers: WaitQueue<(), Answer>,
    finishers: WaitQueue<(), ()>,
}

impl<T> State<T> {
    pub(super) fn new(store: Store<T>, capacity: Option<usize>) -> Self {
        Self {
            store,
            capacity,
            is_closed: false,
            promised_items: 0,
            promised_room: 0,
            unfinished: 0,
            pushers: WaitQueue::new(),
            poppers: WaitQueue::new(),
            finishers: WaitQueue::new(),
        }
    }

    /// Whether there is a free place that is promised to nobody.
    pub(super) fn has_room(&self) -> bool {
        let taken = match mutant("queue-room-promised-twice") {
            true => self.store.len(),
            false => self.store.len() + self.promised_room,
        };
        self.capacity.is_none_or(|capacity| taken < capacity)
    }

    /// Whether there is an item that is promised to nobody.
    fn has_item(&self) -> bool {
        let promised = match mutant("queue-item-promised-twice") {
            true => 0,
            false => self.promised_items,
        };
        self.store.len() > promised
    }

    /// Whether no item will ever come out again.
    fn has_ended(&self) -> bool {
        self.is_closed && (self.store.len() == 0 || mutant("queue-ends-with-promised-item"))
    }

    /// Takes an item in, if there is room for a newcomer's.
    pub(super) fn push(&mut self, item: T, wakes: &mut Wakes) -> Result<(), PushStop<T>> {
        if self.is_closed {
            return Err(PushStop::Refused(PushError::Closed(item)));
        }
        if !self.has_room() {
            return Err(PushStop::Refused(PushError::Full(item)));
        }
        self.insert(item, wakes)
    }

    /// Takes the item of one who was promised room.
    pub(super) fn push_promised(&mut self, item: T, wakes: &mut Wakes) -> Result<(), PushStop<T>> {
        self.promised_room -= 1;
        if self.is_closed && !mutant("queue-push-after-close") {
            return Err(PushStop::Refused(PushError::Closed(item)));
        }
        self.insert(item, wakes)
    }

    fn insert(&mut self, item: T, wakes: &mut Wakes) -> Result<(), PushStop<T>> {
        let inserted = self.store.push(item);
        if inserted.is_ok() {
            self.unfinished += 1;
        }
        self.settle(wakes);
        inserted.map_err(|(item, payload)| PushStop::Panicked(item, payload))
    }

    /// Gives an item out, if there is one for a newcomer.
    pub(super) fn pop(&mut self, wakes: &mut Wakes) -> Result<T, PopStop> {
        match self.has_item() {
            true => self.remove(wakes),
            false if self.has_ended() => Err(PopStop::Refused(PopError::Closed)),
            false => Err(PopStop::Refused(PopError::Empty)),
        }
    }

    /// Gives an item to one who was promised it.
    pub(super) fn pop_promised(&mut self, wakes: &mut Wakes) -> Result<T, PopStop> {
        if !(self.store.len() == 0 && mutant("queue-promise-outlives-its-item")) {
            self.promised_items -= 1;
        }
        self.remove(wakes)
    }

    fn remove(&mut self, wakes: &mut Wakes) -> Result<T, PopStop> {
        let removed = self.store.pop();
        self.settle(wakes);
        match removed {
            Ok(Some(item)) => Ok(item),
            // Only `close_now` takes out what is promised.
            Ok(None) => Err(PopStop::Refused(PopError::Closed)),
            Err(payload) => Err(PopStop::Panicked(payload)),
        }
    }

    /// Tells those who wait what they can be told by now.
    #[inline]
    fn settle(&mut self, wakes: &mut Wakes) {
        debug_assert!(
            (self.capacity).is_none_or(|capacity| self.store.len() <= capacity),
            "a queue holds more than its capacity"
        );
        if !self.poppers.is_empty() {
            self.settle_poppers(wakes);
        }
        if !self.pushers.is_empty() {
            self.settle_pushers(wakes);
        }
    }

    fn settle_poppers(&mut self, wakes: &mut Wakes) {
        while !self.poppers.is_empty() && self.has_item() && !mutant("queue-item-to-nobody") {
            self.promised_items += 1;
            wakes.add(self.poppers.give_first(Answer::Promised));
        }
        while !self.poppers.is_empty() && self.has_ended() && !mutant("queue-end-tells-no-popper") {
            wakes.add(self.poppers.give_first(Answer::Closed));
        }
    }

    fn settle_pushers(&mut self, wakes: &mut Wakes) {
        while !self.pushers.is_empty() && self.is_closed && !mutant("queue-end-tells-no-pusher") {
            wakes.add(self.pushers.give_first(Answer::Closed));
        }
        while !self.pushers.is_empty() && self.has_room() && !mutant("queue-room-to-nobody") {
            self.promised_room += 1;
            wakes.add(self.pushers.give_first(Answer::Promised));
        }
    }

    /// Takes no more items, and sends away those who would wait in vain.
    pub(super) fn close(&mut self, wakes: &mut Wakes) {
        self.is_closed = true;
        self.settle(wakes);
    }

    /// As `close`, and takes out what is there.
    pub(super) fn close_now(&mut self, wakes: &mut Wakes) -> Store<T> {
        let taken = self.store.take();
        self.close(wakes);
        if !mutant("queue-close-now-leaves-work") {
            self.finish(taken.len() as u64, wakes);
        }
        taken
    }

    pub(super) fn task_done(&mut self, wakes: &mut Wakes) -> Result<(), TooManyDone> {
        if self.unfinished == 0 {
            return Err(TooManyDone::new());
        }
        self.finish(1, wakes);
        Ok(())
    }

    fn finish(&mut self, count: u64, wakes: &mut Wakes) {
        // More may have been reported than were given out.
        self.unfinished = self.unfinished.saturating_sub(count);
        if self.unfinished > 0 {
            return;
        }
        while !self.finishers.is_empty() {
            wakes.add(self.finishers.give_first(()));
            if mutant("queue-done-wakes-one") {
                break;
            }
        }
    }

    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Nobody waits, and nothing is promised: `(pushers, poppers, finishers,
    /// promises)`.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize, usize, usize) {
        (
            self.pushers.len(),
            self.poppers.len(),
            self.finishers.len(),
            self.promised_items + self.promised_room,
        )
    }
}

pub(super) enum PushStop<T> {
    /// For the caller.
    Refused(PushError<T>),
    /// A comparison has panicked. The item is to be dropped, and the panic goes
    /// on, both outside of the lock.
    Panicked(T, Payload),
}

pub(super) enum PopStop {
    Refused(PopError),
    /// As for a push; the item is still in the queue.
    Panicked(Payload),
}

impl<T> Waited<Pushers> for State<T> {
    type Need = ();
    type Gift = Answer;

    fn queue(&mut self) -> &mut WaitQueue<(), Answer> {
        &mut self.pushers
    }

    fn take(&mut self, (): &()) -> Option<Answer> {
        if self.is_closed {
            return Some(Answer::Closed);
        }
        let has_room = self.has_room();
        self.promised_room += usize::from(has_room);
        has_room.then_some(Answer::Promised)
    }

    fn leave(&mut self, ticket: Ticket, _: Leaves, wakes: &mut Wakes) -> Option<Sleeper> {
        let (left, sleeper) = self.pushers.leave(ticket);
        if left == Left::Given(Answer::Promised) {
            self.promised_room -= 1;
            if !mutant("queue-leaver-keeps-room") {
                self.settle(wakes);
            }
        }
        sleeper
    }
}

impl<T> Waited<Poppers> for State<T> {
    type Need = ();
    type Gift = Answer;

    fn queue(&mut self) -> &mut WaitQueue<(), Answer> {
        &mut self.poppers
    }

    fn take(&mut self, (): &()) -> Option<Answer> {
        if self.has_item() {
            self.promised_items += 1;
            return Some(Answer::Promised);
        }
        self.has_ended().then_some(Answer::Closed)
    }

    fn leave(&mut self, ticket: Ticket, _: Leaves, wakes: &mut Wakes) -> Option<Sleeper> {
        let (left, sleeper) = self.poppers.leave(ticket);
        if left == Left::Given(Answer::Promised) {
            self.promised_items -= 1;
            if !mutant("queue-leaver-keeps-item") {
                self.settle(wakes);
            }
        }
        sleeper
    }
}

impl<T> Waited<Finishers> for State<T> {
    type Need = ();
    type Gift = ();

    fn queue(&mut self) -> &mut WaitQueue<(), ()> {
        &mut self.finishers
    }

    fn take(&mut self, (): &()) -> Option<()> {
        (self.unfinished == 0).then_some(())
    }

    fn leave(&mut self, ticket: Ticket, _: Leaves, _: &mut Wakes) -> Option<Sleeper> {
        self.finishers.leave(ticket).1
    }
}
