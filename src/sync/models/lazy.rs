//! Statics in a model: one value for each execution.

use super::*;
use crate::sync::{Mutex, lazy};

/// Fear: an execution sees what another did, or two threads get two values.
/// Must fail when: the value outlives its execution; it is made twice.
/// Bound: none, two threads.
#[test]
fn each_execution_has_a_value_of_its_own() {
    lazy! { static COUNT: (Mutex<u32>, Payload) = (Mutex::new(0), Payload::default()); }
    Model::new("sync::each_execution_has_a_value_of_its_own")
        .unbounded()
        .check(|| {
            let add = |_: &()| {
                let mut count = COUNT.0.lock();
                COUNT.1.add();
                *count += 1;
            };
            let other = spawn(&Arc::new(()), add);
            add(&());
            other.join().unwrap();
            assert_eq!(*COUNT.0.lock(), 2);
            assert_eq!(COUNT.1.read(), 2);
        });
}

/// Fear: an initialiser that panics leaves a static that nobody can use.
/// Must fail when: a failure wakes nobody.
/// Bound: none, two threads.
#[test]
fn a_static_whose_initialiser_panics_is_tried_again() {
    lazy! {
        static ATTEMPTS: Mutex<u32> = Mutex::new(0);
        static VALUE: u32 = {
            let mut attempts = ATTEMPTS.lock();
            *attempts += 1;
            assert!(*attempts > 1, "on purpose");
            *attempts
        };
    }
    Model::new("sync::a_static_whose_initialiser_panics_is_tried_again")
        .unbounded()
        .check(|| {
            let look = |_: &()| catch_unwind(|| *VALUE).is_ok();
            let other = spawn(&Arc::new(()), look);
            let saw = [look(&()), other.join().unwrap()];
            assert_eq!(saw.iter().filter(|saw| **saw).count(), 1);
            assert_eq!((*VALUE, *ATTEMPTS.lock()), (2, 2));
        });
}
