//! The models of the barrier.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Letter, poll, start, with_letter};
use crate::primitive::atomic::{AtomicUsize, Ordering::Relaxed};
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

/// Fear: a future is dropped as the last party comes, which then waits, or
/// believes that they met while the barrier says that it is broken.
/// Must fail when: who leaves does not break the barrier.
/// Bound: none, two threads.
#[test]
fn a_dropped_future_racing_with_the_last_party_breaks_or_has_met() {
    Model::new("sync::barrier::a_dropped_future_racing_with_the_last_party_breaks_or_has_met")
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
            let met = other.join().unwrap();
            assert_eq!(met.is_ok(), !barrier.is_broken());
            barrier.reset();
            assert_eq!(barrier.waiting(), 0);
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
