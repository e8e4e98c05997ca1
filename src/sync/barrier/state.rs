//! Who waits at a barrier, and for what.
//!
//! ```text
//!                the last has come               the action has run
//!   GATHERING ─────────────────────► LED ───────────────────────────┐
//!     ▲  │                            │ time is up in this round,    │
//!     │  │ time is up, abort          │ it panics, abort             │
//!     │  ▼                            ▼                              │
//!     │ BROKEN ◄──────────────────────┘                              │
//!     │  │ reset                                                     │
//!     └──┴───────────────────────────────────────────────────────────┘
//! ```
//!
//! 1. All who wait are in the queue in the order of their coming: first those of
//!    the round that is led, then `parties` for each round after it.
//! 2. Each is given its own outcome, which stays in its entry: a round that is
//!    broken or reset says nothing to the next.
//! 3. The last to come leads. It runs the action outside of the lock; who comes
//!    meanwhile is of the next round. Should that be full when the action ends,
//!    its first is given the lead.
//! 4. A lead is good for one round: after a break or a reset its number is old.
//! 5. Whose time is up breaks its own round and those after it. Rounds before it
//!    are full, and have met or will.
//! 6. A future that is dropped has not come. Is its round led already, it has met
//!    the others; was it to lead, another of its round does.

use crate::primitive::mutant;
use crate::wait::queue::{Left, Sleeper, Ticket, WaitQueue, Wakes};
use crate::wait::waited::{Leaves, Waited};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    /// All have come; the leader has not freed them yet.
    Led,
    Broken,
}

/// What a party is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Met,
    /// It leads the round of this number.
    Leads(u64),
    Broken,
}

#[derive(Debug)]
pub(super) struct State {
    parties: usize,
    phase: Phase,
    /// Counts rounds that were led, and resets.
    round: u64,
    /// So many in the queue, the first of it, are of the round that is led.
    met: usize,
    /// Of the rounds that are not led, those that are full are the last: the
    /// barrier breaks after them.
    breaks_next: bool,
    queue: WaitQueue<(), Outcome>,
}

impl Waited for State {
    type Need = ();
    type Gift = Outcome;

    fn queue(&mut self) -> &mut WaitQueue<(), Outcome> {
        &mut self.queue
    }

    fn take(&mut self, (): &()) -> Option<Outcome> {
        match self.phase {
            Phase::Broken => Some(Outcome::Broken),
            Phase::Led if self.breaks_next => Some(Outcome::Broken),
            Phase::Gathering if self.queue.len() + 1 == self.parties => Some(self.lead()),
            Phase::Gathering | Phase::Led => None,
        }
    }

    fn leave(&mut self, ticket: Ticket, why: Leaves, wakes: &mut Wakes) -> Option<Sleeper> {
        let before = self.queue.before(&ticket);
        let (left, sleeper) = self.queue.leave(ticket);
        match (left, why) {
            (Left::Given(Outcome::Leads(round)), _) => self.hand_on(round, wakes),
            (Left::Given(Outcome::Met | Outcome::Broken), _) => {}
            (Left::Waiting, Leaves::TimeIsUp) => self.gives_up(before, wakes),
            (Left::Waiting, Leaves::Dropped) => self.takes_back(before, wakes),
        }
        sleeper
    }
}

impl State {
    maybe_const! {
        pub(super) fn new(parties: usize) -> Self {
            Self {
                parties,
                phase: Phase::Gathering,
                round: 0,
                met: 0,
                breaks_next: false,
                queue: WaitQueue::new(),
            }
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.phase == Phase::Broken || self.breaks_next
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn begin_anew(&mut self, wakes: &mut Wakes) {
        self.phase = Phase::Gathering;
        self.tell_all(wakes);
    }

    pub(super) fn break_up(&mut self, wakes: &mut Wakes) {
        self.phase = Phase::Broken;
        self.tell_all(wakes);
    }

    fn tell_all(&mut self, wakes: &mut Wakes) {
        self.met = 0;
        self.breaks_next = false;
        self.tell_behind(0, wakes);
    }

    /// All but the first so many are told that it is broken.
    fn tell_behind(&mut self, stay: usize, wakes: &mut Wakes) {
        while let Some(sleeper) = self.queue.give_behind(stay, Outcome::Broken) {
            wakes.add(Some(sleeper));
            if mutant("barrier-break-tells-one") {
                break;
            }
        }
    }

    /// All have come; who gets this leads, the others stand first in the queue.
    fn lead(&mut self) -> Outcome {
        self.phase = Phase::Led;
        self.round += 1;
        self.met = self.parties - 1;
        Outcome::Leads(self.round)
    }

    pub(super) fn is_led(&self, round: u64) -> bool {
        self.phase == Phase::Led && self.round == round
    }

    /// The leader frees its round.
    pub(super) fn free(&mut self, wakes: &mut Wakes) {
        self.phase = Phase::Gathering;
        let frees = match self.met {
            met if mutant("barrier-frees-one-too-few") => met.saturating_sub(1),
            _ if mutant("barrier-frees-the-next-round") => self.queue.len(),
            met => met,
        };
        for _ in 0..frees {
            wakes.add(self.queue.give_first(Outcome::Met));
        }
        if self.queue.len() >= self.parties && !mutant("barrier-full-round-is-not-led") {
            let leads = self.lead();
            wakes.add(self.queue.give_first(leads));
        } else if self.breaks_next {
            self.break_up(wakes);
        }
    }

    /// Whoever was to lead the round is gone, and nobody has begun to.
    fn hand_on(&mut self, round: u64, wakes: &mut Wakes) {
        if !self.is_led(round) || mutant("barrier-lead-is-dropped") {
            return;
        }
        if self.met == 0 {
            return self.free(wakes);
        }
        self.met -= 1;
        wakes.add(self.queue.give_first(Outcome::Leads(round)));
    }

    /// The time of one who had so many before it is up.
    fn gives_up(&mut self, before: usize, wakes: &mut Wakes) {
        if mutant("barrier-left-unbroken") {
            return;
        }
        let is_of_a_later_round = self.phase == Phase::Led && before >= self.met;
        if is_of_a_later_round && !mutant("barrier-next-round-breaks-this-one") {
            self.breaks_next = true;
            self.tell_behind(self.in_full_rounds(before), wakes);
        } else {
            self.break_up(wakes);
        }
    }

    /// The future of one who had so many before it is dropped.
    fn takes_back(&mut self, before: usize, wakes: &mut Wakes) {
        if mutant("barrier-dropped-future-breaks") {
            return self.break_up(wakes);
        }
        if self.phase == Phase::Led && before < self.met {
            self.met -= usize::from(!mutant("barrier-dropped-future-is-counted"));
        } else if self.breaks_next {
            // Nobody comes in its place.
            self.tell_behind(self.in_full_rounds(self.queue.len()), wakes);
        }
    }

    /// How many of the first so many are of the round that is led, or of a full one.
    fn in_full_rounds(&self, of: usize) -> usize {
        let later = of - self.met;
        of - later % self.parties
    }
}
