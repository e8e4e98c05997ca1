//! Waiting inside tasks: how deep it goes, what a level costs on the stack, and
//! that a waiting worker runs nothing but what it waits for.
//!
//! A level is a task that submits a child and waits for it: the waiting worker
//! claims the child and runs it on top. Measured here with rustc 1.95 on
//! x86-64 Linux, closures of one word: see `BYTES_MAX`; every level costs the
//! same. The figure does not depend on how many tasks the pool has.

mod common;

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{Gate, pool, until, watch};
use raddle::{Handle, Task as _, ThreadPool, block_on, task};

/// More than a level takes: 2,256 bytes were measured in a debug build,
/// less in a release build.
const BYTES_MAX: usize = if cfg!(debug_assertions) {
    8 << 10
} else {
    2 << 10
};

fn dive(pool: Arc<ThreadPool>, left: usize, depths: Arc<Mutex<Vec<usize>>>) -> usize {
    let here = 0_u8;
    depths
        .lock()
        .unwrap()
        .push((&raw const *black_box(&here)).addr());
    if left == 0 {
        return 0;
    }
    let (inner, more) = (pool.clone(), depths.clone());
    pool.submit(move || dive(inner, left - 1, more))
        .result()
        .unwrap()
        + 1
}

#[test]
fn a_pool_of_one_waits_for_its_own_children_a_thousand_deep() {
    watch(|| {
        let builder = ThreadPool::builder().workers(1).workers_max(1);
        let pool = Arc::new(builder.stack_size(32 << 20).build().unwrap());
        let depths = Arc::new(Mutex::new(Vec::new()));
        let (inner, list) = (pool.clone(), depths.clone());
        let deep = pool.submit(move || dive(inner, 1_000, list));
        assert_eq!(deep.result().unwrap(), 1_000);
        let depths = depths.lock().unwrap();
        let levels: Vec<usize> = depths.windows(2).map(|pair| pair[0] - pair[1]).collect();
        let each = levels[1];
        println!("{each} bytes of stack a level");
        assert!(
            levels[1..].iter().all(|level| *level == each),
            "every level costs the same"
        );
        assert!(each <= BYTES_MAX, "{each} bytes a level");
    });
}

#[test]
fn two_pools_of_one_wait_for_each_other_a_hundred_deep() {
    fn ping(here: Arc<ThreadPool>, there: Arc<ThreadPool>, left: usize) -> usize {
        if left == 0 {
            return 0;
        }
        let (back, next) = (here, there.clone());
        there
            .submit(move || ping(next, back, left - 1))
            .result()
            .unwrap()
            + 1
    }
    watch(|| {
        let (one, two) = (Arc::new(pool(1)), Arc::new(pool(1)));
        let (a, b) = (one.clone(), two.clone());
        assert_eq!(one.submit(move || ping(a, b, 100)).result().unwrap(), 100);
    });
}

thread_local! {
    /// How many waits this thread is inside of.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
}

/// How strangers are told from the child, and how the waiter waits for it.
struct Case {
    workers: usize,
    /// Submits the child.
    child: fn(&ThreadPool) -> Handle<()>,
    wait: fn(Handle<()>),
}

/// A task waits while strangers are queued behind it and around it: none may
/// run on the waiter's stack.
fn no_stranger_runs(case: Case) {
    let pool = Arc::new(pool(case.workers));
    let (caught, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let stranger = {
        let (caught, ran) = (caught.clone(), ran.clone());
        move || {
            let (caught, ran) = (caught.clone(), ran.clone());
            move || {
                caught.fetch_add(INSIDE.get(), SeqCst);
                ran.fetch_add(1, SeqCst);
            }
        }
    };
    let (inner, make) = (pool.clone(), stranger.clone());
    let waiter = pool.submit(move || {
        (0..50).for_each(|_| inner.submit(make()).detach());
        let child = (case.child)(&inner);
        (0..50).for_each(|_| inner.submit(make()).detach());
        INSIDE.set(INSIDE.get() + 1);
        (case.wait)(child);
        INSIDE.set(INSIDE.get() - 1);
    });
    (0..50).for_each(|_| pool.submit(stranger()).detach());
    waiter.result().unwrap();
    until(|| ran.load(SeqCst) == 150);
    assert_eq!(caught.load(SeqCst), 0, "strangers ran on top of the waiter");
}

fn result(child: Handle<()>) {
    child.result().unwrap();
}

#[test]
fn no_stranger_runs_while_a_claimed_child_runs() {
    watch(|| {
        for workers in [1, 2].repeat(10) {
            let child = |pool: &ThreadPool| pool.submit(|| ());
            no_stranger_runs(Case {
                workers,
                child,
                wait: result,
            });
        }
    });
}

#[test]
fn no_stranger_runs_while_the_child_runs_elsewhere() {
    watch(|| {
        for workers in [1, 2].repeat(10) {
            let child = |pool: &ThreadPool| {
                // Another worker, or a spare, has started it.
                let begun = Gate::new();
                let told = begun.clone();
                let child = pool.submit(move || {
                    told.open();
                    thread::sleep(Duration::from_millis(1));
                });
                while !begun.is_open() && !child.wait_timeout(Duration::from_millis(1)) {}
                child
            };
            no_stranger_runs(Case {
                workers,
                child,
                wait: result,
            });
        }
    });
}

#[test]
fn no_stranger_runs_while_a_limited_child_is_waited_for() {
    watch(|| {
        for workers in [1, 2].repeat(10) {
            let child = |pool: &ThreadPool| pool.submit(task(|| ()).timeout(Duration::MAX));
            no_stranger_runs(Case {
                workers,
                child,
                wait: result,
            });
            let child = |pool: &ThreadPool| pool.submit((|| ()).timeout(common::LIMIT));
            no_stranger_runs(Case {
                workers,
                child,
                wait: |child| child.wait(),
            });
        }
    });
}

#[test]
fn no_stranger_runs_while_a_child_is_awaited() {
    watch(|| {
        for workers in [1, 2].repeat(10) {
            let child = |pool: &ThreadPool| pool.submit(|| ());
            let wait = |child: Handle<()>| block_on(child).unwrap();
            no_stranger_runs(Case {
                workers,
                child,
                wait,
            });
        }
    });
}

#[test]
fn no_stranger_runs_in_a_timed_wait() {
    watch(|| {
        for workers in [1, 2].repeat(10) {
            let child = |pool: &ThreadPool| pool.submit(|| ());
            let wait = |child: Handle<()>| assert!(child.wait_timeout(common::LIMIT));
            no_stranger_runs(Case {
                workers,
                child,
                wait,
            });
        }
    });
}

/// However small a stack is asked for, the pool's own code fits in: also a
/// task that waits, and one that panics with a backtrace.
#[test]
fn the_smallest_stack_is_enough_for_the_pool() {
    common::watch(|| {
        for size in [0, 1, 16 << 10] {
            let pool = ThreadPool::builder().workers(1).stack_size(size);
            let pool = Arc::new(pool.build().unwrap());
            let inner = pool.clone();
            let waits = pool.submit(move || inner.submit(|| 1).result().unwrap());
            assert_eq!(waits.result().unwrap(), 1);
            let panics = pool.submit(|| panic!("on purpose"));
            assert!(panics.result().is_err());
            let in_time = task(|| 1).timeout(Duration::from_secs(60));
            assert_eq!(pool.submit(in_time).result().unwrap(), 1);
        }
    });
}
