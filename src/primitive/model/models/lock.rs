//! The mutex: handed over, tried, unlocked, unwound.

use super::*;

#[test]
fn the_data_of_a_mutex_are_handed_over() {
    Model::new("model::lock::the_data_of_a_mutex_are_handed_over")
        .unbounded()
        .check(|| {
            let shared = Arc::new((Mutex::new(0), Payload::default()));
            let add = |(count, payload): &(Mutex<u32>, Payload)| {
                let mut count = count.lock();
                payload.write(payload.read() + 1);
                *count += 1;
            };
            beside(Arc::clone(&shared), add, add);
            assert_eq!(*shared.0.lock(), 2);
            assert_eq!(shared.1.read(), 2);
        });
}

#[test]
fn a_failed_try_lock_is_explored() {
    must_fail(
        "it was taken",
        "model::lock::a_failed_try_lock_is_explored",
        || {
            beside(
                Arc::new(Mutex::new(())),
                |mutex| drop(mutex.lock()),
                |mutex| assert!(mutex.try_lock().is_some(), "it was taken"),
            );
        },
    );
}

#[test]
fn a_failed_try_lock_synchronises_nothing() {
    must_fail(
        RACE,
        "model::lock::a_failed_try_lock_synchronises_nothing",
        || {
            beside(
                Arc::new((Mutex::new(()), Payload::default())),
                |(mutex, payload)| {
                    payload.write(1);
                    drop(mutex.lock());
                },
                |(mutex, payload)| {
                    if mutex.try_lock().is_none() {
                        payload.read();
                    }
                },
            );
        },
    );
}

/// The step between the flag and the unlock: whoever sees the flag finds
/// the lock still taken.
#[test]
fn the_step_of_an_unlock_is_visible() {
    must_fail(
        "still taken",
        "model::lock::the_step_of_an_unlock_is_visible",
        || {
            beside(
                Arc::new((Mutex::new(()), AtomicBool::new(false))),
                |(mutex, done)| {
                    let guard = mutex.lock();
                    done.store(true, Ordering::Release);
                    drop(guard);
                },
                |(mutex, done)| {
                    if done.load(Ordering::Acquire) {
                        assert!(mutex.try_lock().is_some(), "still taken");
                    }
                },
            );
        },
    );
}

/// And it may be free again: the other outcome exists too.
#[test]
fn the_lock_may_be_free_after_the_flag() {
    must_fail(
        "free again",
        "model::lock::the_lock_may_be_free_after_the_flag",
        || {
            beside(
                Arc::new((Mutex::new(()), AtomicBool::new(false))),
                |(mutex, done)| {
                    let guard = mutex.lock();
                    done.store(true, Ordering::Release);
                    drop(guard);
                },
                |(mutex, done)| {
                    if done.load(Ordering::Acquire) {
                        assert!(mutex.try_lock().is_none(), "free again");
                    }
                },
            );
        },
    );
}

#[test]
fn unwinding_unlocks_and_does_not_poison() {
    Model::new("model::lock::unwinding_unlocks_and_does_not_poison")
        .unbounded()
        .check(|| {
            let shared = Arc::new(Mutex::new(0));
            let handle = spawn({
                let shared = Arc::clone(&shared);
                move || {
                    let mut guard = shared.lock();
                    *guard += 1;
                    panic!("on purpose");
                }
            });
            *shared.lock() += 1;
            assert!(!thread::panicking(), "that is the other thread");
            assert!(handle.join().is_err());
            assert_eq!(*shared.lock(), 2);
        });
}

#[test]
fn two_locks_in_two_orders_are_found() {
    must_fail(
        DEADLOCK,
        "model::lock::two_locks_in_two_orders_are_found",
        || {
            beside(
                Arc::new((Mutex::new(()), Mutex::new(()))),
                |(a, b)| {
                    let _a = a.lock();
                    let _b = b.lock();
                },
                |(a, b)| {
                    let _b = b.lock();
                    let _a = a.lock();
                },
            );
        },
    );
}
