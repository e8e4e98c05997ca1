//! The models of the barrier.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{LIMIT, Letter, poll, start, with_letter};
use crate::primitive::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::primitive::catch_unwind;
use crate::primitive::model::run::Model;
use crate::sync::{Barrier, BarrierError};
use crate::wait::block_on;

/// Fear: who goes on does not see what the others did; two lead, or nobody does;
/// a party of one round is counted in the next.
/// Must fail when: the leader frees one too few.
/// Bound: none, two threads.
#[test]
fn a_thread_and_a_future_meet_twice() {
    Model::new("sync::barrier::a_thread_and_a_future_meet_twice")
        .unbounded()
        .check(|| {
            let shared = with_letter((Barrier::new(2), Letter::new()));
            let other = start({
                let shared = shared.clone();
                move || {
                    let (barrier, answer) = &shared.0;
                    let first = block_on(barrier.wait_async()).unwrap();
                    shared.1.read();
                    answer.write();
                    let second = block_on(barrier.wait_async()).unwrap();
                    [first.is_leader(), second.is_leader()]
                }
            });
            let (barrier, answer) = &shared.0;
            shared.1.write();
            let first = barrier.wait().unwrap().is_leader();
            let second = barrier.wait().unwrap().is_leader();
            answer.read();
            assert_eq!(other.join().unwrap(), [!first, !second]);
            assert_eq!(barrier.waiting(), 0);
        });
}

/// Fear: three meet, and one is not told.
/// Must fail when: the leader frees one too few.
/// Bound: 3 preemptions, three threads.
#[test]
fn three_meet_and_one_leads() {
    Model::new("sync::barrier::three_meet_and_one_leads")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let count = Arc::new(AtomicUsize::new(0));
            let acts = count.clone();
            let barrier = Arc::new(Barrier::with_action(3, move || {
                acts.fetch_add(1, Relaxed);
            }));
            let others = [(); 2].map(|()| {
                let (barrier, count) = (barrier.clone(), count.clone());
                start(move || {
                    let met = barrier.wait().unwrap();
                    assert_eq!(count.load(Relaxed), 1, "the action has run");
                    usize::from(met.is_leader())
                })
            });
            let met = block_on(barrier.wait_async()).unwrap();
            assert_eq!(count.load(Relaxed), 1, "the action has run");
            let leaders = others.map(|other| other.join().unwrap());
            assert_eq!(
                leaders.iter().sum::<usize>() + usize::from(met.is_leader()),
                1
            );
        });
}

/// Fear: a party's time is up as the other comes: one goes on, and the other
/// waits for ever or believes that they met.
/// Must fail when: who leaves does not break the barrier.
/// Bound: none, two threads.
#[test]
fn a_time_limit_racing_with_the_last_party_is_told_to_both() {
    Model::new("sync::barrier::a_time_limit_racing_with_the_last_party_is_told_to_both")
        .unbounded()
        .check(|| {
            let barrier = Arc::new(Barrier::new(2));
            let other = start({
                let barrier = barrier.clone();
                move || barrier.wait_timeout(Duration::from_secs(3600))
            });
            let mine = barrier.wait();
            match other.join().unwrap() {
                Ok(theirs) => assert_eq!(mine.unwrap().is_leader(), !theirs.is_leader()),
                Err(error) => {
                    assert_eq!(error, BarrierError::TimedOut);
                    assert_eq!(mine.unwrap_err(), BarrierError::Broken);
                    assert!(barrier.is_broken());
                }
            }
        });
}

/// Fear: a future is dropped as the last party comes, which then waits for it, or
/// is told that the barrier broke.
/// Must fail when: a dropped future breaks the barrier.
/// Bound: none, two threads.
#[test]
fn a_dropped_future_racing_with_the_last_party_has_not_come_or_has_met() {
    Model::new(
        "sync::barrier::a_dropped_future_racing_with_the_last_party_has_not_come_or_has_met",
    )
    .unbounded()
    .check(|| {
        let barrier = Arc::new(Barrier::new(2));
        let mut leaves = barrier.wait_async();
        assert!(poll(&mut leaves).is_pending());
        let other = start({
            let barrier = barrier.clone();
            move || barrier.wait()
        });
        drop(leaves);
        let mut again = barrier.wait_async();
        let _ = poll(&mut again);
        assert!(
            other.join().unwrap().is_ok(),
            "it has met the one or the other"
        );
        drop(again);
        assert_eq!((barrier.waiting(), barrier.is_broken()), (0, false));
    });
}

/// Fear: while the leader frees its round, the time of one who waits for the next
/// is up, and this breaks the round for which all have come.
/// Must fail when: who leaves the next round breaks the one that is led.
/// Bound: none, two threads.
#[test]
fn a_time_limit_in_the_next_round_leaves_the_full_one_alone() {
    Model::new("sync::barrier::a_time_limit_in_the_next_round_leaves_the_full_one_alone")
        .unbounded()
        .check(|| {
            let barrier = Arc::new(Barrier::new(2));
            let mut first = barrier.wait_async();
            assert!(poll(&mut first).is_pending());
            let other = start({
                let barrier = barrier.clone();
                move || barrier.wait_timeout(LIMIT)
            });
            // One of the two meets the first, the other one is alone.
            let mine = barrier.wait_timeout(LIMIT);
            let theirs = other.join().unwrap();
            assert_eq!(block_on(first).map(|met| met.is_leader()), Ok(false));
            let (met, alone) = if mine.is_ok() {
                (mine, theirs)
            } else {
                (theirs, mine)
            };
            assert_eq!(met.map(|met| met.is_leader()), Ok(true));
            assert_eq!(alone, Err(BarrierError::TimedOut));
            assert!(barrier.is_broken());
        });
}

/// Fear: while the leader frees its round, the next one fills: nobody leads it.
/// Must fail when: a full round is not given a leader when the one before ends.
/// Bound: none, two threads.
#[test]
fn a_round_that_fills_while_another_is_led_has_a_leader() {
    Model::new("sync::barrier::a_round_that_fills_while_another_is_led_has_a_leader")
        .unbounded()
        .check(|| {
            let barrier = Arc::new(Barrier::new(2));
            let [mut first, mut second, mut third] = [(); 3].map(|()| barrier.wait_async());
            assert!(poll(&mut first).is_pending());
            let other = start({
                let barrier = barrier.clone();
                move || barrier.wait()
            });
            let early = [poll(&mut second), poll(&mut third)];
            let [second, third] =
                [(early[0], second), (early[1], third)].map(|(told, rest)| match told {
                    Poll::Ready(met) => met,
                    Poll::Pending => block_on(rest),
                });
            let met = [block_on(first), second, third, other.join().unwrap()];
            let leaders = met.map(|met| usize::from(met.unwrap().is_leader()));
            assert_eq!(leaders.iter().sum::<usize>(), 2);
            assert_eq!(barrier.waiting(), 0);
        });
}

/// Fear: the one who was given the lead of a full round is dropped, and the others
/// wait for it, and all who come.
/// Must fail when: a lead is dropped with its future.
/// Bound: none, two threads.
#[test]
fn a_lead_that_is_dropped_goes_to_another() {
    Model::new("sync::barrier::a_lead_that_is_dropped_goes_to_another")
        .unbounded()
        .check(|| {
            let barrier = Arc::new(Barrier::new(2));
            let [mut first, mut second, mut third] = [(); 3].map(|()| barrier.wait_async());
            assert!(poll(&mut first).is_pending());
            let other = start({
                let barrier = barrier.clone();
                move || barrier.wait()
            });
            let led = poll(&mut second).is_ready();
            let is_pending = poll(&mut third).is_pending();
            drop(second);
            assert!(other.join().unwrap().is_ok());
            if !led && is_pending && poll(&mut third).is_pending() {
                // The second had not come, says the barrier: so another may.
                assert!(barrier.wait().unwrap().is_leader());
            }
            assert!(block_on(first).is_ok());
            assert_eq!((barrier.waiting(), barrier.is_broken()), (0, false));
        });
}

/// Fear: the action panics, and those who have come wait for ever.
/// Must fail when: a panic of the action breaks nothing.
/// Bound: none, two threads.
#[test]
fn an_action_that_panics_ends_the_wait_of_all() {
    Model::new("sync::barrier::an_action_that_panics_ends_the_wait_of_all")
        .unbounded()
        .check(|| {
            let barrier = Arc::new(Barrier::with_action(2, || panic!("on purpose")));
            let leads = |barrier: &Barrier| catch_unwind(|| block_on(barrier.wait_async())).ok();
            let other = start({
                let barrier = barrier.clone();
                move || leads(&barrier)
            });
            let told = [leads(&barrier), other.join().unwrap()];
            assert!(told.contains(&None), "one has led");
            assert!(told.contains(&Some(Err(BarrierError::Broken))));
            assert!(barrier.is_broken());
        });
}

/// Fear: an abort comes as parties come, and one of them sleeps for ever.
/// Must fail when: a break tells one only; who breaks forgets those who come.
/// Bound: 3 preemptions, three threads.
#[test]
fn an_abort_racing_with_parties_that_come_ends_their_wait() {
    Model::new("sync::barrier::an_abort_racing_with_parties_that_come_ends_their_wait")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let barrier = Arc::new(Barrier::new(3));
            let thread = start({
                let barrier = barrier.clone();
                move || barrier.wait()
            });
            let future = start({
                let barrier = barrier.clone();
                move || block_on(barrier.wait_async())
            });
            barrier.abort();
            assert_eq!(thread.join().unwrap(), Err(BarrierError::Broken));
            assert_eq!(future.join().unwrap(), Err(BarrierError::Broken));
            assert!(barrier.is_broken());
        });
}

/// Fear: a reset comes while the leader is about to free its round; it then
/// frees those of the next one, of whom not all have come.
/// Must fail when: a leader frees a round that is not its own.
/// Bound: none, two threads.
#[test]
fn a_reset_racing_with_the_leader_frees_nobody_of_the_next_round() {
    Model::new("sync::barrier::a_reset_racing_with_the_leader_frees_nobody_of_the_next_round")
        .unbounded()
        .check(|| {
            let barrier = Arc::new(Barrier::new(2));
            let mut first = barrier.wait_async();
            assert!(poll(&mut first).is_pending());
            let other = start({
                let barrier = barrier.clone();
                move || barrier.wait()
            });
            barrier.reset();
            let mut next = barrier.wait_async();
            let mut met = poll(&mut next).is_ready();
            if !met {
                // Nobody else will come.
                barrier.abort();
            }
            let theirs = other.join().unwrap();
            let is_met = |polled| matches!(polled, Poll::Ready(Ok(_)));
            met = met || is_met(poll(&mut next));
            let was_first = is_met(poll(&mut first));
            assert_eq!(theirs.is_ok(), was_first || met, "it has met somebody");
        });
}
