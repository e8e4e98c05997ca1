//! The timer fires in order, once, and comes back after it has ended.

use super::*;
use std::sync::mpsc::{Receiver, Sender, channel};

struct Call<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Fire for Call<F> {
    fn fire(self: Arc<Self>) {
        (self.0)();
    }
}

fn call(f: impl Fn() + Send + Sync + 'static) -> Entry {
    Arc::new(Call(f))
}

fn send(to: &Sender<u64>, number: u64) -> Entry {
    let to = to.clone();
    call(move || _ = to.send(number))
}

const LONG: Duration = Duration::from_secs(20);

fn receive(from: &Receiver<u64>, n: usize) -> Vec<u64> {
    (0..n)
        .map(|_| from.recv_timeout(LONG).expect("it should fire"))
        .collect()
}

fn in_ms(ms: u64) -> Instant {
    now() + Duration::from_millis(ms)
}

#[test]
fn entries_fire_in_the_order_of_their_times_and_equals_in_the_order_of_age() {
    let (timer, (to, from)) = (Timer::with_idle(LONG), channel());
    let start = in_ms(30);
    for (number, ms) in [(3, 30), (1, 10), (4, 30), (0, 0), (2, 20)] {
        let at = start + Duration::from_millis(ms);
        timer.schedule(at, send(&to, number)).unwrap();
    }
    assert_eq!(receive(&from, 5), [0, 1, 2, 3, 4]);
    assert!(now() >= start + Duration::from_millis(30));
}

#[test]
fn an_earlier_entry_wakes_the_thread_out_of_a_longer_sleep() {
    let (timer, (to, from)) = (Timer::with_idle(LONG), channel());
    let late = timer.schedule(now() + 10 * LONG, send(&to, 1)).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    timer.schedule(in_ms(1), send(&to, 2)).unwrap();
    assert_eq!(receive(&from, 1), [2]);
    assert!(timer.cancel(late));
}

#[test]
fn a_cancelled_entry_does_not_fire_and_is_cancelled_once() {
    let (timer, (to, from)) = (Timer::with_idle(LONG), channel());
    let key = timer.schedule(in_ms(40), send(&to, 1)).unwrap();
    assert!(timer.cancel(key));
    assert!(!timer.cancel(key));
    let fired = timer.schedule(in_ms(50), send(&to, 2)).unwrap();
    assert_eq!(receive(&from, 1), [2]);
    assert!(!timer.cancel(fired));
    assert!(from.try_recv().is_err());
}

#[test]
fn the_thread_ends_when_idle_and_starts_again() {
    let (timer, (to, from)) = (Timer::with_idle(Duration::from_millis(5)), channel());
    for round in 0..3 {
        timer.schedule(now(), send(&to, round)).unwrap();
        assert_eq!(receive(&from, 1), [round]);
        let limit = now() + LONG;
        while timer.state.lock().running {
            assert!(now() < limit, "the idle thread did not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn schedules_racing_with_the_end_of_the_thread_all_fire() {
    let (timer, (to, from)) = (Timer::with_idle(Duration::from_micros(50)), channel());
    for round in 0..2_000 {
        timer.schedule(now(), send(&to, round)).unwrap();
        if round % 7 == 0 {
            std::thread::sleep(Duration::from_micros(40 + round % 60));
        }
    }
    assert_eq!(receive(&from, 2_000).len(), 2_000);
}

#[test]
fn many_entries_of_many_threads_fire_once_each() {
    let (timer, (to, from)) = (Timer::with_idle(LONG), channel());
    std::thread::scope(|s| {
        for part in 0..4_u64 {
            let (timer, to) = (&timer, to.clone());
            s.spawn(move || {
                for i in 0..2_500 {
                    let number = part * 2_500 + i;
                    timer
                        .schedule(in_ms(number % 13), send(&to, number))
                        .unwrap();
                }
            });
        }
    });
    let mut all = receive(&from, 10_000);
    all.sort_unstable();
    assert!(all.into_iter().eq(0..10_000));
    assert!(timer.state.lock().entries.is_empty());
}

#[test]
fn what_fires_may_schedule_and_cancel() {
    let (timer, (to, from)) = (Timer::with_idle(LONG), channel());
    let never = timer.schedule(now() + LONG, send(&to, 9)).unwrap();
    let (inner, sender) = (timer.clone(), to.clone());
    let again = call(move || {
        inner.cancel(never);
        inner.schedule(in_ms(1), send(&sender, 2)).unwrap();
        sender.send(1).unwrap();
    });
    timer.schedule(now(), again).unwrap();
    assert_eq!(receive(&from, 2), [1, 2]);
    assert!(!timer.cancel(never));
}

#[test]
fn a_panic_does_not_stop_the_others() {
    let (timer, (to, from)) = (Timer::with_idle(LONG), channel());
    timer
        .schedule(now(), call(|| panic!("in a timer")))
        .unwrap();
    timer.schedule(in_ms(1), send(&to, 1)).unwrap();
    assert_eq!(receive(&from, 1), [1]);
}

#[test]
fn the_process_has_a_timer() {
    let (to, from) = channel();
    let late = schedule(now() + LONG, send(&to, 9)).unwrap();
    schedule(in_ms(1), send(&to, 1)).unwrap();
    assert_eq!(receive(&from, 1), [1]);
    assert!(cancel(late));
}
