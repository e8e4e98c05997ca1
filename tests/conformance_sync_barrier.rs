//! What comes while a barrier's round is led, and what a dropped future is to
//! it: whoever leaves concerns those of its own round, and those alone.
//!
//! All in one thread: the action of the barrier is where the test lets others
//! come and leave.

mod common;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{CountWaker, watch};
use raddle::sync::{Barrier, BarrierError};

const SHORT: Duration = Duration::from_millis(5);

type Told = Result<bool, BarrierError>;

/// What a party is told: whether it led, or why it has not met the others.
type Meeting = Pin<Box<dyn Future<Output = Told> + Send>>;

type Act = Box<dyn FnOnce(&'static Barrier) + Send>;

/// A barrier whose action does each time what is written down for it.
struct Scene {
    barrier: OnceLock<Barrier>,
    acts: Mutex<Vec<Act>>,
}

impl Scene {
    const fn new() -> Self {
        Self {
            barrier: OnceLock::new(),
            acts: Mutex::new(Vec::new()),
        }
    }

    /// The barrier, for so many.
    fn of(&'static self, parties: usize) -> &'static Barrier {
        self.barrier.get_or_init(|| {
            Barrier::with_action(parties, || {
                let act = self.acts.lock().unwrap().pop();
                if let Some(act) = act {
                    act(self.barrier.get().unwrap());
                }
            })
        })
    }

    /// When the next round is led, `act` happens.
    fn when_led(&self, act: impl FnOnce(&'static Barrier) + Send + 'static) {
        self.acts.lock().unwrap().push(Box::new(act));
    }
}

fn poll(meeting: &mut Meeting) -> Poll<Told> {
    meeting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// One that has come and waits.
fn comes(barrier: &'static Barrier) -> Meeting {
    let mut meeting: Meeting =
        Box::pin(async { barrier.wait_async().await.map(|met| met.is_leader()) });
    assert!(poll(&mut meeting).is_pending());
    meeting
}

/// One comes, and its time is up.
fn gives_up(barrier: &Barrier) {
    let mut limit = SHORT;
    // On a busy machine it may be up before it has come: that breaks nothing.
    while !barrier.is_broken() {
        assert_eq!(barrier.wait_timeout(limit), Err(BarrierError::TimedOut));
        limit *= 2;
    }
}

const MET: Poll<Told> = Poll::Ready(Ok(false));
const LED: Poll<Told> = Poll::Ready(Ok(true));
const BROKEN: Poll<Told> = Poll::Ready(Err(BarrierError::Broken));

#[test]
fn a_limit_that_passes_in_the_next_round_leaves_the_full_one_alone() {
    static PAIR: Scene = Scene::new();
    watch(|| {
        let pair = PAIR.of(2);
        let mut first = comes(pair);
        PAIR.when_led(|pair| {
            assert_eq!(pair.waiting(), 1);
            gives_up(pair);
            assert!(pair.is_broken(), "who comes now comes in vain");
            assert_eq!(pair.wait(), Err(BarrierError::Broken));
            assert_eq!(pair.waiting(), 1, "who has met all is not concerned");
        });
        assert!(pair.wait().unwrap().is_leader());
        assert_eq!(poll(&mut first), MET);
        assert!(pair.is_broken());
        assert_eq!(pair.wait(), Err(BarrierError::Broken));
        pair.reset();
        let mut first = comes(pair);
        assert!(pair.wait().is_ok());
        assert_eq!(poll(&mut first), MET);
    });
}

#[test]
fn a_limit_that_passes_breaks_no_round_that_is_full() {
    static PAIR: Scene = Scene::new();
    static LATER: Mutex<Vec<Meeting>> = Mutex::new(Vec::new());
    watch(|| {
        let pair = PAIR.of(2);
        let mut first = comes(pair);
        PAIR.when_led(|pair| {
            // Two for the next round; for the one after it, one who gives up.
            *LATER.lock().unwrap() = vec![comes(pair), comes(pair)];
            gives_up(pair);
            assert_eq!(pair.waiting(), 3);
        });
        assert!(pair.wait().unwrap().is_leader());
        assert_eq!(poll(&mut first), MET);
        let mut later = LATER.lock().unwrap();
        assert_eq!(poll(&mut later[0]), LED);
        assert_eq!(poll(&mut later[1]), MET);
        assert!(pair.is_broken(), "from there on");
        assert_eq!(pair.waiting(), 0);
    });
}

#[test]
fn a_limit_that_passes_breaks_the_round_that_is_not_full_at_once() {
    static THREE: Scene = Scene::new();
    watch(|| {
        let three = THREE.of(3);
        let mut first = [comes(three), comes(three)];
        THREE.when_led(|three| {
            let (wakes, waker) = CountWaker::new();
            let mut before = Box::pin(three.wait_async());
            let mut context = Context::from_waker(&waker);
            assert!(before.as_mut().poll(&mut context).is_pending());
            gives_up(three);
            assert_eq!(wakes.count(), 1, "it is not kept until the action has run");
            let told = before.as_mut().poll(&mut context);
            assert_eq!(told, Poll::Ready(Err(BarrierError::Broken)));
        });
        assert!(three.wait().unwrap().is_leader());
        assert_eq!(first.iter_mut().map(poll).collect::<Vec<_>>(), [MET, MET]);
    });
}

#[test]
fn a_next_round_that_is_full_when_the_action_ends_is_led_by_its_first() {
    static PAIR: Scene = Scene::new();
    static NEXT: Mutex<Vec<Meeting>> = Mutex::new(Vec::new());
    watch(|| {
        let pair = PAIR.of(2);
        let mut first = comes(pair);
        PAIR.when_led(|pair| {
            *NEXT.lock().unwrap() = vec![comes(pair), comes(pair), comes(pair)];
        });
        assert!(pair.wait().unwrap().is_leader());
        assert_eq!(poll(&mut first), MET);
        let mut next = NEXT.lock().unwrap();
        let told: Vec<_> = next.iter_mut().map(poll).collect();
        assert_eq!(told, [LED, MET, Poll::Pending]);
        assert!(pair.wait().is_ok());
        assert_eq!(poll(&mut next[2]), MET);
    });
}

#[test]
fn a_future_dropped_before_all_have_come_has_not_come() {
    static THREE: Scene = Scene::new();
    watch(|| {
        let three = THREE.of(3);
        let mut stays = comes(three);
        drop(comes(three));
        assert_eq!((three.waiting(), three.is_broken()), (1, false));
        assert_eq!(three.try_wait(), Err(BarrierError::NotNow));
        let mut again = comes(three);
        assert!(three.wait().unwrap().is_leader());
        assert_eq!((poll(&mut stays), poll(&mut again)), (MET, MET));
    });
}

#[test]
fn a_future_dropped_while_its_round_is_led_has_met_the_others() {
    static THREE: Scene = Scene::new();
    static LEFT: Mutex<Vec<Meeting>> = Mutex::new(Vec::new());
    static NEXT: Mutex<Vec<Meeting>> = Mutex::new(Vec::new());
    watch(|| {
        let three = THREE.of(3);
        let mut stays = comes(three);
        LEFT.lock().unwrap().push(comes(three));
        THREE.when_led(|three| {
            NEXT.lock().unwrap().push(comes(three));
            LEFT.lock().unwrap().clear();
            assert!(!three.is_broken());
        });
        assert!(three.wait().unwrap().is_leader());
        assert_eq!(poll(&mut stays), MET);
        let mut next = NEXT.lock().unwrap();
        assert_eq!(poll(&mut next[0]), Poll::Pending, "it is of the next round");
        assert_eq!(three.waiting(), 1);
    });
}

#[test]
fn a_dropped_future_that_was_to_lead_lets_another_lead() {
    static PAIR: Scene = Scene::new();
    static NEXT: Mutex<Vec<Meeting>> = Mutex::new(Vec::new());
    watch(|| {
        let pair = PAIR.of(2);
        for leave in 1..=3 {
            let mut first = comes(pair);
            PAIR.when_led(|pair| {
                *NEXT.lock().unwrap() = [(); 4].map(|()| comes(pair)).into();
            });
            assert!(pair.wait().unwrap().is_leader());
            assert_eq!(poll(&mut first), MET);
            let mut next = NEXT.lock().unwrap();
            // The first of them is to lead.
            next.drain(..leave);
            let told: Vec<_> = next.iter_mut().map(poll).collect();
            match leave {
                1 => assert_eq!(told, [LED, LED, MET]),
                2 => assert_eq!(told, [LED, MET]),
                _ => assert_eq!(told, [LED]),
            }
            assert_eq!((pair.waiting(), pair.is_broken()), (0, false));
        }
    });
}

#[test]
fn who_can_no_longer_meet_the_others_is_told_when_one_is_dropped() {
    static PAIR: Scene = Scene::new();
    watch(|| {
        let pair = PAIR.of(2);
        let mut first = comes(pair);
        PAIR.when_led(|pair| {
            let mut next = vec![comes(pair), comes(pair)];
            gives_up(pair);
            drop(next.remove(0));
            // Nobody comes any more.
            assert_eq!(poll(&mut next[0]), BROKEN);
        });
        assert!(pair.wait().unwrap().is_leader());
        assert_eq!(poll(&mut first), MET);
        assert!(pair.is_broken());
    });
}

#[test]
fn what_a_late_party_is_told_is_true_whether_it_had_come_or_not() {
    watch(|| {
        let pair = Barrier::new(2);
        let tried = pair.wait_timeout(Duration::ZERO).unwrap_err();
        assert!(!pair.is_broken());
        assert_eq!(tried, BarrierError::TimedOut);
        gives_up(&pair);
        assert_eq!(
            tried.to_string(),
            "the time limit of the wait has passed; if it passed while the party waited, this has \
             broken the barrier"
        );
    });
}
