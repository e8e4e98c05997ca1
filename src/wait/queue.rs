//! Those who wait for a sync object: threads and futures, in the order of
//! their coming.
//!
//! A [`WaitQueue`] lies inside its object's lock, next to what the object
//! counts. Each entry says what its owner *needs*, and later what it was
//! *given*:
//!
//! ```text
//!             join                  give
//!   (owner) ────────► WAITING ─────────────────► GIVEN
//!                        │ leave: it had nothing    │ leave: it has this
//!                        ▼                          ▼
//!                      gone                       gone
//! ```
//!
//! 1. The object gives, under its lock, to whom it likes; most often to the
//!    first. The entry stays, so that its owner finds the gift; its sleeper
//!    comes out, to be woken *after* the lock is released ([`Wakes`]).
//! 2. Only the owner leaves. What it was given and does not want (its time is
//!    up, its future is dropped) it gives back to the object, which gives it
//!    to the next: so no gift is lost.
//! 3. No user code runs under the lock: wakers are cloned before it is taken,
//!    and woken and dropped after it is released.
//!
//! There is no `unsafe` and no ordering here: everything is ordered by the
//! object's lock. The price is one lock more after each wake-up.

use std::sync::Arc;
use std::task::Waker;

use crate::primitive::{Parker, mutant, run_contained};

/// Who is to be woken.
#[derive(Debug)]
pub(crate) enum Sleeper {
    Thread(Arc<Parker>),
    Future(Waker),
}

/// Those to be woken when the lock is released.
#[must_use = "whoever is not woken sleeps for ever"]
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    // Most often there is one: it needs no allocation.
    first: Option<Sleeper>,
    rest: Vec<Sleeper>,
}

impl Wakes {
    pub(crate) fn add(&mut self, sleeper: Option<Sleeper>) {
        match sleeper {
            None => {}
            Some(sleeper) if self.first.is_none() => self.first = Some(sleeper),
            Some(sleeper) => self.rest.push(sleeper),
        }
    }

    /// Wakes them: the threads, then the futures, each in the order in which they
    /// were added. Not under a lock. A waker is user code, and may take its time,
    /// or never return: no thread waits for that.
    #[inline]
    pub(crate) fn wake(self) {
        if self.first.is_some() {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(self) {
        let unpark = |sleeper: &Sleeper| {
            if let Sleeper::Thread(parker) = sleeper {
                parker.unpark();
            }
        };
        let threads_first = !mutant("wakes-wakers-before-threads");
        if threads_first {
            self.first.iter().chain(&self.rest).for_each(unpark);
        }
        for sleeper in self.first.into_iter().chain(self.rest) {
            match sleeper {
                Sleeper::Thread(_) if threads_first => {}
                Sleeper::Thread(_) => unpark(&sleeper),
                // The user's: its panic is not the waker's business.
                Sleeper::Future(waker) => {
                    let _ = run_contained(|| waker.wake());
                }
            }
        }
    }
}

/// An owner's place in a queue. It must leave.
#[must_use]
#[derive(Debug)]
pub(crate) struct Ticket(usize);

/// What an owner has when it leaves.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left<G> {
    /// Nothing: it was still waiting.
    Waiting,
    Given(G),
}

impl<G> Left<G> {
    pub(crate) fn given(self) -> Option<G> {
        match self {
            Left::Waiting => None,
            Left::Given(gift) => Some(gift),
        }
    }
}

#[derive(Debug)]
struct Entry<N, G> {
    need: N,
    sleeper: Option<Sleeper>,
    given: Option<G>,
    previous: Option<usize>,
    next: Option<usize>,
}

/// Owners that wait, linked in the order of their coming, and those that were
/// given something and have not yet left.
#[derive(Debug)]
pub(crate) struct WaitQueue<N, G> {
    entries: Vec<Option<Entry<N, G>>>,
    vacant: Vec<usize>,
    first: Option<usize>,
    last: Option<usize>,
    waiting: usize,
}

impl<N, G> WaitQueue<N, G> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            vacant: Vec::new(),
            first: None,
            last: None,
            waiting: 0,
        }
    }

    /// How many are waiting, those that were given something not included.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Joins the end of the queue.
    pub(crate) fn join(&mut self, need: N, sleeper: Sleeper) -> Ticket {
        let entry = Entry {
            need,
            sleeper: Some(sleeper),
            given: None,
            previous: self.last,
            next: None,
        };
        let at = match self.vacant.pop() {
            Some(at) => at,
            None => {
                self.entries.push(None);
                self.entries.len() - 1
            }
        };
        self.entries[at] = Some(entry);
        match self.last.and_then(|last| self.entries[last].as_mut()) {
            Some(last) => last.next = Some(at),
            None => self.first = Some(at),
        }
        self.last = Some(at);
        self.waiting += 1;
        Ticket(at)
    }

    /// What the first one needs.
    pub(crate) fn first(&mut self) -> Option<&mut N> {
        let entry = self.entries[self.first?].as_mut()?;
        Some(&mut entry.need)
    }

    /// The first one's parker, if it is a thread: to call it without giving it
    /// anything. It stays in the queue.
    pub(crate) fn first_thread(&self) -> Option<Arc<Parker>> {
        match self.entries[self.first?].as_ref()?.sleeper.as_ref()? {
            Sleeper::Thread(parker) => Some(Arc::clone(parker)),
            Sleeper::Future(_) => None,
        }
    }

    /// Whether nobody who waits came before.
    pub(crate) fn is_first(&self, ticket: &Ticket) -> bool {
        self.first == Some(ticket.0)
    }

    /// How many who wait came before; walks past each of them.
    pub(crate) fn before(&self, ticket: &Ticket) -> usize {
        let previous = |at: &usize| self.entries[*at].as_ref()?.previous;
        std::iter::successors(Some(ticket.0), previous).count() - 1
    }

    /// Gives something to the first one. Its sleeper is to be woken.
    pub(crate) fn give_first(&mut self, gift: G) -> Option<Sleeper> {
        self.give(self.first?, gift)
    }

    /// Gives something to the first one behind the first `stay`; walks past each
    /// of them. Its sleeper is to be woken.
    pub(crate) fn give_behind(&mut self, stay: usize, gift: G) -> Option<Sleeper> {
        let next = |at: &usize| self.entries[*at].as_ref()?.next;
        let at = std::iter::successors(self.first, next).nth(stay)?;
        self.give(at, gift)
    }

    fn give(&mut self, at: usize, gift: G) -> Option<Sleeper> {
        self.unlink(at);
        let entry = self.entries[at].as_mut()?;
        entry.given = Some(gift);
        entry.sleeper.take()
    }

    /// Whether the owner was given something.
    pub(crate) fn is_given(&self, ticket: &Ticket) -> bool {
        let entry = self.entries[ticket.0].as_ref();
        entry.is_some_and(|entry| entry.given.is_some())
    }

    /// Leaves, with what was given.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> (Left<G>, Option<Sleeper>) {
        let Ticket(at) = ticket;
        let is_waiting = (self.entries[at].as_ref()).is_some_and(|entry| entry.given.is_none());
        if is_waiting {
            self.unlink(at);
        }
        let entry = self.entries[at].take();
        self.vacant.push(at);
        match entry {
            Some(entry) => (
                entry.given.map_or(Left::Waiting, Left::Given),
                entry.sleeper,
            ),
            None => (Left::Waiting, None),
        }
    }

    /// Changes who is woken for a waiting entry; drop the former one outside
    /// of the lock.
    pub(crate) fn replace(&mut self, ticket: &Ticket, sleeper: Sleeper) -> Option<Sleeper> {
        let entry = self.entries[ticket.0].as_mut()?;
        match entry.given {
            None => entry.sleeper.replace(sleeper),
            Some(_) => Some(sleeper),
        }
    }

    fn unlink(&mut self, at: usize) {
        let Some(entry) = self.entries[at].as_mut() else {
            return;
        };
        let (previous, next) = (entry.previous.take(), entry.next.take());
        match previous.and_then(|previous| self.entries[previous].as_mut()) {
            Some(entry) => entry.next = next,
            None => self.first = next,
        }
        match next.and_then(|next| self.entries[next].as_mut()) {
            Some(entry) => entry.previous = previous,
            None => self.last = previous,
        }
        self.waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Wake;
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::primitive::Mutex;

    #[derive(Clone, Debug)]
    enum Step {
        Join(u8),
        Give,
        GiveBehind(usize),
        Leave(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            any::<u8>().prop_map(Step::Join),
            Just(Step::Give),
            (0..4_usize).prop_map(Step::GiveBehind),
            any::<usize>().prop_map(Step::Leave),
        ];
        prop::collection::vec(step, 0..60)
    }

    fn sleeper() -> Sleeper {
        Sleeper::Future(Waker::noop().clone())
    }

    /// Its waker wants to know of the thread that stands behind it.
    struct Before(Arc<Parker>, Mutex<Option<bool>>);

    impl Wake for Before {
        fn wake(self: Arc<Self>) {
            let is_awake = self.0.park_until(Some(Instant::now()));
            *self.1.lock() = Some(is_awake);
            panic!("on purpose");
        }
    }

    #[test]
    fn no_thread_waits_for_the_waker_of_one_before_it() {
        let parker = Parker::current();
        for later in [false, true] {
            let before = Arc::new(Before(Arc::clone(&parker), Mutex::new(None)));
            let future = Sleeper::Future(Arc::clone(&before).into());
            let mut wakes = Wakes::default();
            if later {
                // Not the first of those that are woken.
                wakes.add(Some(sleeper()));
            }
            wakes.add(Some(future));
            wakes.add(Some(Sleeper::Thread(Arc::clone(&parker))));
            wakes.wake();
            assert_eq!(*before.1.lock(), Some(true), "it is woken first");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Against a plain list of who waits, and one of who has what.
        #[test]
        fn whoever_came_first_is_given_first(steps in steps()) {
            let mut queue = WaitQueue::new();
            let mut waiting = VecDeque::new();
            let mut tickets: Vec<(u32, Ticket)> = Vec::new();
            let mut given = Vec::new();
            for (number, step) in (0_u32..).zip(steps) {
                match step {
                    Step::Join(need) => {
                        tickets.push((number, queue.join(need, sleeper())));
                        waiting.push_back((number, need));
                    }
                    Step::Give => {
                        prop_assert_eq!(queue.first().copied(), waiting.front().map(|(_, need)| *need));
                        prop_assert_eq!(queue.give_first(number).is_some(), !waiting.is_empty());
                        given.extend(waiting.pop_front().map(|(owner, _)| (owner, number)));
                    }
                    Step::GiveBehind(stay) => {
                        let gets = waiting.remove(stay);
                        prop_assert_eq!(queue.give_behind(stay, number).is_some(), gets.is_some());
                        given.extend(gets.map(|(owner, _)| (owner, number)));
                    }
                    Step::Leave(_) if tickets.is_empty() => {}
                    Step::Leave(which) => {
                        let (owner, ticket) = tickets.swap_remove(which % tickets.len());
                        let gift = given.iter().find(|(to, _)| *to == owner).map(|(_, gift)| *gift);
                        prop_assert_eq!(queue.is_given(&ticket), gift.is_some());
                        let (left, sleeper) = queue.leave(ticket);
                        prop_assert_eq!(sleeper.is_some(), gift.is_none());
                        prop_assert_eq!(left, gift.map_or(Left::Waiting, Left::Given));
                        waiting.retain(|(waits, _)| *waits != owner);
                    }
                }
                for (owner, ticket) in &tickets {
                    let first = waiting.front().map(|(owner, _)| owner);
                    prop_assert_eq!(queue.is_first(ticket), first == Some(owner));
                    let before = waiting.iter().position(|(waits, _)| waits == owner);
                    prop_assert_eq!(queue.before(ticket), before.unwrap_or(0));
                }
                prop_assert_eq!(queue.len(), waiting.len());
                prop_assert_eq!(queue.is_empty(), waiting.is_empty());
            }
        }
    }
}
