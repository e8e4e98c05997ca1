//! The mutex: exclusion, attempts, time limits, and what unlocking shows.

use super::*;
use crate::sync::{Mutex, MutexGuard, ReentrantMutex};

/// Fear: two hold the lock at once, or the second misses what the first wrote.
/// Must fail when: the door's lock or unlock orders less.
/// Bound: none, two threads.
#[test]
fn one_holds_it_and_the_next_sees_what_it_wrote() {
    Model::new("sync::one_holds_it_and_the_next_sees_what_it_wrote")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Mutex::new(0), Payload::default()));
            let add = |(count, payload): &(Mutex<u32>, Payload)| {
                let mut count = count.lock();
                payload.add();
                *count += 1;
            };
            let other = spawn(&shared, add);
            add(&shared);
            other.join().unwrap();
            assert_eq!(*shared.0.lock(), 2);
            assert_eq!(shared.1.read(), 2);
        });
}

/// Fear: with more than one asleep, an unlock forgets somebody.
/// Must fail when: the door's unlock wakes nobody.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn three_threads_all_get_their_turn() {
    Model::new("sync::three_threads_all_get_their_turn")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let shared = Arc::new((Mutex::new(()), Payload::default()));
            let add = |(mutex, payload): &(Mutex<()>, Payload)| {
                let _guard = mutex.lock();
                payload.add();
            };
            let others = [spawn(&shared, add), spawn(&shared, add)];
            add(&shared);
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(shared.1.read(), 3);
        });
}

/// Fear: an attempt gets in beside the holder.
/// Must fail when: `try_lock` does not exclude.
/// Bound: none, two threads.
#[test]
fn an_attempt_holds_the_lock_or_nothing() {
    Model::new("sync::an_attempt_holds_the_lock_or_nothing")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Mutex::new(0), Payload::default()));
            let attempt = |(mutex, payload): &(Mutex<u32>, Payload)| {
                if let Some(mut count) = mutex.try_lock() {
                    payload.add();
                    *count += 1;
                }
            };
            let other = spawn(&shared, attempt);
            attempt(&shared);
            other.join().unwrap();
            let count = *shared.0.lock();
            assert!((1..=2).contains(&count), "one at least found it free");
            assert_eq!(shared.1.read(), count);
        });
}

/// Fear: who gives up in time leaves the lock held, or broken for the next.
/// Must fail when: a timed lock reports a lock that it does not hold.
/// Bound: none, two threads.
#[test]
fn a_timed_lock_is_held_or_given_up_and_stays_whole() {
    Model::new("sync::a_timed_lock_is_held_or_given_up_and_stays_whole")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Mutex::new(0), Payload::default()));
            let other = spawn(&shared, |(mutex, payload)| {
                let in_time = mutex.lock_timeout(LIMIT).map(|mut count| {
                    payload.add();
                    *count += 1;
                });
                in_time.is_some()
            });
            {
                let mut count = shared.0.lock();
                shared.1.add();
                *count += 1;
            }
            let in_time = other.join().unwrap();
            assert_eq!(*shared.0.lock(), 1 + u32::from(in_time));
            assert_eq!(shared.1.read(), 1 + u32::from(in_time));
        });
}

/// Fear: the guard of a part unlocks too early, or never.
/// Must fail when: `map` drops the guard that it takes.
/// Bound: none, two threads.
#[test]
fn the_guard_of_a_part_holds_the_lock_to_its_end() {
    Model::new("sync::the_guard_of_a_part_holds_the_lock_to_its_end")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Mutex::new((0, 0)), Payload::default()));
            let add = |(mutex, payload): &(Mutex<(u32, u32)>, Payload)| {
                let mut part = MutexGuard::map(mutex.lock(), |pair| &mut pair.1);
                payload.add();
                *part += 1;
            };
            let other = spawn(&shared, add);
            add(&shared);
            other.join().unwrap();
            assert_eq!(*shared.0.lock(), (0, 2));
        });
}

/// Fear: the holder waits for itself, or lets another in before its last guard.
/// Must fail when: the door forgets who holds it, or unlocks with the first guard.
/// Bound: none, two threads.
#[test]
fn a_reentrant_lock_is_left_with_the_last_guard() {
    Model::new("sync::a_reentrant_lock_is_left_with_the_last_guard")
        .unbounded()
        .check(|| {
            let shared = Arc::new((ReentrantMutex::new(()), Payload::default()));
            let add = |(mutex, payload): &(ReentrantMutex<()>, Payload)| {
                let first = mutex.lock();
                let second = mutex.try_lock();
                assert!(second.is_some(), "it is ours");
                drop(first);
                payload.add();
                drop(second);
            };
            let other = spawn(&shared, add);
            add(&shared);
            other.join().unwrap();
            assert_eq!(shared.1.read(), 2);
        });
}
