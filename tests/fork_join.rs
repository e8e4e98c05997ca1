//! The promise: both halves of a join have ended when it returns, whoever ran
//! them, and a panic of either comes out of it.

mod common;

use raddle::{Shutdown, ThreadPool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn fib(pool: &ThreadPool, n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (a, b) = pool.join(|| fib(pool, n - 1), || fib(pool, n - 2));
    a + b
}

#[test]
fn a_recursion_from_outside_and_from_inside() {
    for workers in [1, 2, 4] {
        let pool = ThreadPool::new(workers).unwrap();
        assert_eq!(fib(&pool, 22), 17711);
        std::thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| assert_eq!(fib(&pool, 20), 6765));
            }
        });
    }
}

#[test]
fn more_callers_than_guests() {
    let pool = ThreadPool::new(2).unwrap();
    std::thread::scope(|s| {
        for _ in 0..100 {
            s.spawn(|| {
                let sleep = || std::thread::sleep(Duration::from_millis(2));
                pool.join(sleep, || assert_eq!(fib(&pool, 10), 55));
            });
        }
    });
}

#[test]
fn a_panic_of_either_half_comes_out_when_both_have_ended() {
    common::quiet();
    let pool = ThreadPool::new(2).unwrap();
    for round in 0..2_000 {
        let ended = AtomicUsize::new(0);
        let half = |panics: bool| {
            move |ended: &AtomicUsize| {
                if round % 3 == 0 {
                    std::thread::yield_now();
                }
                ended.fetch_add(1, SeqCst);
                assert!(!panics, "on purpose");
            }
        };
        let (first, second) = (half(round % 2 == 0), half(round % 2 == 1));
        let thrown = catch_unwind(AssertUnwindSafe(|| {
            pool.join(|| first(&ended), || second(&ended));
        }));
        assert!(thrown.is_err());
        let seen = ended.load(SeqCst);
        std::thread::yield_now();
        assert_eq!(ended.load(SeqCst), seen, "nothing runs on after the panic");
    }
    assert_eq!(fib(&pool, 10), 55);
}

#[test]
fn deeper_than_the_lane_is_wide() {
    fn down(pool: &ThreadPool, depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let (a, b) = pool.join(|| down(pool, depth - 1), || 1);
        a + b
    }
    let pool = ThreadPool::new(2).unwrap();
    let deep = std::thread::Builder::new().stack_size(64 << 20);
    let deep = deep.spawn(move || down(&pool, 20_000)).unwrap();
    assert_eq!(deep.join().unwrap(), 20_000);
}

#[test]
fn a_pool_that_has_ended_still_joins() {
    let pool = ThreadPool::new(2).unwrap();
    pool.shutdown(Shutdown::Finish);
    assert_eq!(fib(&pool, 15), 610);
}
