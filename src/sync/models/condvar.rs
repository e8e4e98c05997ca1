//! The condition variable: notified, timed out, woken for no reason.

use super::*;
use crate::sync::{Condvar, Mutex};

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    payload: Payload,
}

impl Gate {
    fn open(&self) {
        let mut open = self.open.lock();
        self.payload.add();
        *open = true;
        self.changed.notify_one();
    }

    fn pass(&self) {
        let open = self.changed.wait_while(self.open.lock(), |open| !*open);
        assert!(*open, "it went through a closed gate");
        assert_eq!(self.payload.read(), 1);
    }
}

/// Fear: a waiter misses its notification, or takes a wake-up without a reason
/// for one.
/// Must fail when: the wait does not look again.
/// Bound: none, two threads; also with wake-ups for no reason.
#[test]
fn a_waiter_goes_on_when_the_gate_is_open_and_not_before() {
    Model::new("sync::a_waiter_goes_on_when_the_gate_is_open_and_not_before")
        .unbounded()
        .spurious()
        .check(|| {
            let gate = Arc::new(Gate::default());
            let other = spawn(&gate, Gate::open);
            gate.pass();
            other.join().unwrap();
        });
}

/// Fear: `notify_one` says that it woke somebody when nobody was there, or the
/// other way round.
/// Must fail when: what it returns is not the truth.
/// Bound: none, two threads.
#[test]
fn a_notification_knows_whether_it_woke_somebody() {
    Model::new("sync::a_notification_knows_whether_it_woke_somebody")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Mutex::new((false, false)), Condvar::new()));
            let other = spawn(&shared, |(state, changed)| {
                let mut state = state.lock();
                state.0 = true;
                let waits = state.1;
                assert_eq!(changed.notify_one(), waits);
                assert_eq!(changed.notify_all(), 0, "it was woken just now");
            });
            let mut state = shared.0.lock();
            if !state.0 {
                state.1 = true;
                state = shared.1.wait(state);
            }
            assert!(state.0);
            drop(state);
            other.join().unwrap();
        });
}

/// Fear: `notify_all` forgets one, or the two wait for each other's lock.
/// Must fail when: `notify_all` wakes one only.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn notify_all_wakes_all() {
    Model::new("sync::notify_all_wakes_all")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let shared = Arc::new((Mutex::new((false, 0)), Condvar::new()));
            let wait = |(state, changed): &(Mutex<(bool, usize)>, Condvar)| {
                let mut state = state.lock();
                state.1 += 1;
                drop(changed.wait_while(state, |state| !state.0));
            };
            let others = [spawn(&shared, wait), spawn(&shared, wait)];
            {
                let mut state = shared.0.lock();
                state.0 = true;
                let waiting = state.1;
                assert_eq!(shared.1.notify_all(), waiting);
            }
            others.into_iter().for_each(|other| other.join().unwrap());
        });
}

/// Fear: a timed wait says that its time is over although what it waited for
/// is there; or that it is not over, and nothing is there.
/// Must fail when: the wait does not look once more at its end.
/// Bound: none, two threads.
#[test]
fn a_timed_wait_tells_the_truth() {
    Model::new("sync::a_timed_wait_tells_the_truth")
        .unbounded()
        .spurious()
        .check(|| {
            let gate = Arc::new(Gate::default());
            let other = spawn(&gate, Gate::open);
            let guard = gate.open.lock();
            let (open, ended) = gate.changed.wait_timeout_while(guard, LIMIT, |open| !*open);
            assert_eq!(ended.timed_out(), !*open);
            if *open {
                assert_eq!(gate.payload.read(), 1);
            }
            drop(open);
            other.join().unwrap();
        });
}

/// Fear: a waiter whose time is over takes the notification with it, and the
/// other one sleeps on.
/// Must fail when: a timed wait that was notified says that it was not.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn a_timed_waiter_does_not_swallow_the_notification_of_another() {
    Model::new("sync::a_timed_waiter_does_not_swallow_the_notification_of_another")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let gate = Arc::new(Gate::default());
            let timed = spawn(&gate, |gate| {
                let (guard, ended) = gate.changed.wait_timeout(gate.open.lock(), LIMIT);
                drop(guard);
                if !ended.timed_out() {
                    gate.changed.notify_one();
                }
            });
            let other = spawn(&gate, Gate::pass);
            gate.open();
            other.join().unwrap();
            timed.join().unwrap();
        });
}
