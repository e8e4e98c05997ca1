//! What the runner refuses, and how the backend behaves outside of models.
//!
//! Refusals that hang on the environment run in a child process: this test
//! program again, with one test and one variable.

use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use super::atomics::{AtomicUsize, Ordering};
use super::run::{Explored, Model};
use super::{
    Chute, Condvar, Injector, Mutex, Parker, Ring, Steal, UnsafeCell, catch_unwind, now, stacks,
    thread, thread_slot, unwind,
};

fn refuses(why: &str, check: impl FnOnce() -> Explored) {
    let payload = panic::catch_unwind(AssertUnwindSafe(check)).expect_err("it passed");
    let said = unwind::message(payload.as_ref());
    assert!(said.contains(why), "it failed, but with: {said}");
}

/// A model that must not pass, and so leaves no record.
fn doubtful(name: &'static str) -> Model {
    Model::new(name)
}

/// Two threads and one atomic each can see: a handful of executions.
fn small() {
    let count = Arc::new(AtomicUsize::new(0));
    let other = thread::spawn("other".to_owned(), None, {
        let count = Arc::clone(&count);
        move || count.fetch_add(1, Ordering::Relaxed)
    })
    .expect("a model always has a thread to give");
    count.fetch_add(1, Ordering::Relaxed);
    other.join().expect("it does not panic");
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn a_small_model_passes() {
    let explored = Model::new("runner::a_small_model_passes")
        .unbounded()
        .check(small);
    assert!(explored.executions > 1);
}

/// A thread's stack serves each execution anew: three for three threads,
/// however many executions there are. Without, models take three times as long.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
fn the_executions_of_a_model_share_its_stacks() {
    let explored = Model::new("runner::the_executions_of_a_model_share_its_stacks")
        .unbounded()
        .check(|| {
            assert!(stacks::asked_of_the_system() <= 3, "a stack was not reused");
            let third = thread::spawn("third".to_owned(), None, thread::yield_now);
            small();
            let third = third.expect("a model always has a thread to give");
            third.join().expect("it does not panic");
            assert_eq!(stacks::asked_of_the_system(), 3, "nobody counts the stacks");
        });
    assert!(explored.executions > 1);
    assert_eq!(
        stacks::asked_of_the_system(),
        0,
        "no exploration is under way"
    );
}

#[test]
fn a_single_execution_is_refused() {
    refuses("a single execution", || {
        doubtful("runner::single").unbounded().check(|| ())
    });
}

#[test]
fn a_model_without_a_bound_is_refused() {
    refuses("say `unbounded`", || {
        doubtful("runner::boundless").check(small)
    });
}

#[test]
fn a_panic_of_the_body_fails_the_test() {
    refuses("the body says no", || {
        doubtful("runner::panic")
            .unbounded()
            .check(|| panic!("the body says no"))
    });
}

#[test]
fn a_panic_that_nobody_joins_fails_the_test() {
    refuses("nobody joined", || {
        doubtful("runner::unjoined").unbounded().check(|| {
            let _ = thread::spawn("other".to_owned(), None, || panic!("unheard"));
        })
    });
}

#[test]
fn what_is_made_outside_is_refused_inside() {
    macro_rules! outside {
        ($make:expr, $use:expr) => {
            let outside = $make;
            refuses("made outside this model", move || {
                // Even where the user's code would swallow the panic.
                doubtful("runner::outside").unbounded().check(move || {
                    let _ = catch_unwind(|| $use(&outside));
                })
            });
        };
    }
    outside!(Mutex::new(()), |mutex: &Mutex<()>| drop(mutex.lock()));
    outside!(Mutex::new(()), |mutex: &Mutex<()>| drop(mutex.try_lock()));
    outside!(Condvar::new(), |condvar: &Condvar| condvar.notify_all());
    outside!(Parker::new(), |parker: &Parker| parker.unpark());
    outside!(Injector::new(), |injector: &Injector<u8>| injector.push(1));
    outside!(Ring::new(), |ring: &Ring<Box<u8>>| {
        let _ = ring.peek(0);
    });
}

#[test]
fn what_one_execution_made_is_refused_by_the_next() {
    static KEPT: std::sync::OnceLock<AtomicUsize> = std::sync::OnceLock::new();
    refuses("make it anew in each execution", || {
        doubtful("runner::kept").unbounded().check(|| {
            KEPT.get_or_init(|| AtomicUsize::new(0))
                .fetch_add(1, Ordering::Relaxed);
            small();
        })
    });
    let used = panic::catch_unwind(|| KEPT.get().map(|kept| kept.load(Ordering::Relaxed)));
    assert!(used.is_err(), "outside of models it is no use either");
}

/// In a child process with one variable set.
fn child(test: &str, variable: &str, value: &str) -> Output {
    Command::new(std::env::current_exe().expect("this program has a path"))
        .args([
            &format!("primitive::model::runner_tests::{test}"),
            "--exact",
            "--nocapture",
        ])
        .env(variable, value)
        .output()
        .expect("this program starts")
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn an_early_end_is_refused() {
    for variable in [
        "LOOM_MAX_PERMUTATIONS",
        "LOOM_MAX_DURATION",
        "LOOM_MAX_PREEMPTIONS",
        "LOOM_MAX_BRANCHES",
        "LOOM_CHECKPOINT_FILE",
    ] {
        let output = child("a_small_model_passes", variable, "1");
        assert!(!output.status.success(), "{variable} was accepted");
        assert!(
            text(&output).contains(&format!("{variable} is set")),
            "{}",
            text(&output)
        );
    }
}

#[test]
fn the_tier_is_checked_and_the_record_written() {
    let output = child("a_small_model_passes", "RADDLE_MODEL_TIER", "fulll");
    assert!(!output.status.success());
    assert!(text(&output).contains("not `fulll`"), "{}", text(&output));

    let record = std::env::temp_dir().join(format!("raddle-record-{}", std::process::id()));
    let path = record.to_str().expect("a plain name");
    let output = child("a_small_model_passes", "RADDLE_MODEL_RECORD", path);
    let written = std::fs::read_to_string(&record).unwrap_or_default();
    let _ = std::fs::remove_file(&record);
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        written.starts_with("runner::a_small_model_passes\tunbounded\t"),
        "{written}"
    );
    assert!(
        text(&output).contains("executions, complete"),
        "{}",
        text(&output)
    );
}

#[test]
fn outside_of_models_all_is_native() {
    static LOCK: Mutex<u32> = Mutex::new_static(0);
    static CHANGED: Condvar = Condvar::new_static();
    thread_slot!(static SLOT);

    let parker = Parker::current();
    let injector = Arc::new(Injector::new());
    let other = thread::spawn("other".to_owned(), Some(1 << 20), {
        let (parker, injector) = (Arc::clone(&parker), Arc::clone(&injector));
        move || {
            assert!(SLOT.get().is_null());
            injector.push(1);
            *LOCK.lock() = 1;
            CHANGED.notify_all();
            parker.unpark();
            assert!(catch_unwind(|| panic!("on purpose")).is_err());
        }
    })
    .expect("the system has a thread");
    SLOT.set((&raw const *parker).cast());

    let mut guard = LOCK.lock();
    assert!(LOCK.try_lock().is_none());
    while *guard == 0 {
        CHANGED.wait(&mut guard);
    }
    assert!(!CHANGED.wait_until(&mut guard, now() + Duration::from_millis(1)));
    drop(guard);
    parker.park();
    assert!(!parker.park_until(Some(now() + Duration::from_millis(1))));
    other.join().expect("it does not panic");

    (2..5).for_each(|item| injector.push(item));
    let (chute, mut kept) = (Chute::new(), vec![]);
    assert_eq!(
        injector.steal_batch(&chute, |item| kept.push(item)),
        Steal::Success(1)
    );
    assert_eq!(kept, [2]);
    let ring = Ring::new();
    assert_eq!(ring.view().capacity(), 64);
    // SAFETY: this thread is the owner, and the slot is empty.
    unsafe { ring.put(ring.view(), 1, Box::new(7)) };
    // SAFETY: as above.
    unsafe { ring.grow(1, 2) };
    assert_eq!(ring.view().capacity(), 128);
    // SAFETY: as above.
    let peeked = unsafe { ring.peek_own(ring.view(), 1) };
    // SAFETY: the item was put there, and is taken once.
    assert_eq!(*unsafe { ring.claim(peeked) }, 7);
    assert_eq!(UnsafeCell::new_static(3).into_inner(), 3);
    assert_eq!(AtomicUsize::new(4).fetch_max(9, Ordering::Relaxed), 4);
}
