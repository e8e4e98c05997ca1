//! What we fear for a thread that was called, where it takes a look at the word to
//! tell what has happened.

use super::*;
use crate::primitive::model::run::Model;

/// Fear: a thread that comes in vain is passed as if it had not come.
/// Must fail when: a look in vain counts for nothing.
/// Bound: none, two threads.
#[test]
fn who_came_in_vain_is_passed_no_more() {
    Model::new("sync::semaphore::who_came_in_vain_is_passed_no_more")
        .unbounded()
        .quick(3)
        .check(|| {
            // Two may pass, and one look in vain counts as more.
            let line = Arc::new(Line::new(1, 2));
            line.try_take(1).unwrap();
            let other = thread::spawn(String::from("other"), None, {
                let line = line.clone();
                move || line.take(1, Deadline::NEVER)
            });
            // ORDERING: Relaxed; an old value proves nothing, and nothing is
            // concluded from it.
            let stood_in_line = Word(line.word.load(Relaxed)).has_waiters();
            line.put(1);
            if line.try_take(1).is_ok() {
                // ORDERING: Relaxed, it is this thread that has set COMING.
                let is_coming = Word(line.word.load(Relaxed)).is_coming();
                let came_in_vain = stood_in_line && !is_coming;
                line.put(1);
                if line.try_take(1).is_ok() {
                    assert!(!came_in_vain, "passed again");
                    line.put(1);
                }
            }
            assert_eq!(other.unwrap().join().unwrap(), Ok(()));
            assert_eq!((line.free(), line.waiting()), (0, 0));
        });
}
