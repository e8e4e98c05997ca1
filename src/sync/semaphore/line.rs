//! Permits, and those who stand in line for them.
//!
//! ```text
//!   newcomer ── enough free, and may pass? ──► takes        (one exchange)
//!      │ no
//!      ▼                         thread: called ──► looks ──► takes, or sleeps on
//!   joins the line ──► first ──┤
//!                                future: given
//! ```
//!
//! A semaphore is one [`Word`] and a line under a lock. Uncontended, the word
//! alone is touched. In *strict* order (`bypass` 0) nobody passes the line and
//! the first is always given its permits. Else
//!
//! 1. at most `bypass` newcomers pass the first in line; then all stand in line,
//!    and what is put back gathers until it is enough for the first;
//! 2. a *thread* that is first is only called. Until it has come, permits change
//!    hands without it: else each would lie idle for as long as a thread takes to
//!    wake up, and every permit would cost that. That it has come and found too few
//!    counts as many overtakes;
//! 3. a *future* that is first is given its permits at once: it may never be
//!    polled again, and what it was called for must not wait for it.
//!
//! Why no permit is lost between one who puts back and one who joins: both
//! change the word by read-modify-writes, which are in one order.
//!
//! * *put, then join*: the exchange of the joiner that sets WAITERS fails unless
//!   it has seen the permits; having seen them it takes, if they are enough.
//! * *join, then put*: who puts sees WAITERS and takes the lock, so it finds the
//!   joiner in line, and [`serve`](Line::serve)s.
//! * Unless it sees COMING. Then the thread that comes has not looked yet: it
//!   takes, or clears COMING by an exchange that fails unless it has seen the
//!   permits. When it leaves, for whatever reason, it serves who is first then.
//!
//! Orderings: `put` releases, whoever takes acquires; read-modify-writes in
//! between keep the chain. What only the flags say is ordered by the lock.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::AcquireError;
use super::word::{CLOSED, WAITERS, Word};
use crate::primitive::atomic::{AtomicUsize, Ordering, fence};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{Mutex, Parker, drop_contained, mutant, thread, weaken};
use crate::wait::deadline::Deadline;
use crate::wait::queue::{Left, Sleeper, Ticket, WaitQueue, Wakes};

use Ordering::{Acquire, Relaxed, Release};

/// How often a thread that was called looks before it sleeps on: a permit is
/// often held for less time than it takes to fall asleep.
// WHY NOT spin before joining: two threads that both run fight for the word's
// cache line, and each operation costs more than twice of what it costs one
// thread while the other sleeps.
const SPINS: u32 = 20;

/// What one who stood in line was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    Permits,
    Closed,
}

#[derive(Debug)]
struct Queue {
    line: WaitQueue<usize, Grant>,
    /// Permits that exist: free, given or held.
    total: usize,
}

/// What became of one who came.
enum Arrival {
    Took,
    Joined(Ticket),
    Closed,
}

#[derive(Debug)]
pub(super) struct Line {
    word: AtomicUsize,
    bypass: usize,
    queue: Mutex<Queue>,
}

impl Line {
    maybe_const! {
        pub(super) fn new(permits: usize, bypass: usize) -> Self {
            Self {
                word: AtomicUsize::new(Word::of(permits).0),
                bypass,
                queue: Mutex::new(Queue {
                    line: WaitQueue::new(),
                    total: permits,
                }),
            }
        }
    }

    /// Takes `need` permits if it can be done now.
    #[inline]
    pub(super) fn try_take(&self, need: usize) -> Result<(), AcquireError> {
        // ORDERING: Relaxed, the exchange decides.
        let mut seen = Word(self.word.load(Relaxed));
        loop {
            if seen.is_closed() {
                return Err(self.closed());
            }
            let Some(taken) = seen.taken_by_newcomer(need, self.bypass()) else {
                return Err(AcquireError::NotNow);
            };
            match self.exchange(seen, taken) {
                Ok(()) => return Ok(()),
                Err(newer) => seen = newer,
            }
        }
    }

    /// Waits in this thread.
    #[inline]
    pub(super) fn take(&self, need: usize, deadline: Deadline) -> Result<(), AcquireError> {
        match self.try_take(need) {
            Err(AcquireError::NotNow) => self.stand_in_line(need, deadline),
            other => other,
        }
    }

    #[cold]
    fn stand_in_line(&self, need: usize, deadline: Deadline) -> Result<(), AcquireError> {
        if deadline.has_passed() {
            return Err(AcquireError::TimedOut);
        }
        let parker = Parker::current();
        let arrival = {
            let mut queue = self.queue.lock();
            let mut sleeper = Some(Sleeper::Thread(Arc::clone(&parker)));
            self.arrive(&mut queue, need, &mut sleeper)
        };
        let ticket = match arrival {
            Arrival::Took => return Ok(()),
            Arrival::Closed => return Err(self.closed()),
            Arrival::Joined(ticket) => ticket,
        };
        let _blocking = Blocking::start(BlockedOn::Thing("a semaphore"));
        loop {
            let in_time = parker.park_until(deadline.instant());
            self.spin_for(need);
            let mut wakes = Wakes::default();
            let mut queue = self.queue.lock();
            if !in_time && mutant("semaphore-timed-out-keeps-what-it-has") {
                let _ = queue.line.leave(ticket);
                return Err(AcquireError::TimedOut);
            }
            let is_first = queue.line.is_first(&ticket);
            let took = is_first && self.take_as_first(&queue, need);
            if !(took || !in_time || queue.line.is_given(&ticket)) {
                continue;
            }
            let (left, _) = queue.line.leave(ticket);
            if is_first && !(took && mutant("semaphore-called-one-serves-nobody")) {
                self.first_has_left(&mut queue, took, &mut wakes);
            }
            drop(queue);
            wakes.wake();
            return match left {
                Left::Given(Grant::Closed) => Err(AcquireError::Closed),
                Left::Waiting if !took => Err(AcquireError::TimedOut),
                Left::Given(Grant::Permits) | Left::Waiting => Ok(()),
            };
        }
    }

    fn spin_for(&self, need: usize) {
        if cfg!(raddle_loom) {
            return; // a model explores what happens, not how soon
        }
        for _ in 0..SPINS {
            // ORDERING: Relaxed, the look under the lock decides.
            if Word(self.word.load(Relaxed)).permits() >= need {
                return;
            }
            thread::spin_hint();
        }
    }

    /// Waits in a future, whose place in line is `ticket`.
    pub(super) fn poll_take(
        &self,
        need: usize,
        ticket: &mut Option<Ticket>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), AcquireError>> {
        if ticket.is_none() {
            match self.try_take(need) {
                Err(AcquireError::NotNow) => {}
                other => return Poll::Ready(other),
            }
        }
        // Cloning and dropping wakers is user code: outside of the lock.
        let sleeper = Sleeper::Future(context.waker().clone());
        let mut queue = self.queue.lock();
        let Some(place) = ticket.as_ref() else {
            let mut sleeper = Some(sleeper);
            let arrival = self.arrive(&mut queue, need, &mut sleeper);
            drop(queue);
            drop_contained(sleeper);
            return match arrival {
                Arrival::Took => Poll::Ready(Ok(())),
                Arrival::Closed => Poll::Ready(Err(self.closed())),
                Arrival::Joined(place) => {
                    *ticket = Some(place);
                    Poll::Pending
                }
            };
        };
        let is_given = queue.line.is_given(place);
        let former = queue.line.replace(place, sleeper);
        let left = match ticket.take_if(|_| is_given) {
            Some(place) => queue.line.leave(place).0,
            None => Left::Waiting,
        };
        drop(queue);
        drop_contained(former);
        match left {
            Left::Waiting => Poll::Pending,
            Left::Given(Grant::Permits) => Poll::Ready(Ok(())),
            Left::Given(Grant::Closed) => Poll::Ready(Err(AcquireError::Closed)),
        }
    }

    /// A future that stood in line is dropped. What it was given goes on.
    pub(super) fn leave(&self, need: usize, ticket: Ticket) {
        let mut wakes = Wakes::default();
        let mut queue = self.queue.lock();
        let is_first = queue.line.is_first(&ticket);
        let (left, sleeper) = queue.line.leave(ticket);
        if left == Left::Given(Grant::Permits) && !mutant("semaphore-drop-keeps-the-grant") {
            // ORDERING: Release pairs with the Acquire in `exchange`.
            self.word.fetch_add(Word::of(need).0, Release);
            self.serve(&mut queue, &mut wakes);
        }
        if is_first {
            self.first_has_left(&mut queue, false, &mut wakes);
        }
        drop(queue);
        wakes.wake();
        drop_contained(sleeper);
    }

    /// Puts permits back.
    #[inline]
    pub(super) fn put(&self, permits: usize) {
        // ORDERING: Release pairs with the Acquire in `exchange`: who takes the
        // permits sees what was done while they were held.
        let order = weaken("semaphore-put-relaxed", Release);
        let seen = Word(self.word.fetch_add(Word::of(permits).0, order));
        if seen.needs_service() {
            self.serve_now();
        }
    }

    #[cold]
    fn serve_now(&self) {
        if mutant("semaphore-put-without-serve") {
            return;
        }
        let mut wakes = Wakes::default();
        let mut queue = self.queue.lock();
        self.serve(&mut queue, &mut wakes);
        drop(queue);
        wakes.wake();
    }

    /// Puts permits into the world, at most `max` in all; says how many there
    /// is room for if it is not for all.
    pub(super) fn add(&self, permits: usize, max: usize) -> Result<(), usize> {
        let mut wakes = Wakes::default();
        let mut queue = self.queue.lock();
        let room = max.saturating_sub(queue.total);
        if permits == 0 || permits > room {
            return Err(room);
        }
        queue.total += permits;
        // ORDERING: Release pairs with the Acquire in `exchange`.
        self.word.fetch_add(Word::of(permits).0, Release);
        if !mutant("semaphore-add-without-serve") {
            self.serve(&mut queue, &mut wakes);
        }
        drop(queue);
        wakes.wake();
        Ok(())
    }

    /// Permits that somebody held are no more.
    pub(super) fn forget(&self, permits: usize) {
        self.queue.lock().total -= permits;
    }

    /// Takes free permits, `max` at most, whoever waits; returns how many.
    pub(super) fn take_free(&self, max: usize) -> usize {
        // ORDERING: Relaxed, the exchange decides.
        let mut seen = Word(self.word.load(Relaxed));
        loop {
            let taken = seen.permits().min(max);
            if taken == 0 {
                return 0;
            }
            match self.exchange(seen, Word(seen.0 - Word::of(taken).0)) {
                Ok(()) => return taken,
                Err(newer) => seen = newer,
            }
        }
    }

    /// Nobody gets permits any longer; `true` for who has closed it.
    pub(super) fn close(&self) -> bool {
        let mut wakes = Wakes::default();
        let mut queue = self.queue.lock();
        // ORDERING: Release pairs with the fence in `closed`.
        let seen = Word(self.word.fetch_or(CLOSED, Release));
        while let Some(sleeper) = queue.line.give_first(Grant::Closed) {
            wakes.add(Some(sleeper));
            if mutant("semaphore-close-tells-one") {
                break;
            }
        }
        // ORDERING: Relaxed, the line changes under its lock.
        self.word.fetch_and(!Word::left(true), Relaxed);
        drop(queue);
        wakes.wake();
        !seen.is_closed()
    }

    pub(super) fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `close`.
        Word(self.word.load(Acquire)).is_closed()
    }

    pub(super) fn free(&self) -> usize {
        // ORDERING: Relaxed, the number is out of date at once.
        Word(self.word.load(Relaxed)).permits()
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.lock().line.len()
    }

    pub(super) const fn is_strict(&self) -> bool {
        self.bypass == 0
    }

    /// How many may pass the first in line.
    fn bypass(&self) -> usize {
        self.bypass + usize::from(mutant("semaphore-one-more-may-pass"))
    }

    fn closed(&self) -> AcquireError {
        // ORDERING: Acquire pairs with the Release in `close`: CLOSED was seen.
        fence(Acquire);
        AcquireError::Closed
    }

    /// Takes, or joins the end of the line: one step, under the lock. Only who
    /// joins needs the sleeper.
    fn arrive(&self, queue: &mut Queue, need: usize, sleeper: &mut Option<Sleeper>) -> Arrival {
        // ORDERING: Relaxed, the exchange decides. WAITERS and CLOSED change
        // under the lock only. If WAITERS is set, who puts permits looks.
        let mut seen = Word(self.word.load(Relaxed));
        loop {
            if seen.is_closed() {
                return Arrival::Closed;
            }
            let next = match seen.taken_by_newcomer(need, self.bypass()) {
                Some(taken) => taken,
                None if seen.has_waiters() => break,
                None if mutant("semaphore-join-without-look") => {
                    // ORDERING: Relaxed, it is wrong with any.
                    self.word.fetch_or(WAITERS, Relaxed);
                    break;
                }
                None => Word(seen.0 | WAITERS),
            };
            match self.exchange(seen, next) {
                Ok(()) if next.permits() < seen.permits() => return Arrival::Took,
                Ok(()) => break,
                Err(newer) => seen = newer,
            }
        }
        match sleeper.take() {
            Some(sleeper) => Arrival::Joined(queue.line.join(need, sleeper)),
            None => unreachable!("who arrives brings a sleeper"),
        }
    }

    /// The first in line, a thread, has come and looks. It takes, or will be
    /// called again.
    fn take_as_first(&self, queue: &Queue, need: usize) -> bool {
        let is_last = queue.line.len() == 1;
        // ORDERING: Relaxed, the exchange decides.
        let mut seen = Word(self.word.load(Relaxed));
        loop {
            let next = match seen.taken_by_first(need, is_last) {
                Some(taken) => taken,
                None if mutant("semaphore-sleeps-on-as-coming") => return false,
                None if !seen.is_coming() => return false,
                None => seen.looked_in_vain(),
            };
            match self.exchange(seen, next) {
                Ok(()) => return next.permits() < seen.permits(),
                Err(newer) => seen = newer,
            }
        }
    }

    /// The first has left the line, with permits or without: others may now
    /// have what it stood before.
    fn first_has_left(&self, queue: &mut Queue, took: bool, wakes: &mut Wakes) {
        if !took {
            let is_last = queue.line.is_empty();
            // ORDERING: Relaxed, the line changes under its lock.
            self.word.fetch_and(!Word::left(is_last), Relaxed);
        }
        if !mutant("semaphore-leaves-without-serve") {
            self.serve(queue, wakes);
        }
    }

    /// Gives free permits to those who are first, as long as they suffice; or
    /// calls the first.
    fn serve(&self, queue: &mut Queue, wakes: &mut Wakes) {
        // ORDERING: Relaxed, the exchange decides. Permits that are put back
        // later than seen here are served by who puts them: it sees WAITERS.
        let mut seen = Word(self.word.load(Relaxed));
        while let Some(&mut need) = queue.line.first() {
            if seen.is_coming() || seen.permits() < need {
                return;
            }
            let called = match queue.line.first_thread() {
                Some(parker) if !self.is_strict() => Some(parker),
                _ => None,
            };
            let next = match called {
                Some(_) => Some(seen.with_coming()),
                None if mutant("semaphore-grants-what-stays-free") => {
                    Some(Word(seen.0 & !Word::left(queue.line.len() == 1)))
                }
                None => seen.taken_by_first(need, queue.line.len() == 1),
            };
            let Some(next) = next else { return };
            match self.exchange(seen, next) {
                Err(newer) => seen = newer,
                Ok(()) => {
                    seen = next;
                    wakes.add(match called {
                        Some(parker) => Some(Sleeper::Thread(parker)),
                        None => queue.line.give_first(Grant::Permits),
                    });
                }
            }
        }
    }

    #[inline]
    fn exchange(&self, seen: Word, next: Word) -> Result<(), Word> {
        // ORDERING: Acquire pairs with the Release in `put`. Relaxed on failure:
        // nothing was taken.
        let order = weaken("semaphore-take-relaxed", Acquire);
        (self
            .word
            .compare_exchange_weak(seen.0, next.0, order, Relaxed))
        .map(drop)
        .map_err(Word)
    }
}

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(test)]
mod tests;
