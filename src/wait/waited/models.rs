//! What we fear of one who leaves without what it waited for. The sync objects
//! have models of their own; this is about what they all have in common.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::*;
use crate::primitive::UnsafeCell;
use crate::primitive::model::run::Model;
use crate::primitive::thread;

/// As a barrier's: who leaves releases all others, and nothing else does.
struct Gate {
    queue: WaitQueue<(), ()>,
    is_open: bool,
}

impl Waited for Gate {
    type Need = ();
    type Gift = ();

    fn queue(&mut self) -> &mut WaitQueue<(), ()> {
        &mut self.queue
    }

    fn take(&mut self, (): &()) -> Option<()> {
        self.is_open.then_some(())
    }

    fn leave(&mut self, ticket: Ticket, _: Leaves, wakes: &mut Wakes) -> Option<Sleeper> {
        let (_, sleeper) = self.queue.leave(ticket);
        self.is_open = true;
        while !self.queue.is_empty() {
            wakes.add(self.queue.give_first(()));
        }
        sleeper
    }
}

/// The gate, and what is written before it opens.
struct Yard(Mutex<Gate>, UnsafeCell<u32>);

// SAFETY: the cell is written before the gate opens and read afterwards; that
// this is enough is what the models show.
unsafe impl Sync for Yard {}

/// One waits at the gate until the other has left, by `leaves`.
fn one_leaves(leaves: fn(&Mutex<Gate>)) {
    let gate = Gate {
        queue: WaitQueue::new(),
        is_open: false,
    };
    let yard = Arc::new(Yard(Mutex::new(gate), UnsafeCell::new(0)));
    let other = thread::spawn(String::from("other"), None, {
        let yard = yard.clone();
        move || {
            let through = wait(&yard.0, (), Deadline::NEVER, "a gate");
            assert_eq!(through, Some(()));
            // SAFETY: see `Yard`.
            yard.1.with(|cell| assert_eq!(unsafe { *cell }, 42));
        }
    });
    // SAFETY: see `Yard`.
    yard.1.with_mut(|cell| unsafe { *cell = 42 });
    leaves(&yard.0);
    other.unwrap().join().unwrap();
    assert!(yard.0.lock().queue.is_empty());
}

/// Fear: a thread whose time is up releases others, and wakes none of them.
/// Must fail when: who gives up does not wake whom it releases.
/// Bound: none, two threads.
#[test]
fn who_gives_up_wakes_whom_it_releases() {
    Model::new("wait::who_gives_up_wakes_whom_it_releases")
        .unbounded()
        .check(|| {
            one_leaves(|gate| {
                let soon = Deadline::after(Duration::from_secs(1));
                assert_eq!(wait(gate, (), soon, "a gate"), None);
            });
        });
}

/// Fear: a future that is dropped releases others, and wakes none of them.
/// Must fail when: a dropped future does not wake whom it releases.
/// Bound: none, two threads.
#[test]
fn a_dropped_future_wakes_whom_it_releases() {
    Model::new("wait::a_dropped_future_wakes_whom_it_releases")
        .unbounded()
        .check(|| {
            one_leaves(|gate| {
                let mut future = Waiting::new(gate, ());
                let mut context = Context::from_waker(Waker::noop());
                assert!(Pin::new(&mut future).poll(&mut context).is_pending());
            });
        });
}
