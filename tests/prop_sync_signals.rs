//! Random programs of one thread against sequential models of the semaphore,
//! the event and the barrier.
//!
//! Those who wait on are futures; each has a waker that counts. After every step
//! exactly those have been woken, once, whose wait the model says has ended.
//! Dropped futures and closes are among the steps, and waits of the thread itself:
//! with no time at all, which does not join the line, and with a moment, which
//! joins it and gives up.

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::CountWaker;
use proptest::prelude::*;
use raddle::sync::{AcquireError, Barrier, BarrierError, Event, Permit, Semaphore};

/// So long that the thread has joined the line when it is over, nearly always;
/// what comes of it is the same if it has not, or can be seen.
const MOMENT: Duration = Duration::from_micros(20);

/// Of the waits that must give up so few have a moment, and all others no time at
/// all: on a busy machine a moment is long.
const MOMENTS: std::ops::Range<u8> = 0..8;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A wait that has begun; `end` is what the model says that it came to.
struct Pending<'a, T, E> {
    future: Boxed<'a, T>,
    wakes: Arc<CountWaker>,
    waker: Waker,
    id: usize,
    end: Option<E>,
}

impl<T, E> Pending<'_, T, E> {
    fn check(&self) {
        assert_eq!(self.wakes.count(), usize::from(self.end.is_some()));
    }

    fn poll(&mut self) -> Poll<T> {
        let mut context = Context::from_waker(&self.waker);
        self.future.as_mut().poll(&mut context)
    }
}

/// Polls a wait for the first time; gives it back if it has to go on.
fn begin<'a, T, E>(
    id: usize,
    future: impl Future<Output = T> + 'a,
) -> Result<T, Pending<'a, T, E>> {
    let (wakes, waker) = CountWaker::new();
    let mut pending = Pending {
        future: Box::pin(future),
        wakes,
        waker,
        id,
        end: None,
    };
    match pending.poll() {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(pending),
    }
}

#[derive(Clone, Debug)]
enum Sem {
    Try(usize),
    Zero(usize),
    Moment(usize),
    Begin(usize),
    Poll(usize),
    Leave(usize),
    Release(usize),
    Split(usize, usize),
    Forget(usize),
    Add(usize),
    ForgetFree(usize),
    Drain,
    Close,
}

fn sem_steps() -> impl Strategy<Value = Vec<Sem>> {
    let n = || 0..5_usize;
    let any = any::<usize>;
    let step = prop_oneof![
        4 => n().prop_map(Sem::Try),
        1 => (n(), MOMENTS).prop_map(|(need, which)| match which {
            0 => Sem::Moment(need),
            _ => Sem::Zero(need),
        }),
        6 => n().prop_map(Sem::Begin),
        3 => any().prop_map(Sem::Poll),
        3 => any().prop_map(Sem::Leave),
        5 => any().prop_map(Sem::Release),
        1 => (any(), n()).prop_map(|(which, n)| Sem::Split(which, n)),
        1 => any().prop_map(Sem::Forget),
        1 => n().prop_map(Sem::Add),
        1 => n().prop_map(Sem::ForgetFree),
        1 => Just(Sem::Drain),
        1 => Just(Sem::Close),
    ];
    prop::collection::vec(step, 0..24)
}

/// What a semaphore must do.
struct SemModel {
    free: usize,
    total: usize,
    max: usize,
    is_closed: bool,
    is_fair: bool,
    line: VecDeque<(usize, usize)>,
}

impl SemModel {
    fn newcomer(&mut self, need: usize) -> Result<usize, AcquireError> {
        let max = self.max;
        if need == 0 || need > max {
            return Err(AcquireError::Impossible { asked: need, max });
        }
        if self.is_closed {
            return Err(AcquireError::Closed);
        }
        // So few steps do not reach the bound of the fast one.
        if self.free < need || (self.is_fair && !self.line.is_empty()) {
            return Err(AcquireError::NotNow);
        }
        self.free -= need;
        Ok(need)
    }

    /// Who is given permits now.
    fn serve(&mut self) -> Vec<usize> {
        let mut given = Vec::new();
        while let Some(&(id, need)) = self.line.front() {
            if need > self.free {
                break;
            }
            self.free -= need;
            self.line.pop_front();
            given.push(id);
        }
        given
    }
}

fn count(got: &Result<Permit<'_>, AcquireError>) -> Result<usize, AcquireError> {
    got.as_ref().map(Permit::count).map_err(|error| *error)
}

fn run_semaphore(is_fair: bool, permits: usize, more: usize, steps: Vec<Sem>) {
    let make = if is_fair {
        Semaphore::fair
    } else {
        Semaphore::new
    };
    let seats = make(permits).up_to(permits + more);
    let mut model = SemModel {
        free: permits,
        total: permits,
        max: permits + more,
        is_closed: false,
        is_fair,
        line: VecDeque::new(),
    };
    let mut held: Vec<Permit<'_>> = Vec::new();
    let mut waits: Vec<Pending<'_, Result<Permit<'_>, AcquireError>, Result<usize, AcquireError>>> =
        Vec::new();
    for (id, step) in steps.into_iter().enumerate() {
        match step {
            Sem::Try(need) => {
                let got = seats.try_acquire_many(need);
                assert_eq!(count(&got), model.newcomer(need));
                held.extend(got);
            }
            Sem::Zero(need) | Sem::Moment(need) => {
                let limit = match step {
                    Sem::Zero(_) => Duration::ZERO,
                    _ => MOMENT,
                };
                let got = seats.acquire_many_timeout(need, limit);
                let expected = model.newcomer(need).map_err(|error| match error {
                    AcquireError::NotNow => AcquireError::TimedOut,
                    other => other,
                });
                assert_eq!(count(&got), expected);
                held.extend(got);
            }
            Sem::Begin(need) => match (
                begin(id, seats.acquire_many_async(need)),
                model.newcomer(need),
            ) {
                (Ok(got), expected) => {
                    assert_eq!(count(&got), expected);
                    held.extend(got);
                }
                (Err(pending), expected) => {
                    assert_eq!(expected, Err(AcquireError::NotNow));
                    model.line.push_back((id, need));
                    waits.push(pending);
                }
            },
            Sem::Poll(which) if !waits.is_empty() => {
                let at = which % waits.len();
                match (waits[at].poll(), waits[at].end) {
                    (Poll::Pending, None) => {}
                    (Poll::Ready(got), Some(end)) => {
                        assert_eq!(count(&got), end);
                        waits.swap_remove(at);
                        held.extend(got);
                    }
                    (polled, end) => panic!("{polled:?}, and not {end:?}"),
                }
            }
            Sem::Leave(which) if !waits.is_empty() => {
                let gone = waits.swap_remove(which % waits.len());
                match gone.end {
                    Some(Ok(need)) => model.free += need,
                    Some(Err(_)) => {}
                    None => model.line.retain(|(id, _)| *id != gone.id),
                }
            }
            Sem::Release(which) if !held.is_empty() => {
                let permit = held.swap_remove(which % held.len());
                model.free += permit.count();
            }
            Sem::Split(which, n) if !held.is_empty() => {
                let at = which % held.len();
                let before = held[at].count();
                let split = held[at].split(n);
                assert_eq!(split.is_some(), n > 0 && n < before);
                held.extend(split);
            }
            Sem::Forget(which) if !held.is_empty() => {
                let permit = held.swap_remove(which % held.len());
                model.total -= permit.count();
                permit.forget();
            }
            Sem::Add(n) => {
                let may = n > 0 && model.total + n <= model.max;
                let added = seats.add_permits(n);
                assert_eq!(added.is_ok(), may);
                if may {
                    model.total += n;
                    model.free += n;
                }
            }
            Sem::ForgetFree(n) => {
                let forgotten = seats.forget_permits(n);
                assert_eq!(forgotten, n.min(model.free));
                model.free -= forgotten;
                model.total -= forgotten;
            }
            Sem::Drain => {
                let all = seats.drain();
                assert_eq!(all.as_ref().map_or(0, Permit::count), model.free);
                model.free = 0;
                held.extend(all);
            }
            Sem::Close => {
                assert_eq!(seats.close(), !model.is_closed);
                model.is_closed = true;
                model.line.clear();
                for wait in &mut waits {
                    wait.end.get_or_insert(Err(AcquireError::Closed));
                }
            }
            _ => {}
        }
        let needs = model.line.clone();
        for id in model.serve() {
            let need = needs.iter().find(|(other, _)| *other == id).unwrap().1;
            let wait = waits.iter_mut().find(|wait| wait.id == id).unwrap();
            wait.end = Some(Ok(need));
        }
        waits.iter().for_each(Pending::check);
        assert_eq!(
            (seats.available(), seats.waiting()),
            (model.free, model.line.len())
        );
        let given: usize = waits.iter().filter_map(|wait| wait.end?.ok()).sum();
        let held: usize = held.iter().map(Permit::count).sum();
        assert_eq!(
            model.free + given + held,
            model.total,
            "permits are conserved"
        );
    }
    drop((waits, held));
    assert_eq!((seats.available(), seats.waiting()), (model.total, 0));
}

#[derive(Clone, Debug)]
enum Ev {
    Set,
    Clear,
    Zero,
    Moment,
    Begin,
    Poll(usize),
    Leave(usize),
}

fn ev_steps() -> impl Strategy<Value = Vec<Ev>> {
    let step = prop_oneof![
        2 => Just(Ev::Set),
        2 => Just(Ev::Clear),
        1 => MOMENTS.prop_map(|which| if which == 0 { Ev::Moment } else { Ev::Zero }),
        4 => Just(Ev::Begin),
        2 => any::<usize>().prop_map(Ev::Poll),
        2 => any::<usize>().prop_map(Ev::Leave),
    ];
    prop::collection::vec(step, 0..24)
}

fn run_event(steps: Vec<Ev>) {
    let event = Event::new();
    let mut is_set = false;
    let mut waits: Vec<Pending<'_, (), ()>> = Vec::new();
    for (id, step) in steps.into_iter().enumerate() {
        match step {
            Ev::Set => {
                event.set();
                is_set = true;
                waits.iter_mut().for_each(|wait| wait.end = Some(()));
            }
            Ev::Clear => {
                event.clear();
                is_set = false;
            }
            Ev::Zero => assert_eq!(event.wait_timeout(Duration::ZERO), is_set),
            Ev::Moment => assert_eq!(event.wait_timeout(MOMENT), is_set),
            Ev::Begin => match begin(id, event.wait_async()) {
                Ok(()) => assert!(is_set),
                Err(pending) => {
                    assert!(!is_set);
                    waits.push(pending);
                }
            },
            Ev::Poll(which) if !waits.is_empty() => {
                let at = which % waits.len();
                assert_eq!(waits[at].poll().is_ready(), waits[at].end.is_some());
                if waits[at].end.is_some() {
                    waits.swap_remove(at);
                }
            }
            Ev::Leave(which) if !waits.is_empty() => {
                waits.swap_remove(which % waits.len());
            }
            _ => {}
        }
        waits.iter().for_each(Pending::check);
        let waiting = waits.iter().filter(|wait| wait.end.is_none()).count();
        assert_eq!((event.is_set(), event.waiting()), (is_set, waiting));
    }
}

#[derive(Clone, Debug)]
enum Bar {
    Try,
    Zero,
    Moment,
    Begin,
    Poll(usize),
    Leave(usize),
    Abort,
    Reset,
}

fn bar_steps() -> impl Strategy<Value = Vec<Bar>> {
    let step = prop_oneof![
        2 => Just(Bar::Try),
        1 => MOMENTS.prop_map(|which| if which == 0 { Bar::Moment } else { Bar::Zero }),
        8 => Just(Bar::Begin),
        3 => any::<usize>().prop_map(Bar::Poll),
        2 => any::<usize>().prop_map(Bar::Leave),
        1 => Just(Bar::Abort),
        2 => Just(Bar::Reset),
    ];
    prop::collection::vec(step, 0..24)
}

/// Whether it led, or why it has not met the others.
type Met = Result<bool, BarrierError>;

struct BarModel {
    parties: usize,
    waiting: usize,
    is_broken: bool,
    rounds: usize,
}

impl BarModel {
    /// One comes who does not wait: what it is told.
    fn try_meet(&mut self, late: BarrierError) -> Met {
        if self.is_broken {
            Err(BarrierError::Broken)
        } else if self.waiting + 1 == self.parties {
            self.waiting = 0;
            self.rounds += 1;
            Ok(true)
        } else {
            Err(late)
        }
    }
}

fn run_barrier(parties: usize, steps: Vec<Bar>) {
    let actions = Arc::new(AtomicUsize::new(0));
    let acts = actions.clone();
    let barrier = Barrier::with_action(parties, move || {
        acts.fetch_add(1, SeqCst);
    });
    let mut model = BarModel {
        parties,
        waiting: 0,
        is_broken: false,
        rounds: 0,
    };
    let mut waits: Vec<Pending<'_, _, Met>> = Vec::new();
    let end_all = |waits: &mut Vec<Pending<'_, _, Met>>, end: Met| {
        for wait in waits {
            wait.end.get_or_insert(end);
        }
    };
    for (id, step) in steps.into_iter().enumerate() {
        match step {
            Bar::Try | Bar::Zero | Bar::Begin => {
                let (met, late) = match step {
                    Bar::Try => (Ok(barrier.try_wait()), BarrierError::NotNow),
                    Bar::Zero => (
                        Ok(barrier.wait_timeout(Duration::ZERO)),
                        BarrierError::TimedOut,
                    ),
                    _ => (begin(id, barrier.wait_async()), BarrierError::NotNow),
                };
                let expected = model.try_meet(late);
                if expected.is_ok() {
                    end_all(&mut waits, Ok(false));
                }
                match met {
                    Ok(met) => assert_eq!(met.map(|met| met.is_leader()), expected),
                    Err(pending) => {
                        assert_eq!(expected, Err(BarrierError::NotNow));
                        model.waiting += 1;
                        waits.push(pending);
                    }
                }
            }
            Bar::Moment => {
                let expected = model.try_meet(BarrierError::TimedOut);
                let met = barrier.wait_timeout(MOMENT);
                assert_eq!(met.map(|met| met.is_leader()), expected);
                match expected {
                    Ok(_) => end_all(&mut waits, Ok(false)),
                    Err(BarrierError::TimedOut) => {
                        // The moment may be over before the party has come.
                        while !barrier.is_broken() {
                            let late = barrier.wait_timeout(10 * MOMENT);
                            assert_eq!(late, Err(BarrierError::TimedOut));
                        }
                        (model.waiting, model.is_broken) = (0, true);
                        end_all(&mut waits, Err(BarrierError::Broken));
                    }
                    Err(_) => {}
                }
            }
            Bar::Poll(which) if !waits.is_empty() => {
                let at = which % waits.len();
                match (waits[at].poll(), waits[at].end) {
                    (Poll::Pending, None) => {}
                    (Poll::Ready(met), Some(end)) => {
                        assert_eq!(met.map(|met| met.is_leader()), end);
                        waits.swap_remove(at);
                    }
                    (polled, end) => panic!("{polled:?}, and not {end:?}"),
                }
            }
            Bar::Leave(which) if !waits.is_empty() => {
                let gone = waits.swap_remove(which % waits.len());
                // Dropped, it has not come.
                model.waiting -= usize::from(gone.end.is_none());
            }
            Bar::Abort => {
                barrier.abort();
                (model.waiting, model.is_broken) = (0, true);
                end_all(&mut waits, Err(BarrierError::Broken));
            }
            Bar::Reset => {
                barrier.reset();
                (model.waiting, model.is_broken) = (0, false);
                end_all(&mut waits, Err(BarrierError::Broken));
            }
            _ => {}
        }
        waits.iter().for_each(Pending::check);
        assert_eq!(barrier.waiting(), model.waiting);
        assert_eq!(barrier.is_broken(), model.is_broken);
        assert_eq!(actions.load(SeqCst), model.rounds);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_fast_semaphore_is_what_it_should_be(permits in 0..5_usize, more in 0..3_usize, steps in sem_steps()) {
        run_semaphore(false, permits, more, steps);
    }

    #[test]
    fn a_fair_semaphore_is_what_it_should_be(permits in 0..5_usize, more in 0..3_usize, steps in sem_steps()) {
        run_semaphore(true, permits, more, steps);
    }

    #[test]
    fn an_event_is_what_it_should_be(steps in ev_steps()) {
        run_event(steps);
    }

    #[test]
    fn a_barrier_is_what_it_should_be(parties in 1..5_usize, steps in bar_steps()) {
        run_barrier(parties, steps);
    }
}
