//! Threads: whose panic is it, and who hears of it.

use super::*;

#[test]
fn a_panic_reaches_the_joiner() {
    Model::new("model::thread::a_panic_reaches_the_joiner")
        .unbounded()
        .check(|| {
            let done = Arc::new(AtomicBool::new(false));
            let handle = spawn({
                let done = Arc::clone(&done);
                move || {
                    done.store(true, Ordering::Release);
                    panic!("on purpose");
                }
            });
            done.load(Ordering::Relaxed);
            let payload = handle.join().expect_err("it panicked");
            assert!(done.load(Ordering::Relaxed));
            assert_eq!(unwind::message(payload.as_ref()), "on purpose");
        });
}

#[test]
fn catch_unwind_keeps_a_users_panic() {
    Model::new("model::unwind::catch_unwind_keeps_a_users_panic")
        .unbounded()
        .check(|| {
            beside(
                Arc::new(AtomicUsize::new(0)),
                |count| {
                    count.fetch_add(1, Ordering::Relaxed);
                    assert!(catch_unwind(|| panic!("on purpose")).is_err());
                    assert!(!thread::panicking());
                },
                |count| {
                    count.fetch_add(1, Ordering::Relaxed);
                },
            );
        });
}

#[test]
fn catch_unwind_lets_looms_panics_pass() {
    must_fail(
        DEADLOCK,
        "model::unwind::catch_unwind_lets_a_deadlock_pass",
        || {
            let parker = Arc::new(Parker::new());
            let handle = spawn({
                let parker = Arc::clone(&parker);
                move || catch_unwind(|| parker.park()).is_ok()
            });
            let _ = catch_unwind(|| handle.join());
        },
    );
    must_fail(RACE, "model::unwind::catch_unwind_lets_a_race_pass", || {
        beside(
            Arc::new(Payload::default()),
            |payload| payload.write(1),
            |payload| {
                let _ = catch_unwind(|| payload.write(2));
            },
        );
    });
    must_fail(
        "maximum number of branches",
        "model::unwind::endless_loop",
        || {
            beside(
                Arc::new(AtomicBool::new(false)),
                |flag| assert!(!flag.load(Ordering::Relaxed)),
                |flag| {
                    let _ = catch_unwind(|| {
                        while !flag.load(Ordering::Relaxed) {
                            thread::spin_hint();
                        }
                    });
                },
            );
        },
    );
}

/// A user may say what loom says; the place decides.
#[test]
fn destructors_work_after_loom_has_failed() {
    struct Counts(Arc<(Mutex<u32>, AtomicUsize, Parker)>);
    impl Drop for Counts {
        fn drop(&mut self) {
            *self.0.0.lock() += 1;
            self.0.1.fetch_add(1, Ordering::AcqRel);
            self.0.2.unpark();
        }
    }
    must_fail(
        DEADLOCK,
        "model::unwind::destructors_work_after_loom_has_failed",
        || {
            let shared = Arc::new((Mutex::new(0), AtomicUsize::new(0), Parker::new()));
            let _counts = Counts(Arc::clone(&shared));
            let handle = spawn(move || shared.1.load(Ordering::Acquire));
            Parker::new().park();
            join(handle);
        },
    );
}
