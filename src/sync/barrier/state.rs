//! Who waits at a barrier, and for what.
//!
//! ```text
//!                the last has come               the action has run
//!   GATHERING ─────────────────────► LED ───────────────────────────┐
//!     ▲  │                            │ somebody leaves, it panics,  │
//!     │  │ somebody leaves, abort     │ abort                        │
//!     │  ▼                            ▼                              │
//!     │ BROKEN ◄──────────────────────┘                              │
//!     │  │ reset                                                     │
//!     └──┴───────────────────────────────────────────────────────────┘
//! ```
//!
//! 1. All who wait are in the queue in the order of their coming; who leaves
//!    breaks the barrier. So the first `parties - 1` in the queue are those of
//!    the present round.
//! 2. Each is given its own outcome, which stays in its entry: a round that is
//!    broken or reset says nothing to the next.
//! 3. The last to come leads. It runs the action outside of the lock; who comes
//!    meanwhile is of the next round. Should that be full when the action ends,
//!    its first is given the lead.
//! 4. A lead is good for one round: after a break or a reset its number is old.

use crate::primitive::mutant;
use crate::wait::queue::{Left, WaitQueue, Wakes};
use crate::wait::waited::Waited;

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
            Phase::Gathering if self.queue.len() + 1 == self.parties => Some(self.lead()),
            Phase::Gathering | Phase::Led => None,
        }
    }

    fn left_unused(&mut self, left: Left<Outcome>, wakes: &mut Wakes) {
        let breaks = match left {
            Left::Waiting => !mutant("barrier-left-unbroken"),
            Left::Given(Outcome::Leads(round)) => self.is_led(round),
            Left::Given(Outcome::Met | Outcome::Broken) => false,
        };
        if breaks {
            self.break_up(wakes);
        }
    }
}

impl State {
    maybe_const! {
        pub(super) fn new(parties: usize) -> Self {
            Self {
                parties,
                phase: Phase::Gathering,
                round: 0,
                queue: WaitQueue::new(),
            }
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.phase == Phase::Broken
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn begin_anew(&mut self, wakes: &mut Wakes) {
        self.phase = Phase::Gathering;
        self.tell_all(wakes);
    }

    fn lead(&mut self) -> Outcome {
        self.phase = Phase::Led;
        self.round += 1;
        Outcome::Leads(self.round)
    }

    pub(super) fn is_led(&self, round: u64) -> bool {
        self.phase == Phase::Led && self.round == round
    }

    pub(super) fn break_up(&mut self, wakes: &mut Wakes) {
        self.phase = Phase::Broken;
        self.tell_all(wakes);
    }

    fn tell_all(&mut self, wakes: &mut Wakes) {
        while let Some(sleeper) = self.queue.give_first(Outcome::Broken) {
            wakes.add(Some(sleeper));
            if mutant("barrier-break-tells-one") {
                break;
            }
        }
    }

    /// The leader frees its round.
    pub(super) fn free(&mut self, wakes: &mut Wakes) {
        self.phase = Phase::Gathering;
        for _ in 1..self.parties {
            wakes.add(self.queue.give_first(Outcome::Met));
        }
        if self.queue.len() >= self.parties {
            let leads = self.lead();
            wakes.add(self.queue.give_first(leads));
        }
    }
}
