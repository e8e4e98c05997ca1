//! What we fear of `block_on`, and loom's answer.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::block_on;
use crate::primitive::atomic::AtomicBool;
use crate::primitive::atomic::Ordering::{Acquire, Release};
use crate::primitive::model::run::Model;
use crate::primitive::{Parker, UnsafeCell, thread};

struct Letter {
    text: UnsafeCell<u32>,
    is_due: AtomicBool,
}

// SAFETY: it is written before the wake-up, and read by the poll after it; that
// this is enough is what the model shows.
unsafe impl Sync for Letter {}

/// Fear: the future is woken while its own poll waits for something else, and
/// that wait takes the wake-up; or the next poll does not see what came before.
/// Must fail when: the parker's token is the only record of a wake-up; the
/// flag is not released.
/// Bound: none, two threads.
#[test]
fn a_wake_up_during_a_poll_that_blocks_is_not_lost() {
    Model::new("block_on::a_wake_up_during_a_poll_that_blocks_is_not_lost")
        .unbounded()
        .check(|| {
            let letter = Arc::new(Letter {
                text: UnsafeCell::new(0),
                is_due: AtomicBool::new(false),
            });
            let mut other = None;
            let text = block_on(poll_fn(|context| {
                if other.is_some() {
                    // SAFETY: we were woken, and the writer wakes after it.
                    return Poll::Ready(letter.text.with(|text| unsafe { *text }));
                }
                let (waker, parker) = (context.waker().clone(), Parker::current());
                let writer = Arc::clone(&letter);
                other = thread::spawn(String::from("writer"), None, move || {
                    // ORDERING: Release pairs with the load below.
                    writer.is_due.store(true, Release);
                    parker.unpark();
                    // SAFETY: the reader comes after the wake-up.
                    writer.text.with_mut(|text| unsafe { *text = 42 });
                    waker.wake();
                })
                .ok();
                // ORDERING: Acquire pairs with the store above.
                while !letter.is_due.load(Acquire) {
                    Parker::current().park();
                }
                Poll::Pending
            }));
            assert_eq!(text, 42);
            other.take().unwrap().join().unwrap();
        });
}
