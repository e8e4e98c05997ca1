//! The promise: a task that waits for another one of its pool helps with what that
//! one has forked, and with nothing else.

mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{pool, until, watch};

#[test]
fn a_waiter_helps_with_the_loop_of_what_it_waits_for_and_with_no_stranger() {
    watch(|| {
        let pool = Arc::new(pool(2));
        let inner = pool.clone();
        let waiter = pool.submit(move || {
            let me = thread::current().id();
            let waits = Arc::new(AtomicBool::new(true));
            let done = Arc::new(AtomicUsize::new(0));
            let helpers = Arc::new(Mutex::new(HashSet::new()));
            let (own, counts, notes) = (inner.clone(), done.clone(), helpers.clone());
            let long = inner.submit(move || {
                own.par_for(0..100, |_| {
                    thread::sleep(Duration::from_millis(1));
                    notes.lock().unwrap().insert(thread::current().id());
                    counts.fetch_add(1, SeqCst);
                });
            });
            // By then it has forked: there is something to help with.
            until(|| done.load(SeqCst) > 4);
            let strangers = inner.submit_many((0..50).map(|_| {
                let waits = waits.clone();
                move || {
                    let on_top = thread::current().id() == me && waits.load(SeqCst);
                    thread::sleep(Duration::from_millis(1));
                    on_top
                }
            }));
            long.result().unwrap();
            waits.store(false, SeqCst);
            drop(inner);
            let helped = helpers.lock().unwrap().contains(&me);
            (helped, strangers)
        });
        let (helped, strangers) = waiter.result().unwrap();
        assert!(helped, "the waiter has slept beside a loop of 100 ms");
        for stranger in strangers {
            assert!(
                !stranger.result().unwrap(),
                "a stranger on top of the waiter"
            );
        }
    });
}

/// A future has not ended when its poll has, and what its thread forks then is a
/// stranger's: so its waiter helps with nothing.
#[test]
fn a_waiter_of_a_future_helps_with_no_poll() {
    watch(|| {
        let pool = Arc::new(pool(2));
        let inner = pool.clone();
        let waiter = pool.submit(move || {
            let me = thread::current().id();
            let done = Arc::new(AtomicUsize::new(0));
            let helpers = Arc::new(Mutex::new(HashSet::new()));
            let (own, counts, notes) = (inner.clone(), done.clone(), helpers.clone());
            let long = inner.spawn_async(async move {
                own.par_for(0..100, |_| {
                    thread::sleep(Duration::from_millis(1));
                    notes.lock().unwrap().insert(thread::current().id());
                    counts.fetch_add(1, SeqCst);
                });
            });
            until(|| done.load(SeqCst) > 4);
            long.result().unwrap();
            drop(inner);
            helpers.lock().unwrap().contains(&me)
        });
        assert!(!waiter.result().unwrap(), "it has helped with a poll");
    });
}

/// What a waiter helps with may fork the process, and return in the child: there the
/// wait is refused.
#[cfg(unix)]
#[test]
fn a_waiter_whose_help_has_forked_is_refused_in_the_child() {
    const IN_CHILD: usize = usize::MAX;
    let pool = Arc::new(pool(2));
    let inner = pool.clone();
    let pid = Arc::new(AtomicUsize::new(0));
    let tells = pid.clone();
    let waiter = pool.submit(move || {
        let me = thread::current().id();
        let done = Arc::new(AtomicUsize::new(0));
        let (own, counts, knows) = (inner.clone(), done.clone(), tells.clone());
        let long = inner.submit(move || {
            own.par_for(0..200, |_| {
                thread::sleep(Duration::from_millis(2));
                if thread::current().id() == me && tells.load(SeqCst) == 0 {
                    // SAFETY: the child leaves by `_exit`, and does nothing before but
                    // to wait in vain.
                    match unsafe { libc::fork() } {
                        0 => tells.store(IN_CHILD, SeqCst),
                        child => tells.store(child as usize, SeqCst),
                    }
                }
                counts.fetch_add(1, SeqCst);
            });
        });
        until(|| done.load(SeqCst) > 4);
        let result = long.result();
        if knows.load(SeqCst) == IN_CHILD {
            let is_refused = matches!(result, Err(raddle::TaskError::Refused(_)));
            // SAFETY: the child ends here.
            unsafe { libc::_exit(if is_refused { 7 } else { 8 }) };
        }
        result.unwrap();
    });
    waiter.result().unwrap();
    let child = pid.load(SeqCst) as libc::pid_t;
    assert!(child > 0, "nobody has helped");
    let (mut status, mut turns) = (0, 0);
    // SAFETY: the child is ours, and `status` is a local.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        thread::sleep(Duration::from_millis(10));
        turns += 1;
        if turns == 1000 {
            // SAFETY: as above.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
    }
    assert_eq!(
        status >> 8,
        7,
        "the child says how its wait ended: {status:#x}"
    );
}
