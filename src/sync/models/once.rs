//! Values that are set once: stampedes, failures, and who waits.

use super::*;
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::unmodelled::AtomicU32;
use crate::sync::OnceLock;

/// A value whose parts only loom keeps together.
#[derive(Default)]
struct Value(Payload);

impl Value {
    fn made() -> Self {
        let value = Self::default();
        value.0.add();
        value
    }

    fn check(&self) {
        assert_eq!(self.0.read(), 1, "half a value");
    }
}

#[derive(Default)]
struct Once {
    value: OnceLock<Value>,
    made: AtomicU32,
}

impl Once {
    fn use_it(&self) {
        let value = self.value.get_or_init(|| {
            self.made.fetch_add(1, Relaxed);
            Value::made()
        });
        value.check();
    }
}

/// Fear: two initialisers run, or somebody gets half a value.
/// Must fail when: who gets its turn does not look again; READY is released or
/// acquired less.
/// Bound: none, two threads.
#[test]
fn of_two_one_initialises_and_both_see_the_whole() {
    Model::new("sync::of_two_one_initialises_and_both_see_the_whole")
        .unbounded()
        .spurious()
        .check(|| {
            let once = Arc::new(Once::default());
            let other = spawn(&once, Once::use_it);
            once.use_it();
            other.join().unwrap();
            assert_eq!(once.made.load(Relaxed), 1);
        });
}

/// Fear: with two asleep, the end of the initialiser wakes one only.
/// Must fail when: the end wakes nobody.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn of_three_one_initialises_and_all_go_on() {
    Model::new("sync::of_three_one_initialises_and_all_go_on")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let once = Arc::new(Once::default());
            let others = [spawn(&once, Once::use_it), spawn(&once, Once::use_it)];
            once.use_it();
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(once.made.load(Relaxed), 1);
        });
}

/// Fear: a look without waiting finds half a value.
/// Must fail when: READY is released or acquired less.
/// Bound: none, two threads.
#[test]
fn who_only_looks_finds_nothing_or_the_whole() {
    Model::new("sync::who_only_looks_finds_nothing_or_the_whole")
        .unbounded()
        .check(|| {
            let once = Arc::new(Once::default());
            let other = spawn(&once, Once::use_it);
            if let Some(value) = once.value.get() {
                value.check();
            }
            other.join().unwrap();
        });
}

/// Fear: an initialiser fails, and who waited for it sleeps on, or takes the
/// failure for a value.
/// Must fail when: a failure wakes nobody.
/// Bound: none, two threads.
#[test]
fn after_a_failure_the_next_one_initialises() {
    Model::new("sync::after_a_failure_the_next_one_initialises")
        .unbounded()
        .check(|| {
            let once = Arc::new(Once::default());
            let other = spawn(&once, |once| {
                // It finds a value that was made before, or fails.
                let _ = catch_unwind(|| {
                    (once.value.get_or_init(|| panic!("on purpose"))).check();
                });
            });
            once.use_it();
            other.join().unwrap();
            assert_eq!(once.made.load(Relaxed), 1);
        });
}

/// Fear: who waits for a value that others set is not woken.
/// Must fail when: setting wakes nobody; READY is released or acquired less.
/// Bound: none, two threads; also with wake-ups for no reason.
#[test]
fn who_waits_for_a_value_gets_it() {
    Model::new("sync::who_waits_for_a_value_gets_it")
        .unbounded()
        .spurious()
        .check(|| {
            let once = Arc::new(Once::default());
            let other = spawn(&once, |once| assert!(once.value.set(Value::made()).is_ok()));
            once.value.wait().check();
            other.join().unwrap();
        });
}

/// Fear: a timed wait ends with half a value, or keeps the one who sets it.
/// Must fail when: READY is released or acquired less.
/// Bound: none, two threads.
#[test]
fn a_timed_wait_for_a_value_set_once_gets_it_or_gives_up() {
    Model::new("sync::a_timed_wait_for_a_value_set_once_gets_it_or_gives_up")
        .unbounded()
        .check(|| {
            let once = Arc::new(Once::default());
            let other = spawn(&once, |once| assert!(once.value.set(Value::made()).is_ok()));
            if let Some(value) = once.value.wait_timeout(LIMIT) {
                value.check();
            }
            other.join().unwrap();
            assert!(once.value.get().is_some());
        });
}
