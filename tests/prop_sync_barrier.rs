//! Random programs of one thread against a model of the barrier, parts of which
//! happen while a round is led: the action takes steps of the program, too.
//!
//! So there are parties of the next rounds, futures that are dropped in each of
//! them, leads that nobody has taken up yet, and breaks and resets in between.
//! (`prop_sync_signals.rs` is the same without an action that does anything.)

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::CountWaker;
use proptest::prelude::*;
use raddle::sync::{Barrier, BarrierError};

#[derive(Clone, Copy, Debug)]
enum Step {
    Try,
    Moment,
    Begin,
    Poll(usize),
    Leave(usize),
    Abort,
    Reset,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Try),
        1 => Just(Step::Moment),
        48 => Just(Step::Begin),
        24 => any::<usize>().prop_map(Step::Poll),
        12 => any::<usize>().prop_map(Step::Leave),
        2 => Just(Step::Abort),
        4 => Just(Step::Reset),
    ];
    prop::collection::vec(step, 0..16)
}

type Told = Result<bool, BarrierError>;

/// What one who waits is to find.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Met,
    Broken,
    /// It is to lead the round of this number.
    Leads(usize),
}

struct Wait {
    id: usize,
    future: Pin<Box<dyn Future<Output = Told>>>,
    wakes: Arc<CountWaker>,
    waker: Waker,
    end: Option<End>,
}

/// The round that is led: its number, and those of it who wait.
type Led = (usize, VecDeque<usize>);

struct World {
    barrier: Arc<Barrier>,
    /// For each time that the action runs.
    acts: Vec<Vec<Step>>,
    waits: Vec<Wait>,
    ids: usize,
    // From here on the model.
    led: Option<Led>,
    rounds: usize,
    later: VecDeque<usize>,
    is_broken: bool,
    breaks_next: bool,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Not across a call of the barrier, whose action comes here again.
fn world<R>(act: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| act(world.as_mut().unwrap()))
}

impl World {
    fn end(&mut self, id: usize, end: End) {
        let wait = self.waits.iter_mut().find(|wait| wait.id == id).unwrap();
        assert_eq!(wait.end.replace(end), None);
    }

    fn break_behind(&mut self, stay: usize) {
        for id in self.later.split_off(stay) {
            self.end(id, End::Broken);
        }
    }

    fn break_all(&mut self) {
        let (_, met) = self.led.take().unwrap_or_default();
        met.into_iter().for_each(|id| self.end(id, End::Broken));
        self.break_behind(0);
        (self.is_broken, self.breaks_next) = (true, false);
    }

    /// So many of those of later rounds are of full ones.
    fn in_full_rounds(&self) -> usize {
        self.later.len() - self.later.len() % self.barrier.parties()
    }

    /// The number of the round that a newcomer leads; none if it would wait.
    fn comes(&mut self) -> Result<Option<usize>, BarrierError> {
        if self.is_broken || self.breaks_next {
            return Err(BarrierError::Broken);
        }
        let leads = self.led.is_none() && self.later.len() + 1 == self.barrier.parties();
        Ok(leads.then(|| self.lead()))
    }

    fn lead(&mut self) -> usize {
        let rest = self.later.split_off(self.barrier.parties() - 1);
        self.rounds += 1;
        self.led = Some((self.rounds, std::mem::replace(&mut self.later, rest)));
        self.rounds
    }

    /// The leader is done, or there is none any more.
    fn free(&mut self) {
        let (_, met) = self.led.take().unwrap();
        met.into_iter().for_each(|id| self.end(id, End::Met));
        if self.later.len() >= self.barrier.parties() {
            let first = self.later.pop_front().unwrap();
            let round = self.lead();
            self.end(first, End::Leads(round));
        } else if self.breaks_next {
            self.break_all();
        }
    }

    fn is_led(&self, round: usize) -> bool {
        self.led.as_ref().is_some_and(|(led, _)| *led == round)
    }

    /// What the leader is told at the end of its action.
    fn led(&mut self, round: usize) -> Told {
        if !self.is_led(round) {
            return Err(BarrierError::Broken);
        }
        self.free();
        Ok(true)
    }

    fn is_dropped(&mut self, id: usize, end: Option<End>) {
        self.later.retain(|waits| *waits != id);
        if let Some((_, met)) = &mut self.led {
            met.retain(|waits| *waits != id);
        }
        match end {
            Some(End::Leads(round)) if self.is_led(round) => {
                match self.led.as_mut().and_then(|(_, met)| met.pop_front()) {
                    Some(next) => self.end(next, End::Leads(round)),
                    None => self.free(),
                }
            }
            None if self.breaks_next => self.break_behind(self.in_full_rounds()),
            _ => {}
        }
    }

    fn check(&self) {
        for wait in &self.waits {
            assert_eq!(wait.wakes.count(), usize::from(wait.end.is_some()));
        }
        let met = self.led.as_ref().map_or(0, |(_, met)| met.len());
        assert_eq!(self.barrier.waiting(), met + self.later.len());
        assert_eq!(self.barrier.is_broken(), self.is_broken || self.breaks_next);
    }
}

fn act() {
    let steps = world(|world| world.acts.pop());
    steps.into_iter().flatten().for_each(take);
}

/// One comes who does not wait for long; `late` is what it is told then.
fn come(meet: impl FnOnce(&Barrier) -> Told, late: BarrierError) -> Told {
    let (barrier, coming) = world(|world| (world.barrier.clone(), world.comes()));
    let told = meet(&barrier);
    let expected = match coming {
        Ok(Some(round)) => world(|world| world.led(round)),
        Ok(None) => Err(late),
        Err(broken) => Err(broken),
    };
    assert_eq!(told, expected);
    expected
}

fn take(step: Step) {
    match step {
        Step::Try => {
            let meet = |barrier: &Barrier| barrier.try_wait().map(|met| met.is_leader());
            let _ = come(meet, BarrierError::NotNow);
        }
        Step::Moment => {
            let meet = |barrier: &Barrier| {
                let mut limit = Duration::from_micros(20);
                loop {
                    let told = barrier.wait_timeout(limit).map(|met| met.is_leader());
                    // The moment may be over before the party has come.
                    if told != Err(BarrierError::TimedOut) || barrier.is_broken() {
                        return told;
                    }
                    limit *= 2;
                }
            };
            if come(meet, BarrierError::TimedOut) == Err(BarrierError::TimedOut) {
                world(|world| match world.led {
                    Some(_) => {
                        world.breaks_next = true;
                        world.break_behind(world.in_full_rounds());
                    }
                    None => world.break_all(),
                });
            }
        }
        Step::Begin => {
            let (id, barrier, coming) = world(|world| {
                world.ids += 1;
                (world.ids, world.barrier.clone(), world.comes())
            });
            let future = async move { barrier.wait_async().await.map(|met| met.is_leader()) };
            let (wakes, waker) = CountWaker::new();
            let mut wait = Wait {
                id,
                future: Box::pin(future),
                wakes,
                waker,
                end: None,
            };
            let told = poll(&mut wait);
            match coming {
                Ok(None) => {
                    assert!(told.is_pending());
                    world(|world| {
                        world.later.push_back(id);
                        world.waits.push(wait);
                    });
                }
                Ok(Some(round)) => assert_eq!(told, Poll::Ready(world(|world| world.led(round)))),
                Err(broken) => assert_eq!(told, Poll::Ready(Err(broken))),
            }
        }
        Step::Poll(which) => {
            let Some(mut wait) = take_out(which) else {
                return;
            };
            let end = wait.end;
            if end.is_none() {
                assert!(poll(&mut wait).is_pending());
                return world(|world| world.waits.push(wait));
            }
            let told = poll(&mut wait);
            let expected = match end.unwrap() {
                End::Met => Ok(false),
                End::Broken => Err(BarrierError::Broken),
                End::Leads(round) => world(|world| world.led(round)),
            };
            assert_eq!(told, Poll::Ready(expected));
        }
        Step::Leave(which) => {
            let Some(wait) = take_out(which) else {
                return;
            };
            let (id, end) = (wait.id, wait.end);
            drop(wait);
            world(|world| world.is_dropped(id, end));
        }
        Step::Abort => world(|world| {
            world.barrier.abort();
            world.break_all();
        }),
        Step::Reset => world(|world| {
            world.barrier.reset();
            world.break_all();
            world.is_broken = false;
        }),
    }
    world(|world| world.check());
}

fn poll(wait: &mut Wait) -> Poll<Told> {
    wait.future
        .as_mut()
        .poll(&mut Context::from_waker(&wait.waker))
}

fn take_out(which: usize) -> Option<Wait> {
    world(|world| {
        let among = world.waits.len();
        (among > 0).then(|| world.waits.swap_remove(which % among))
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_barrier_whose_action_lets_others_come_and_leave(
        parties in 1..4_usize,
        program in steps(),
        acts in prop::collection::vec(steps(), 0..4),
    ) {
        let start = World {
            barrier: Arc::new(Barrier::with_action(parties, act)),
            acts,
            waits: Vec::new(),
            ids: 0,
            led: None,
            rounds: 0,
            later: VecDeque::new(),
            is_broken: false,
            breaks_next: false,
        };
        WORLD.set(Some(start));
        program.into_iter().for_each(take);
        // Whatever has become of it, after a reset they meet.
        world(|world| world.acts.clear());
        let poll_all = || while world(|world| !world.waits.is_empty()) {
            take(Step::Poll(0));
        };
        take(Step::Reset);
        poll_all();
        let before = world(|world| world.rounds);
        (0..parties).for_each(|_| take(Step::Begin));
        poll_all();
        prop_assert_eq!(world(|world| world.rounds), before + 1);
    }
}
