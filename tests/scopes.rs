//! The promise: when a scope returns, all its children have ended, whoever ran
//! them; what they borrowed is theirs no longer; and no panic is lost.

mod common;

use raddle::{Scope, Shutdown, ThreadPool, WhenFull};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[test]
fn children_borrow_and_their_handles_show_results() {
    let pool = ThreadPool::new(2).unwrap();
    let words = [String::from("one"), String::from("three")];
    let lengths = pool.scope(|s| {
        let handles: Vec<_> = words.iter().map(|word| s.submit(|| word.len())).collect();
        handles
            .into_iter()
            .map(|h| h.result().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(lengths, [3, 5]);
}

#[test]
fn children_submit_further_ones() {
    fn spread<'scope>(s: &'scope Scope<'scope, '_>, depth: u32, ran: &'scope AtomicUsize) {
        ran.fetch_add(1, SeqCst);
        if depth > 0 {
            for _ in 0..3 {
                s.submit(move || spread(s, depth - 1, ran));
            }
        }
    }
    for workers in [1, 2] {
        let pool = ThreadPool::new(workers).unwrap();
        let ran = AtomicUsize::new(0);
        pool.scope(|s| spread(s, 7, &ran));
        assert_eq!(ran.load(SeqCst), 3280);
        let inside = AtomicUsize::new(0);
        let inside = Arc::new(inside);
        let seen = inside.clone();
        let pool = Arc::new(pool);
        let inner = pool.clone();
        let task = pool.submit(move || inner.scope(|s| spread(s, 5, &seen)));
        task.result().unwrap();
        assert_eq!(inside.load(SeqCst), 364);
    }
}

#[test]
fn the_first_unread_panic_comes_out_when_all_have_ended() {
    common::quiet();
    let pool = ThreadPool::new(2).unwrap();
    for _ in 0..200 {
        let ran = AtomicUsize::new(0);
        let thrown = catch_unwind(AssertUnwindSafe(|| {
            pool.scope(|s| {
                for n in 0..10 {
                    let ran = &ran;
                    s.submit(move || {
                        ran.fetch_add(1, SeqCst);
                        assert!(n != 4, "on purpose");
                    });
                }
            });
        }));
        let thrown = thrown.unwrap_err();
        assert!(
            thrown
                .downcast_ref::<&str>()
                .unwrap()
                .contains("on purpose")
        );
        assert_eq!(ran.load(SeqCst), 10);
    }
    // One that is read does not.
    let error = pool.scope(|s| s.submit(|| panic!("on purpose")).result().unwrap_err());
    assert!(error.to_string().contains("on purpose"));
}

#[test]
fn a_panic_of_the_body_waits_for_the_children() {
    common::quiet();
    let pool = ThreadPool::new(2).unwrap();
    let ran = AtomicUsize::new(0);
    let thrown = catch_unwind(AssertUnwindSafe(|| {
        pool.scope(|s| {
            for _ in 0..4 {
                s.submit(|| {
                    std::thread::sleep(Duration::from_millis(20));
                    ran.fetch_add(1, SeqCst);
                });
            }
            panic!("on purpose");
        });
    }));
    assert!(thrown.is_err());
    assert_eq!(ran.load(SeqCst), 4);
}

#[test]
fn a_shutdown_cancels_children_in_both_orders_and_no_scope_hangs() {
    for fifo in [false, true] {
        for _ in 0..50 {
            let pool = ThreadPool::new(1).unwrap();
            let ran = AtomicUsize::new(0);
            std::thread::scope(|t| {
                t.spawn(|| pool.shutdown(Shutdown::CancelQueued));
                let count = || {
                    ran.fetch_add(1, SeqCst);
                };
                if fifo {
                    pool.scope_fifo(|s| (0..20).for_each(|_| drop(s.submit(count))));
                } else {
                    pool.scope(|s| (0..20).for_each(|_| drop(s.submit(count))));
                }
            });
            assert!(ran.load(SeqCst) <= 20);
        }
    }
}

#[test]
fn a_full_queue_does_not_keep_children_out() {
    let builder = ThreadPool::builder().workers(1);
    let pool = builder.queue_limit(1, WhenFull::Refuse).build().unwrap();
    let ran = AtomicUsize::new(0);
    pool.scope(|s| {
        for _ in 0..10 {
            s.submit(|| ran.fetch_add(1, SeqCst));
        }
    });
    assert_eq!(ran.load(SeqCst), 10);
    assert_eq!(pool.stats().queued, 0);
}

#[test]
fn strangers_above_the_children_stay_where_they_are() {
    // One worker at its cap: the scope in it has nobody but itself.
    let pool = ThreadPool::builder()
        .workers(1)
        .workers_max(1)
        .build()
        .unwrap();
    let pool = Arc::new(pool);
    let inner = pool.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = seen.clone();
    let task = pool.submit(move || {
        inner.scope(|s| {
            for n in 0..3 {
                let sees = &sees;
                s.submit(move || sees.lock().unwrap().push(n));
            }
            for n in 10..110 {
                let sees = sees.clone();
                inner.submit(move || sees.lock().unwrap().push(n)).detach();
            }
        });
        let mut children = sees.lock().unwrap().clone();
        drop(inner);
        children.sort_unstable();
        children
    });
    assert_eq!(task.result().unwrap(), [0, 1, 2]);
    Arc::into_inner(pool).unwrap().shutdown(Shutdown::Finish);
    assert_eq!(seen.lock().unwrap().len(), 103);
}

/// Whoever works for a pool may end it, and goes on by itself.
#[test]
fn a_scope_may_end_its_own_pool() {
    let pool = ThreadPool::new(2).unwrap();
    let mut sum = 0;
    pool.scope(|s| {
        s.submit(|| sum += 1);
        pool.shutdown(Shutdown::Finish);
        s.submit(|| assert_eq!(pool.join(|| 1, || 2), (1, 2)))
            .result()
            .unwrap();
        assert!(pool.submit(|| ()).result().is_err(), "it is closed");
    });
    assert_eq!(sum, 1);
    assert_eq!(pool.scope(|s| s.submit(|| 3).result().unwrap()), 3, "alone");
}

/// The scope waits for the child, the child for the end of the pool.
#[test]
fn a_child_may_end_the_pool_of_its_scope() {
    let pool = ThreadPool::new(2).unwrap();
    pool.scope(|s| {
        s.submit(|| pool.shutdown(Shutdown::Finish));
        s.submit(|| ());
    });
    assert!(pool.submit(|| ()).result().is_err(), "it is closed");
}

/// A shutdown that finishes everything waits for the scopes of threads from outside.
#[test]
fn no_child_is_lost_when_the_pool_ends_beside_its_scope() {
    for _ in 0..200 {
        let pool = ThreadPool::new(2).unwrap();
        let ran = AtomicUsize::new(0);
        thread::scope(|t| {
            t.spawn(|| pool.shutdown(Shutdown::Finish));
            pool.scope(|s| {
                for _ in 0..8 {
                    s.submit(|| ran.fetch_add(1, SeqCst));
                }
            });
        });
        assert_eq!(ran.load(SeqCst), 8);
    }
}

/// The end waits for those inside, and nobody enters any more.
#[test]
fn a_pool_ends_though_threads_from_outside_keep_coming() {
    for how in [Shutdown::Finish, Shutdown::CancelQueued] {
        let pool = ThreadPool::new(2).unwrap();
        let stop = AtomicBool::new(false);
        thread::scope(|t| {
            for turn in 0..4 {
                let (pool, stop) = (&pool, &stop);
                t.spawn(move || {
                    thread::sleep(Duration::from_millis(5 * turn));
                    while !stop.load(SeqCst) {
                        pool.scope(|_| thread::sleep(Duration::from_millis(20)));
                    }
                });
            }
            thread::sleep(Duration::from_millis(50));
            pool.shutdown(how);
            stop.store(true, SeqCst);
        });
    }
}

/// The code inside of `blocking` may be what ends the pool.
#[test]
fn a_scope_may_end_its_own_pool_inside_of_blocking() {
    let pool = ThreadPool::new(2).unwrap();
    pool.scope(|s| {
        raddle::blocking(|| pool.shutdown(Shutdown::Finish));
        s.submit(|| ()).result().unwrap();
    });
}

/// More threads than may work for a pool: a further one may end it as well.
#[test]
fn one_guest_too_many_may_end_the_pool() {
    let pool = ThreadPool::new(2).unwrap();
    let (inside, go) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|t| {
        for _ in 0..64 {
            t.spawn(|| {
                pool.scope(|_| {
                    inside.fetch_add(1, SeqCst);
                    while !go.load(SeqCst) {
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            });
        }
        while inside.load(SeqCst) < 64 {
            thread::yield_now();
        }
        pool.scope(|s| {
            go.store(true, SeqCst);
            pool.shutdown(Shutdown::Finish);
            s.submit(|| ()).result().unwrap();
        });
    });
}
