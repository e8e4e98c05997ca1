//! Lock and condition in one: updates against waits.

use super::*;
use crate::sync::Condition;

/// Fear: an update between the question and the sleep is missed; or who waits
/// does not see all of it.
/// Must fail when: an update does not notify, or notifies before it changes.
/// Bound: none, two threads; also with wake-ups for no reason.
#[test]
fn an_update_reaches_who_waits_for_it() {
    Model::new("sync::an_update_reaches_who_waits_for_it")
        .unbounded()
        .spurious()
        .check(|| {
            let shared = Arc::new((Condition::new(0), Payload::default()));
            let other = spawn(&shared, |(value, payload)| {
                value.update(|value| *value = 1);
                value.update(|value| {
                    payload.add();
                    *value = 2;
                });
            });
            let guard = shared.0.wait_for(|value| *value == 2);
            assert_eq!((*guard, shared.1.read()), (2, 1));
            drop(guard);
            other.join().unwrap();
        });
}

/// Fear: an update wakes one who cannot use it, and not the one who can.
/// Must fail when: an update wakes one only.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn an_update_reaches_all_who_wait() {
    Model::new("sync::an_update_reaches_all_who_wait")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let value = Arc::new(Condition::new(0));
            let others = [1, 2].map(|wanted| {
                spawn(&value, move |value| {
                    drop(value.wait_for(|value| *value >= wanted));
                })
            });
            value.update(|value| *value = 2);
            others.into_iter().for_each(|other| other.join().unwrap());
        });
}

/// Fear: an update panics after its change, and nobody hears of the change.
/// Must fail when: who unwinds does not notify.
/// Bound: none, two threads.
#[test]
fn an_update_that_panics_reaches_who_waits() {
    Model::new("sync::an_update_that_panics_reaches_who_waits")
        .unbounded()
        .check(|| {
            let value = Arc::new(Condition::new(0));
            let other = spawn(&value, |value| {
                let outcome = catch_unwind(|| {
                    value.update(|value| {
                        *value = 1;
                        panic!("on purpose");
                    })
                });
                assert!(outcome.is_err());
            });
            assert_eq!(*value.wait_for(|value| *value == 1), 1);
            other.join().unwrap();
        });
}

/// Fear: a timed wait gives up although the value is as asked.
/// Must fail when: it does not look once more at its end.
/// Bound: none, two threads.
#[test]
fn a_timed_wait_for_a_value_tells_the_truth() {
    Model::new("sync::a_timed_wait_for_a_value_tells_the_truth")
        .unbounded()
        .check(|| {
            let value = Arc::new(Condition::new(0));
            let other = spawn(&value, |value| value.update(|value| *value = 1));
            let mut guard = value.lock();
            let holds = guard.wait_for_timeout(LIMIT, |value| *value == 1);
            assert_eq!(holds, *guard == 1);
            drop(guard);
            if let Some(guard) = value.wait_for_timeout(LIMIT, |value| *value == 1) {
                assert_eq!(*guard, 1);
            }
            other.join().unwrap();
        });
}
