//! The condition variable: notified, timed out, woken for no reason.

use super::*;

type Gate = (Mutex<bool>, Condvar);

fn gate() -> Arc<Gate> {
    Arc::new((Mutex::new(false), Condvar::new()))
}

fn open((open, changed): &Gate) {
    *open.lock() = true;
    changed.notify_one();
}

#[test]
fn a_notified_waiter_goes_on() {
    Model::new("model::condvar::a_notified_waiter_goes_on")
        .unbounded()
        .spurious()
        .check(|| {
            beside(gate(), open, |(open, changed)| {
                let mut guard = open.lock();
                while !*guard {
                    changed.wait(&mut guard);
                }
            });
        });
}

#[test]
fn notify_all_wakes_all_and_notify_one_only_one() {
    let all = |notify: fn(&Condvar) -> usize| {
        move || {
            let gate = gate();
            let waiters = [(); 2].map(|()| {
                let gate = Arc::clone(&gate);
                spawn(move || {
                    let mut guard = gate.0.lock();
                    while !*guard {
                        gate.1.wait(&mut guard);
                    }
                })
            });
            *gate.0.lock() = true;
            notify(&gate.1);
            waiters.into_iter().for_each(join);
        }
    };
    Model::new("model::condvar::notify_all_wakes_all")
        .preemptions(3)
        .quick(2)
        .check(all(Condvar::notify_all));
    must_fail(
        DEADLOCK,
        "model::condvar::notify_one_wakes_one",
        all(|condvar| condvar.notify_one().into()),
    );
}

#[test]
fn a_wake_up_that_comes_before_the_wait_is_lost_and_found() {
    must_fail(DEADLOCK, "model::condvar::a_lost_wake_up_is_found", || {
        beside(gate(), open, |(open, changed)| {
            if !*open.lock() {
                // Here the lock is free, and the notification comes.
                changed.wait(&mut open.lock());
            }
        });
    });
}

#[test]
fn waiting_without_a_loop_fails_only_with_spurious_wake_ups() {
    let body = || {
        beside(gate(), open, |(open, changed)| {
            let mut guard = open.lock();
            if !*guard {
                changed.wait(&mut guard);
            }
            assert!(*guard, "woken too early");
        });
    };
    let bare = Model::new("model::condvar::waiting_without_a_loop").unbounded();
    bare.check(body);
    fails("woken too early", || bare.spurious().check(body));
}

fn wait_once(expect: impl Fn(&mut MutexGuard<'_, bool>, bool) + Send + Sync + 'static) {
    let expect = Arc::new(expect);
    beside(gate(), open, move |(open, changed)| {
        let mut guard = open.lock();
        if !*guard {
            let at = now() + Duration::from_secs(1);
            let notified = changed.wait_until(&mut guard, at);
            expect(&mut guard, notified);
        }
    });
}

#[test]
fn a_timed_wait_may_time_out() {
    must_fail(
        "timed out",
        "model::condvar::a_timed_wait_may_time_out",
        || {
            wait_once(|_, notified| assert!(notified, "timed out"));
        },
    );
}

#[test]
fn a_timed_wait_may_be_notified() {
    must_fail(
        "notified",
        "model::condvar::a_timed_wait_may_be_notified",
        || {
            wait_once(|_, notified| assert!(!notified, "notified"));
        },
    );
}

#[test]
fn a_timed_wait_may_be_notified_without_a_preemption() {
    fails("notified", || {
        let name = "model::condvar::a_patient_wait";
        Model::new(name).preemptions(0).check(|| {
            wait_once(|_, notified| assert!(!notified, "notified"));
        })
    });
}

#[test]
fn a_timed_wait_may_time_out_although_the_gate_is_open() {
    must_fail("open", "model::condvar::timed_out_although_open", || {
        wait_once(|guard, notified| assert!(notified || !**guard, "open"));
    });
}

#[test]
fn a_notification_is_never_reported_as_a_time_out_forever() {
    Model::new("model::condvar::a_notified_timed_waiter_sees_the_gate")
        .unbounded()
        .check(|| {
            wait_once(|guard, notified| assert!(!notified || **guard));
        });
}
