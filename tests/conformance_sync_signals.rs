//! What semaphore, event, latch and barrier must do: rows C161, C162 and C182
//! to C207; the faults K02, K03 and K08 to K11; F19 for their timed calls.

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{CountWaker, Gate, pool, until, watch};
use raddle::sync::{
    AcquireError, Barrier, BarrierError, Event, Latch, Permit, PopError, Queue, Semaphore,
};
use raddle::{block_on, block_on_timeout};

const SHORT: Duration = Duration::from_millis(20);

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn both_modes(body: impl Fn(fn(usize) -> Semaphore) + Send + 'static) {
    watch(move || {
        body(Semaphore::new);
        body(Semaphore::fair);
    });
}

#[test]
fn c161_set_wakes_all_and_a_timed_wait_tells_the_truth() {
    watch(|| {
        let event = Event::new();
        let began = Instant::now();
        assert!(!event.wait_timeout(SHORT));
        assert!(began.elapsed() >= SHORT, "never before its limit");
        assert!(!event.try_wait());
        thread::scope(|s| {
            let waits = [(); 4].map(|()| s.spawn(|| event.wait_timeout(Duration::MAX)));
            let polls = [(); 4].map(|()| s.spawn(|| block_on(event.wait_async())));
            until(|| event.waiting() == 8);
            event.set();
            assert!(waits.into_iter().all(|wait| wait.join().unwrap()));
            polls.into_iter().for_each(|wait| wait.join().unwrap());
        });
        assert!(event.wait_timeout(Duration::ZERO));
        assert!(event.wait_deadline(Instant::now()));
        assert!(event.try_wait());
        event.clear();
        assert!(!event.try_wait());
    });
}

#[test]
fn c162_set_and_clear_release_all_who_are_present() {
    watch(|| {
        for _ in 0..100 {
            let event = Event::new();
            thread::scope(|s| {
                for _ in 0..3 {
                    s.spawn(|| event.wait());
                    s.spawn(|| block_on(event.wait_async()));
                }
                until(|| event.waiting() == 6);
                event.set();
                event.clear();
            });
            assert!(!event.is_set());
        }
    });
}

#[test]
fn c182_permits_are_conserved_and_n_releases_wake_n() {
    both_modes(|make| {
        let seats = make(4);
        let inside = AtomicUsize::new(0);
        thread::scope(|s| {
            for number in 0..8 {
                let (seats, inside) = (&seats, &inside);
                s.spawn(move || {
                    for _ in 0..200 {
                        let seat = match number % 2 {
                            0 => seats.acquire(),
                            _ => block_on(seats.acquire_async()),
                        };
                        assert!(inside.fetch_add(1, SeqCst) < 4);
                        inside.fetch_sub(1, SeqCst);
                        drop(seat.unwrap());
                    }
                });
            }
        });
        assert_eq!((seats.available(), seats.waiting()), (4, 0));

        let all = seats.acquire_many(4).unwrap();
        let gate = Gate::new();
        thread::scope(|s| {
            for _ in 0..5 {
                s.spawn(|| {
                    let _seat = seats.acquire().unwrap();
                    gate.wait();
                });
            }
            until(|| seats.waiting() == 5);
            drop(all);
            until(|| seats.waiting() == 1);
            assert_eq!(seats.available(), 0);
            gate.open();
        });
    });
}

#[test]
fn c183_a_timed_acquire_ends_in_time_and_not_before() {
    both_modes(|make| {
        let seats = make(1);
        let seat = seats.acquire_timeout(Duration::ZERO).unwrap();
        let began = Instant::now();
        let late = seats.acquire_timeout(SHORT).unwrap_err();
        assert_eq!(late, AcquireError::TimedOut);
        assert!(began.elapsed() >= SHORT);
        let late = seats.acquire_deadline(began + 2 * SHORT).unwrap_err();
        assert_eq!(late, AcquireError::TimedOut);
        assert!(began.elapsed() >= 2 * SHORT);
        drop(seat);
        assert!(seats.acquire_timeout(SHORT).is_ok());
    });
}

#[test]
fn c184_a_release_too_many_is_refused() {
    both_modes(|make| {
        let seats = make(2);
        let refused = seats.add_permits(1).unwrap_err();
        assert_eq!(refused.room(), 0);
        assert!(refused.to_string().contains("given back twice"));
        let seat = seats.acquire().unwrap();
        assert!(seats.add_permits(1).is_err(), "held permits count");
        seat.forget();
        seats.add_permits(1).unwrap();
        assert_eq!(seats.available(), 2);
    });
}

#[test]
fn c185_a_timed_acquire_of_many_takes_all_or_none() {
    both_modes(|make| {
        let seats = make(3);
        let seat = seats.acquire().unwrap();
        let late = seats.acquire_many_timeout(3, SHORT).unwrap_err();
        assert_eq!(late, AcquireError::TimedOut);
        assert_eq!((seats.available(), seats.waiting()), (2, 0));
        drop(seat);
        assert_eq!(seats.acquire_many_timeout(3, SHORT).unwrap().count(), 3);
    });
}

#[test]
fn c186_permits_are_drained_and_reduced_also_those_that_are_held() {
    both_modes(|make| {
        let seats = make(5);
        let seat = seats.acquire().unwrap();
        let rest = seats.drain().unwrap();
        assert_eq!((rest.count(), seats.available()), (4, 0));
        assert!(seats.drain().is_none());
        // To reduce below what is free is to wait for what is held.
        let mut reduce = seats.acquire_many_async(5);
        assert!(poll(&mut reduce).is_pending());
        drop((seat, rest));
        block_on(reduce).unwrap().forget();
        assert_eq!(seats.forget_permits(1), 0);
        seats.add_permits(5).unwrap();
        assert_eq!(seats.forget_permits(9), 5);
        assert_eq!(seats.available(), 0);
    });
}

#[test]
fn c187_adding_none_or_too_many_is_refused() {
    let seats = Semaphore::new(1).up_to(3);
    assert!(seats.add_permits(0).is_err());
    assert_eq!(seats.add_permits(3).unwrap_err().room(), 2);
    assert_eq!(seats.add_permits(usize::MAX).unwrap_err().room(), 2);
    seats.add_permits(2).unwrap();
    assert_eq!(seats.available(), 3);
}

#[test]
fn c189_the_greatest_number_of_permits_is_accepted_and_no_more() {
    common::quiet();
    let max = Semaphore::PERMITS_MAX;
    let seats = Semaphore::new(max);
    let all = seats.acquire_many(max).unwrap();
    assert_eq!((all.count(), seats.available()), (max, 0));
    drop(all);
    assert!(seats.add_permits(1).is_err());
    assert_eq!(seats.available(), max);
    let asked = max + 1;
    let refused = seats.try_acquire_many(asked).unwrap_err();
    assert_eq!(refused, AcquireError::Impossible { asked, max });
}

#[test]
#[should_panic(expected = "PERMITS_MAX")]
fn c189_one_permit_too_many_is_refused() {
    let _ = Semaphore::new(Semaphore::PERMITS_MAX + 1);
}

#[test]
fn c190_close_ends_every_wait() {
    both_modes(|make| {
        let seats = make(1);
        let seat = seats.acquire().unwrap();
        thread::scope(|s| {
            let waits = [(); 3].map(|()| s.spawn(|| seats.acquire().map(drop)));
            let timed = s.spawn(|| seats.acquire_timeout(Duration::MAX).map(drop));
            let polls = [(); 3].map(|()| s.spawn(|| block_on(seats.acquire_async()).map(drop)));
            until(|| seats.waiting() == 7);
            assert!(seats.close());
            for wait in waits.into_iter().chain(polls).chain([timed]) {
                assert_eq!(wait.join().unwrap(), Err(AcquireError::Closed));
            }
        });
        assert!(seats.is_closed() && !seats.close());
        drop(seat);
        assert_eq!(seats.available(), 1);
        assert_eq!(seats.try_acquire().unwrap_err(), AcquireError::Closed);
    });
}

// C192 (concurrent cancel, concurrent close, release during acquire): models
// `a_dropped_future_hands_its_permit_on`, `a_close_racing_with_..` and
// `two_releases_at_once_..` in src/sync/semaphore/models.rs.

#[test]
fn c193_a_future_dropped_after_it_was_given_passes_the_permit_on() {
    both_modes(|make| {
        let seats = make(1);
        let seat = seats.acquire().unwrap();
        let (mut first, mut second) = (seats.acquire_async(), seats.acquire_async());
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        drop(seat);
        assert!(poll(&mut second).is_pending(), "the first was given it");
        drop(first);
        assert!(matches!(poll(&mut second), Poll::Ready(Ok(_))));
        drop(second);
        assert_eq!(seats.available(), 1);
    });
}

#[test]
fn c195_a_release_racing_with_drops_loses_nothing() {
    both_modes(|make| {
        for _ in 0..200 {
            let seats = make(1);
            let seat = seats.acquire().unwrap();
            let mut waits = [(); 4].map(|()| seats.acquire_async());
            assert!(waits.iter_mut().all(|wait| poll(wait).is_pending()));
            thread::scope(|s| {
                s.spawn(|| drop(seat));
                s.spawn(|| drop(waits));
                s.spawn(|| drop(seats.acquire().unwrap()));
            });
            assert_eq!((seats.available(), seats.waiting()), (1, 0));
        }
    });
}

#[test]
fn c197_a_signal_taken_by_one_who_leaves_reaches_the_next() {
    both_modes(|make| {
        // What is signalled is a permit that is made.
        let signals = make(0).up_to(10);
        thread::scope(|s| {
            let mut leaves = signals.acquire_async();
            assert!(poll(&mut leaves).is_pending());
            let waits = s.spawn(|| signals.acquire().map(|signal| signal.forget()));
            until(|| signals.waiting() == 2);
            signals.add_permits(1).unwrap();
            drop(leaves);
            assert_eq!(waits.join().unwrap(), Ok(()));
        });
    });
}

#[test]
fn c198_ten_rounds_have_one_leader_each() {
    watch(|| {
        let (barrier, leaders) = (Barrier::new(5), AtomicUsize::new(0));
        thread::scope(|s| {
            for number in 0..5 {
                let (barrier, leaders) = (&barrier, &leaders);
                s.spawn(move || {
                    for round in 0..10 {
                        let met = match number % 2 {
                            0 => barrier.wait(),
                            _ => block_on(barrier.wait_async()),
                        };
                        leaders.fetch_add(usize::from(met.unwrap().is_leader()), SeqCst);
                        barrier.wait_timeout(Duration::MAX).unwrap();
                        assert_eq!(leaders.load(SeqCst), round + 1);
                        barrier.wait_timeout(Duration::MAX).unwrap();
                    }
                });
            }
        });
        assert!(!barrier.is_broken());
    });
}

/// A barrier for so many, whose action panics while the number is not 0.
fn with_panics(parties: usize, panics: usize) -> (Arc<Barrier>, Arc<AtomicUsize>) {
    let left = Arc::new(AtomicUsize::new(panics));
    let counts = left.clone();
    let barrier = Barrier::with_action(parties, move || {
        let is_left = |left: usize| left.checked_sub(1);
        if counts.fetch_update(SeqCst, SeqCst, is_left).is_ok() {
            panic!("the action fails on purpose");
        }
    });
    (Arc::new(barrier), left)
}

#[test]
fn c199_the_action_runs_once_before_the_release_and_its_panic_breaks() {
    watch(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        let counts = runs.clone();
        let barrier = Barrier::with_action(3, move || {
            counts.fetch_add(1, SeqCst);
        });
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    barrier.wait().unwrap();
                    assert_eq!(runs.load(SeqCst), 1);
                });
            }
        });

        let (barrier, _) = with_panics(2, 1);
        let mut other = barrier.wait_async();
        assert!(poll(&mut other).is_pending());
        let panicked = catch_unwind(AssertUnwindSafe(|| barrier.wait()));
        assert!(panicked.is_err(), "the panic goes on in the leader");
        assert_eq!(block_on(other), Err(BarrierError::Broken));
        assert!(barrier.is_broken());
    });
}

#[test]
fn c200_one_time_limit_breaks_all_the_others() {
    watch(|| {
        let barrier = Barrier::new(4);
        thread::scope(|s| {
            let waits = s.spawn(|| barrier.wait());
            let polls = s.spawn(|| block_on(barrier.wait_async()));
            until(|| barrier.waiting() == 2);
            let late = barrier.wait_timeout(SHORT);
            assert_eq!(late, Err(BarrierError::TimedOut));
            assert_eq!(waits.join().unwrap(), Err(BarrierError::Broken));
            assert_eq!(polls.join().unwrap(), Err(BarrierError::Broken));
        });
        assert_eq!(barrier.wait(), Err(BarrierError::Broken));
        assert_eq!(barrier.waiting(), 0);
    });
}

#[test]
fn c202_reset_repairs_after_a_panicking_action() {
    watch(|| {
        let (barrier, left) = with_panics(1, 1);
        assert!(catch_unwind(AssertUnwindSafe(|| barrier.wait())).is_err());
        assert_eq!(left.load(SeqCst), 0);
        assert_eq!(barrier.wait(), Err(BarrierError::Broken));
        barrier.reset();
        assert!(barrier.wait().unwrap().is_leader());
    });
}

#[test]
fn c203_abort_then_reset_with_the_same_threads() {
    watch(|| {
        let barrier = Barrier::new(3);
        let (told, tells) = channel();
        let is_reset = Gate::new();
        thread::scope(|s| {
            let barrier = &barrier;
            for _ in 0..2 {
                let (told, is_reset) = (told.clone(), is_reset.clone());
                s.spawn(move || {
                    told.send(barrier.wait()).unwrap();
                    is_reset.wait();
                    told.send(barrier.wait()).unwrap();
                });
            }
            until(|| barrier.waiting() == 2);
            barrier.abort();
            for _ in 0..2 {
                assert_eq!(tells.recv().unwrap(), Err(BarrierError::Broken));
            }
            barrier.reset();
            is_reset.open();
            assert!(barrier.wait().is_ok());
            assert!(tells.recv().unwrap().is_ok() && tells.recv().unwrap().is_ok());
        });
    });
}

#[test]
fn c205_a_latch_opens_at_zero_and_is_never_negative() {
    watch(|| {
        let latch = Latch::new(3);
        assert!(!latch.wait_timeout(SHORT));
        thread::scope(|s| {
            let waits = s.spawn(|| {
                latch.wait();
                latch.count()
            });
            let polls = s.spawn(|| {
                block_on(latch.wait_async());
                latch.count()
            });
            until(|| latch.waiting() == 2);
            assert_eq!((latch.count_down(), latch.count_down()), (2, 1));
            assert_eq!(latch.waiting(), 2, "not before zero");
            assert!(!latch.try_wait());
            latch.count_down();
            assert_eq!((waits.join().unwrap(), polls.join().unwrap()), (0, 0));
        });
        assert_eq!(
            (latch.count_down(), latch.count_down_by(9), latch.count()),
            (0, 0, 0)
        );
        assert!(latch.wait_timeout(Duration::ZERO) && latch.try_wait());
        assert!(latch.add(1).is_err());
        assert!(Latch::new(0).is_open());
        assert!(Latch::new(1).add(usize::MAX).is_err(), "no overflow");
    });
}

#[test]
fn c206_a_signal_before_the_wait_is_remembered_once() {
    both_modes(|make| {
        let token = make(0).up_to(1);
        token.add_permits(1).unwrap();
        assert!(token.add_permits(1).is_err(), "once");
        token.acquire().unwrap().forget();
        assert!(token.acquire_timeout(Duration::ZERO).is_err());
        assert!(token.acquire_deadline(Instant::now() - SHORT).is_err());
        let began = Instant::now();
        assert!(token.acquire_timeout(SHORT).is_err());
        assert!(began.elapsed() >= SHORT);
    });
}

#[test]
fn c207_of_a_hundred_who_wait_each_is_woken_once() {
    both_modes(|make| {
        let seats = make(0).up_to(100);
        let mut waits: Vec<_> = (0..100)
            .map(|_| (CountWaker::new(), seats.acquire_async()))
            .collect();
        for ((_, waker), wait) in &mut waits {
            assert!((Pin::new(wait).poll(&mut Context::from_waker(waker))).is_pending());
        }
        let woken = |waits: &Vec<((Arc<CountWaker>, Waker), _)>| -> Vec<usize> {
            waits.iter().map(|((wakes, _), _)| wakes.count()).collect()
        };
        for single in 1..=50 {
            seats.add_permits(1).unwrap();
            let expected: Vec<usize> = (0..100).map(|n| usize::from(n < single)).collect();
            assert_eq!(woken(&waits), expected);
        }
        seats.add_permits(50).unwrap();
        assert_eq!(woken(&waits), [1; 100]);
        for (_, wait) in &mut waits {
            assert!(matches!(poll(wait), Poll::Ready(Ok(_))));
        }
        assert_eq!(seats.available(), 100);
    });
}

#[test]
fn k02_no_permit_goes_with_a_waiter_that_gives_up() {
    both_modes(|make| {
        let seats = make(2);
        thread::scope(|s| {
            for number in 0..6 {
                let seats = &seats;
                s.spawn(move || {
                    for round in 0..300_u64 {
                        let limit = Duration::from_micros(round % 50);
                        match number % 3 {
                            0 => drop(seats.acquire_timeout(limit)),
                            1 => drop(block_on_timeout(seats.acquire_many_async(2), limit)),
                            _ => drop(seats.acquire().unwrap()),
                        }
                    }
                });
            }
        });
        assert_eq!((seats.available(), seats.waiting()), (2, 0));
    });
}

#[test]
fn k03_a_set_for_all_does_not_swallow_a_signal_for_one() {
    watch(|| {
        // For one: a permit, an item. For all: a close, a set.
        for seats in [Semaphore::new(0).up_to(1), Semaphore::fair(0).up_to(1)] {
            let (mut first, mut second) = (seats.acquire_async(), seats.acquire_async());
            assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
            seats.add_permits(1).unwrap();
            seats.close();
            let Poll::Ready(first) = poll(&mut first) else {
                unreachable!("it was given a permit")
            };
            assert_eq!(first.unwrap().count(), 1);
            let closed = Poll::Ready(Err(AcquireError::Closed));
            assert_eq!(poll(&mut second).map(|ended| ended.map(drop)), closed);
            assert_eq!((seats.available(), seats.waiting()), (1, 0));
        }
        let queue = Queue::bounded(1);
        let (mut first, mut second) = (queue.pop_async(), queue.pop_async());
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        queue.push(7).unwrap();
        queue.close();
        // The item is promised: the end comes after it, for both.
        assert!(poll(&mut second).is_pending());
        assert_eq!(poll(&mut first), Poll::Ready(Ok(7)));
        assert_eq!(poll(&mut second), Poll::Ready(Err(PopError::Closed)));
        // Taken back at once, it was for all who were there, and for none later.
        let event = Event::new();
        let mut before = [event.wait_async(), event.wait_async()];
        assert!(before.iter_mut().all(|one| poll(one).is_pending()));
        event.set();
        event.clear();
        let mut later = event.wait_async();
        assert!(poll(&mut later).is_pending());
        assert!(before.iter_mut().all(|one| poll(one).is_ready()));
        assert!(poll(&mut later).is_pending());
    });
}

/// A thread that was only called has not been given anything yet: the close may be
/// faster, and then the permit is left.
#[test]
fn k03_a_close_takes_no_permit_from_a_thread() {
    both_modes(|make| {
        for _ in 0..300 {
            let seats = make(0).up_to(1);
            thread::scope(|s| {
                let threads = [(); 2].map(|()| s.spawn(|| seats.acquire().map(Permit::forget)));
                until(|| seats.waiting() == 2);
                seats.add_permits(1).unwrap();
                seats.close();
                let got = threads.map(|other| other.join().unwrap().is_ok());
                let got: usize = got.iter().map(|got| usize::from(*got)).sum();
                assert_eq!(got + seats.available(), 1);
                assert!(!seats.is_fair() || got == 1);
            });
        }
    });
}

#[test]
fn k08_what_can_never_be_had_is_refused_at_once() {
    both_modes(|make| {
        let seats = make(2);
        for asked in [0, 3, usize::MAX] {
            let never = AcquireError::Impossible { asked, max: 2 };
            assert_eq!(seats.acquire_many(asked).unwrap_err(), never);
            assert_eq!(seats.try_acquire_many(asked).unwrap_err(), never);
            assert_eq!(
                block_on(seats.acquire_many_async(asked)).unwrap_err(),
                never
            );
            let late = seats.acquire_many_timeout(asked, Duration::MAX);
            assert_eq!(late.unwrap_err(), never);
        }
        assert_eq!(seats.available(), 2);
    });
}

#[test]
fn k09_a_big_request_is_not_starved_by_small_ones() {
    both_modes(|make| {
        let seats = make(4);
        let done = Gate::new();
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    while !done.is_open() {
                        drop(seats.acquire().unwrap());
                    }
                });
            }
            for _ in 0..20 {
                drop(seats.acquire_many(4).unwrap());
            }
            done.open();
        });
        assert_eq!(seats.available(), 4);
    });
}

#[test]
fn k10_a_broken_round_says_nothing_to_the_next() {
    watch(|| {
        let barrier = Barrier::new(3);
        let mut old = [barrier.wait_async(), barrier.wait_async()];
        assert!(old.iter_mut().all(|wait| poll(wait).is_pending()));
        barrier.reset();
        // Half drained: one of the old round has not heard of it yet.
        let [first, second] = old;
        assert_eq!(block_on(first), Err(BarrierError::Broken));
        let mut new = [barrier.wait_async(), barrier.wait_async()];
        assert!(new.iter_mut().all(|wait| poll(wait).is_pending()));
        assert_eq!(block_on(second), Err(BarrierError::Broken));
        assert!(barrier.wait().unwrap().is_leader());
        for wait in new {
            assert!(!block_on(wait).unwrap().is_leader());
        }
    });
}

#[test]
fn k11_a_spurious_wake_up_is_no_signal() {
    watch(|| {
        let (event, latch, barrier) = (Event::new(), Latch::new(1), Barrier::new(2));
        let seats = Semaphore::new(1);
        let seat = seats.acquire().unwrap();
        let mut waits = (event.wait_async(), latch.wait_async());
        let mut more = (barrier.wait_async(), seats.acquire_async());
        for _ in 0..3 {
            assert!(poll(&mut waits.0).is_pending() && poll(&mut waits.1).is_pending());
            assert!(poll(&mut more.0).is_pending() && poll(&mut more.1).is_pending());
        }
        drop(more.1);
        // A thread's token of an earlier wait is left: the waits look again.
        for _ in 0..50 {
            let late = block_on_timeout(seats.acquire_async(), Duration::from_micros(50));
            assert!(late.is_err());
            assert!(seats.acquire_timeout(Duration::from_micros(50)).is_err());
            assert!(!event.wait_timeout(Duration::from_micros(50)));
        }
        drop(seat);
    });
}

#[test]
fn f19_no_limit_overflows_and_none_ends_early() {
    watch(|| {
        let now = Instant::now();
        let past = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let short = [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_millis(5),
        ];
        let seats = Semaphore::new(1);
        let seat = seats.acquire().unwrap();
        let (event, latch) = (Event::new(), Latch::new(1));
        for limit in short {
            let began = Instant::now();
            assert_eq!(
                seats.acquire_timeout(limit).unwrap_err(),
                AcquireError::TimedOut
            );
            assert!(seats.acquire_many_timeout(1, limit).is_err());
            assert!(!event.wait_timeout(limit) && !latch.wait_timeout(limit));
            let barrier = Barrier::new(2);
            assert_eq!(barrier.wait_timeout(limit), Err(BarrierError::TimedOut));
            // One nanosecond may have passed before the party has come.
            let joined = limit.as_millis() > 0;
            assert!(!joined || barrier.is_broken());
            assert!(!limit.is_zero() || !barrier.is_broken());
            assert!(began.elapsed() >= 5 * limit, "none before its limit");
        }
        let barrier = Barrier::new(2);
        for at in [past, now] {
            assert_eq!(
                seats.acquire_deadline(at).unwrap_err(),
                AcquireError::TimedOut
            );
            assert!(seats.acquire_many_deadline(1, at).is_err());
            assert!(!event.wait_deadline(at) && !latch.wait_deadline(at));
            assert_eq!(barrier.wait_deadline(at), Err(BarrierError::TimedOut));
            assert!(!barrier.is_broken(), "a past deadline breaks nothing");
        }
        // For ever, until it comes.
        thread::scope(|s| {
            s.spawn(|| drop(seats.acquire_timeout(Duration::MAX).unwrap()));
            s.spawn(|| assert!(event.wait_timeout(Duration::MAX)));
            s.spawn(|| assert!(latch.wait_timeout(Duration::MAX)));
            s.spawn(|| barrier.wait_timeout(Duration::MAX).unwrap());
            until(|| seats.waiting() + event.waiting() + latch.waiting() + barrier.waiting() == 4);
            drop(seat);
            event.set();
            latch.count_down();
            barrier.wait().unwrap();
        });
        // What can be had is had, however late it is.
        assert!(
            seats.acquire_deadline(past).is_ok() && seats.acquire_timeout(Duration::ZERO).is_ok()
        );
        assert!(event.wait_deadline(past) && latch.wait_deadline(past));
        assert!(Barrier::new(1).wait_deadline(past).is_ok());
    });
}

#[test]
fn a_wait_on_a_worker_lets_a_spare_take_its_place() {
    watch(|| {
        let pool = pool(1);
        let seats = Arc::new(Semaphore::new(0).up_to(1));
        let barrier = Arc::new(Barrier::new(2));
        let (event, latch) = (Arc::new(Event::new()), Arc::new(Latch::new(1)));
        let waits = pool.submit({
            let (seats, event, latch, barrier) =
                (seats.clone(), event.clone(), latch.clone(), barrier.clone());
            move || {
                seats.acquire().unwrap().forget();
                event.wait();
                latch.wait();
                barrier.wait().is_ok()
            }
        });
        let signals = pool.submit(move || {
            seats.add_permits(1).unwrap();
            event.set();
            latch.count_down();
            barrier.wait().is_ok()
        });
        assert!(signals.result().unwrap() && waits.result().unwrap());
    });
}
