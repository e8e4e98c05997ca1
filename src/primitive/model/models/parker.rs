//! The parker: one token, one edge, two outcomes of a timed wait.

use super::*;

#[test]
fn what_precedes_unpark_is_seen_after_park() {
    Model::new("model::parker::what_precedes_unpark_is_seen_after_park")
        .unbounded()
        .check(|| {
            beside(
                Arc::new((Parker::new(), Payload::default())),
                |(parker, payload)| {
                    payload.write(1);
                    parker.unpark();
                },
                |(parker, payload)| {
                    parker.park();
                    assert_eq!(payload.read(), 1);
                },
            );
        });
}

#[test]
fn what_precedes_park_is_not_seen_by_the_waker() {
    must_fail(
        RACE,
        "model::parker::what_precedes_park_is_not_seen_by_the_waker",
        || {
            let shared = Arc::new((Parker::new(), Payload::default(), AtomicBool::new(false)));
            beside(
                shared,
                |(parker, payload, asleep)| {
                    let slept = asleep.load(Ordering::Relaxed);
                    parker.unpark();
                    if slept {
                        payload.read();
                    }
                },
                |(parker, payload, asleep)| {
                    payload.write(1);
                    asleep.store(true, Ordering::Relaxed);
                    parker.park();
                },
            );
        },
    );
}

#[test]
fn two_tokens_are_one() {
    must_fail(DEADLOCK, "model::parker::two_tokens_are_one", || {
        beside(
            Arc::new(Parker::new()),
            |parker| {
                parker.unpark();
                parker.unpark();
            },
            |parker| {
                parker.park();
                parker.park();
            },
        );
    });
}

#[test]
fn two_wakers_may_leave_a_token_for_the_next_wait() {
    Model::new("model::parker::two_wakers_never_lose_the_sleeper")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Parker::new(), AtomicUsize::new(0)));
            let wakers = [(); 2].map(|()| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    shared.1.fetch_add(1, Ordering::Release);
                    shared.0.unpark();
                })
            });
            while shared.1.load(Ordering::Acquire) < 2 {
                shared.0.park();
            }
            wakers.into_iter().for_each(join);
        });
}

#[test]
fn a_wake_up_before_the_look_is_lost_and_found() {
    must_fail(DEADLOCK, "model::parker::a_lost_wake_up_is_found", || {
        beside(
            Arc::new((Parker::new(), AtomicBool::new(false))),
            |(parker, asleep)| {
                if asleep.load(Ordering::Acquire) {
                    parker.unpark();
                }
            },
            |(parker, asleep)| {
                asleep.store(true, Ordering::Release);
                parker.park();
            },
        );
    });
}

fn timed(expect: bool) {
    beside(Arc::new(Parker::new()), Parker::unpark, move |parker| {
        let taken = parker.park_until(Some(now() + Duration::from_secs(1)));
        assert!(taken == expect, "the other outcome");
    });
}

#[test]
fn a_timed_park_has_both_outcomes() {
    for expect in [false, true] {
        must_fail("the other outcome", "model::parker::timed", move || {
            timed(expect)
        });
    }
}

#[test]
fn each_thread_has_a_parker_and_a_slot_of_its_own() {
    thread_slot!(static SLOT);
    Model::new("model::thread::each_thread_has_its_own")
        .unbounded()
        .check(|| {
            let mine = Parker::current();
            assert!(Arc::ptr_eq(&mine, &Parker::current()));
            SLOT.set((&raw const *mine).cast());
            let waker = spawn({
                let mine = Arc::clone(&mine);
                move || {
                    assert!(SLOT.get().is_null());
                    assert!(!Arc::ptr_eq(&mine, &Parker::current()));
                    mine.unpark();
                }
            });
            mine.park();
            assert_eq!(SLOT.get(), (&raw const *mine).cast());
            join(waker);
        });
    assert!(SLOT.get().is_null());
}
