//! The promise: both halves of a join have ended when it returns, whoever ran
//! them, and a panic of either comes out of it.

mod common;

use std::cell::Cell;

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

thread_local! {
    /// So many calls of the recursion stand on this thread's stack.
    static STANDING: Cell<usize> = const { Cell::new(0) };
}

/// Counts a call in, and says how many stand on this stack with it.
struct Standing;

impl Standing {
    fn begin(most: &AtomicUsize) -> Self {
        STANDING.set(STANDING.get() + 1);
        most.fetch_max(STANDING.get(), SeqCst);
        Self
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        STANDING.set(STANDING.get() - 1);
    }
}

/// A recursion of uneven halves, so that whoever is done early waits and helps.
fn uneven(depth: u32, most: &AtomicUsize, join: &(impl Join + Sync)) -> u64 {
    let _standing = Standing::begin(most);
    if depth < 2 {
        // So that all threads have a part, on however few processors.
        std::thread::sleep(Duration::from_micros(20));
        return 1;
    }
    let half = |less: u32| move || uneven(depth - less, most, join);
    let (a, b) = if depth.is_multiple_of(3) {
        join.join(half(2), half(1))
    } else {
        join.join(half(1), half(2))
    };
    a + b
}

trait Join {
    fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B);
}

/// The serial program.
struct InTurn;

impl Join for InTurn {
    fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        (a(), b())
    }
}

impl Join for ThreadPool {
    fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        self.join(a, b)
    }
}

#[test]
fn helping_never_stacks_more_calls_than_the_serial_program() {
    let serial = AtomicUsize::new(0);
    let leaves = uneven(15, &serial, &InTurn);
    assert_eq!(serial.into_inner(), 15);
    let pool = ThreadPool::new(4).unwrap();
    let most = AtomicUsize::new(0);
    for _ in 0..30 {
        assert_eq!(uneven(15, &most, &pool), leaves);
        let inside = pool.scope(|s| s.submit(|| uneven(15, &most, &pool)).result());
        assert_eq!(inside.unwrap(), leaves);
    }
    let most = most.into_inner();
    assert!(most <= 15, "{most} calls on one stack");
}

#[test]
fn a_pool_that_has_ended_still_joins() {
    let pool = ThreadPool::new(2).unwrap();
    pool.shutdown(Shutdown::Finish);
    assert_eq!(fib(&pool, 15), 610);
}
