//! What we fear of whoever looks at a running task.

use std::sync::Arc;

use super::super::running::Running;
use crate::primitive::UnsafeCell;
use crate::primitive::model::run::Model;
use crate::primitive::thread;
use crate::task::Watch;

/// A frame as `Running` sees it: an address, and something at it that is gone
/// when the frame ends.
struct Frame(UnsafeCell<bool>);

struct Shared {
    running: Running,
    frame: Frame,
}

// SAFETY: the frame is written before it begins and after it has ended, and
// read by who looks in between; that this is enough is what the model shows.
unsafe impl Sync for Shared {}

/// Fear: a frame ends while somebody looks at it.
/// Must fail when: the end does not wait for the look; the frame is not
/// released to the look, or the look not to the end.
/// Bound: none, two threads.
#[test]
fn a_frame_does_not_end_while_it_is_looked_at() {
    Model::new("running::a_frame_does_not_end_while_it_is_looked_at")
        .unbounded()
        .quick(3)
        .check(|| {
            let shared = Arc::new(Shared {
                running: Running::new(),
                frame: Frame(UnsafeCell::new(false)),
            });
            let runner = thread::spawn(String::from("runner"), None, {
                let shared = Arc::clone(&shared);
                move || {
                    let alive = |alive: bool| {
                        // SAFETY: nobody looks at a frame that is not the top one.
                        shared.frame.0.with_mut(|frame| unsafe { *frame = alive });
                    };
                    alive(true);
                    let before = shared.running.begins((&raw const shared.frame).cast());
                    assert!(before.0.is_null());
                    shared.running.ends(before.0);
                    alive(false);
                }
            });
            shared.running.look_at(|frame| {
                let frame: *const Frame = frame.cast();
                // SAFETY: the address is the frame's, which is looked at.
                let frame = unsafe { &*frame };
                // SAFETY: the runner cannot leave the frame now.
                frame.0.with(|frame| assert!(unsafe { *frame }));
            });
            runner.unwrap().join().unwrap();
            assert!(!shared.running.is_busy());
        });
}

/// Fear: a shutdown asks what runs to stop, and misses a task that begins.
/// Must fail when: the beginning does not look for the flag.
/// Bound: none, two threads.
#[test]
fn a_task_that_begins_during_a_kill_is_asked_to_stop() {
    Model::new("running::a_task_that_begins_during_a_kill_is_asked_to_stop")
        .unbounded()
        .check(|| {
            let running = Arc::new(Running::new());
            let frame = 64;
            let runner = thread::spawn(String::from("runner"), None, {
                let running = Arc::clone(&running);
                move || {
                    let (before, asked) = running.begins(std::ptr::without_provenance(frame));
                    (before.is_null(), asked)
                }
            });
            running.cancel_all();
            let mut seen = false;
            running.look_at(|_| seen = true);
            let (is_first, asked) = runner.unwrap().join().unwrap();
            assert!(is_first);
            assert!(asked || seen, "nobody has asked it");
            assert!(running.is_busy());
        });
}
