//! A pool that grows and shrinks while it works: `ThreadPool::resize`.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use common::{Gate, hold, pool, until, watch};
use raddle::{Shutdown, ThreadPool};

#[test]
fn a_pool_that_grows_takes_up_what_is_queued() {
    watch(|| {
        let pool = pool(1);
        let all = Arc::new(Barrier::new(4));
        let meet = (0..4)
            .map(|_| all.clone())
            .map(|all| move || _ = all.wait());
        let tasks = pool.submit_many(meet);
        until(|| pool.stats().running == 1);
        pool.resize(4);
        assert_eq!((pool.width(), pool.stats().workers), (4, 4));
        tasks.into_iter().for_each(|task| task.result().unwrap());
        assert_eq!(pool.stats().threads, 4);
    });
}

/// What the workers that are too many had in their own deques is run by the rest.
#[test]
fn a_pool_that_shrinks_loses_nothing() {
    watch(|| {
        let pool = Arc::new(pool(4));
        let (all, left) = (Arc::new(Barrier::new(5)), Gate::new());
        let ran = Arc::new(AtomicUsize::new(0));
        let tasks = (0..4).map(|_| {
            let (inner, all, left, ran) = (pool.clone(), all.clone(), left.clone(), ran.clone());
            pool.submit(move || {
                let tasks = (0..100)
                    .map(|_| ran.clone())
                    .map(|ran| inner.submit(move || ran.fetch_add(1, SeqCst)));
                tasks.for_each(|task| task.detach());
                all.wait();
                left.wait();
            })
        });
        let tasks: Vec<_> = tasks.collect();
        all.wait();
        pool.resize(1);
        left.open();
        tasks.into_iter().for_each(|task| task.result().unwrap());
        until(|| ran.load(SeqCst) == 400);
    });
}

/// So many run at once as the size says, as soon as the others' tasks have ended.
#[test]
fn no_more_run_than_the_size_says() {
    watch(|| {
        let pool = Arc::new(pool(4));
        let held = hold(&pool);
        pool.resize(2);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // All four are at work still, and nothing of this begins.
        let (counts, maximum) = (now.clone(), most.clone());
        let count = move || {
            maximum.fetch_max(counts.fetch_add(1, SeqCst) + 1, SeqCst);
            thread::yield_now();
            counts.fetch_sub(1, SeqCst);
        };
        held.release();
        // Two of the four give up when they end: until then they may take one more.
        until(|| pool.stats().running == 0);
        let tasks = pool.submit_many((0..1_000).map(|_| count.clone()));
        tasks.into_iter().for_each(|task| task.result().unwrap());
        assert!(most.load(SeqCst) <= 2, "{most:?}");
    });
}

#[test]
fn threads_that_are_too_many_retire() {
    watch(|| {
        let builder = ThreadPool::builder().workers(4);
        let pool = builder
            .keep_alive(Duration::from_millis(1))
            .build()
            .unwrap();
        assert_eq!(pool.stats().threads, 4);
        pool.resize(2);
        until(|| pool.stats().threads == 2);
        pool.resize(3);
        let all = Arc::new(Barrier::new(3));
        let meet = (0..3)
            .map(|_| all.clone())
            .map(|all| move || _ = all.wait());
        pool.submit_many(meet)
            .into_iter()
            .for_each(|task| task.result().unwrap());
        assert_eq!(pool.stats().threads, 3);
        // These three stay.
        thread::sleep(Duration::from_millis(20));
        assert_eq!(pool.stats().threads, 3);
    });
}

#[test]
fn the_size_is_at_least_one_and_at_most_what_there_is_room_for() {
    watch(|| {
        let pool = ThreadPool::builder()
            .workers(2)
            .workers_max(3)
            .build()
            .unwrap();
        pool.resize(0);
        assert_eq!(pool.width(), 1);
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
        pool.resize(usize::MAX);
        assert_eq!(pool.width(), 3);
        let io = ThreadPool::for_blocking(4).unwrap();
        io.resize(5);
        assert_eq!(io.width(), 4);
        io.resize(2);
        assert_eq!((io.width(), io.stats().threads), (2, 1), "on demand");
        let all = Arc::new(Barrier::new(2));
        let meet = (0..2)
            .map(|_| all.clone())
            .map(|all| move || _ = all.wait());
        io.submit_many(meet)
            .into_iter()
            .for_each(|task| task.result().unwrap());
    });
}

/// The last thread but one of a pool that shrinks waits for a task of the pool.
#[test]
fn a_task_may_resize_its_own_pool_and_wait() {
    watch(|| {
        let pool = Arc::new(pool(2));
        for round in 0..200 {
            let inner = pool.clone();
            let task = pool.submit(move || {
                inner.resize(1 + round % 3);
                let child = inner.submit(|| 1);
                let limit = Duration::from_secs(3600);
                // With a limit it is not claimed: another thread must run it.
                child.result_timeout(limit).unwrap().unwrap()
            });
            assert_eq!(task.result().unwrap(), 1);
        }
    });
}

#[test]
fn after_the_end_a_resize_does_nothing() {
    watch(|| {
        let pool = pool(2);
        pool.shutdown(Shutdown::Finish);
        pool.resize(1);
        pool.resize(8);
        assert_eq!(pool.stats().threads, 0);
        assert!(pool.try_submit(|| ()).is_err());
    });
}

/// With spares that come and go: the size changes at random during a storm. Sums are
/// exact, and at rest the figures are those of a pool that never changed.
#[test]
fn t02_random_resizes_during_a_storm_lose_nothing() {
    watch(|| {
        let builder = ThreadPool::builder().workers(4).workers_max(16);
        let builder = builder.keep_alive(Duration::from_millis(2));
        let pool = Arc::new(builder.build().unwrap());
        let stop = Gate::new();
        let resizer = {
            let (pool, stop) = (pool.clone(), stop.clone());
            thread::spawn(move || {
                let mut random = 0x2545_f491_u32;
                let mut resizes = 0;
                while !stop.is_open() {
                    random ^= random << 13;
                    random ^= random >> 17;
                    random ^= random << 5;
                    pool.resize(1 + random as usize % 8);
                    resizes += 1;
                    thread::sleep(Duration::from_micros(500));
                }
                resizes
            })
        };
        let ran = Arc::new(AtomicUsize::new(0));
        let end = Instant::now() + Duration::from_secs(2);
        let mut submitted = 0;
        while Instant::now() < end {
            let tasks: Vec<_> = (0..200_usize)
                .map(|i| {
                    let (inner, ran) = (pool.clone(), ran.clone());
                    pool.submit(move || {
                        ran.fetch_add(1, SeqCst);
                        match i % 20 {
                            0 => raddle::blocking(|| thread::sleep(Duration::from_micros(50))),
                            1 => inner.submit(|| ()).result().unwrap(),
                            2 => inner.submit_blocking(|| ()).result().unwrap(),
                            3 => panic!("on purpose"),
                            _ => {}
                        }
                        i
                    })
                })
                .collect();
            submitted += tasks.len();
            for (i, task) in tasks.into_iter().enumerate() {
                match task.result() {
                    Ok(value) => assert_eq!(value, i),
                    Err(error) => assert!(error.is_panicked() && i % 20 == 3, "{error}"),
                }
            }
        }
        stop.open();
        let resizes = resizer.join().unwrap();
        assert_eq!(ran.load(SeqCst), submitted);
        pool.resize(3);
        until(|| {
            let stats = pool.stats();
            (stats.running, stats.queued, stats.blocked) == (0, 0, 0) && stats.threads <= 3
        });
        let stats = pool.stats();
        // Each batch: 200 of its own, ten children and ten blocking ones.
        assert_eq!(stats.panicked as usize, submitted / 20);
        assert_eq!(
            stats.finished as usize,
            submitted - submitted / 20 + submitted / 10
        );
        println!("{submitted} tasks, {resizes} resizes");
        // And no permit is lost: three meet, and a fourth would wait.
        let all = Arc::new(Barrier::new(3));
        let meet = (0..3)
            .map(|_| all.clone())
            .map(|all| move || _ = all.wait());
        pool.submit_many(meet)
            .into_iter()
            .for_each(|task| task.result().unwrap());
        let held = hold(&pool);
        let fourth = pool.submit(|| ());
        assert!(!fourth.wait_timeout(Duration::from_millis(20)));
        held.release();
        fourth.result().unwrap();
    });
}

/// Joins and scopes, from inside and outside, whose halves are stolen by workers that
/// come and go.
#[test]
fn joins_and_scopes_survive_random_resizes() {
    fn fib(pool: &ThreadPool, n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        if n == 7 {
            raddle::blocking(thread::yield_now);
        }
        let (a, b) = pool.join(|| fib(pool, n - 1), || fib(pool, n - 2));
        a + b
    }
    watch(|| {
        let builder = ThreadPool::builder().workers(4).workers_max(12);
        let builder = builder.keep_alive(Duration::from_millis(1));
        let pool = Arc::new(builder.build().unwrap());
        let stop = Gate::new();
        let resizer = {
            let (pool, stop) = (pool.clone(), stop.clone());
            thread::spawn(move || {
                for size in (1..=8).cycle().step_by(3) {
                    if stop.is_open() {
                        return;
                    }
                    pool.resize(size);
                    thread::sleep(Duration::from_micros(200));
                }
            })
        };
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            let inner = pool.clone();
            let inside = pool.submit(move || fib(&inner, 14));
            let blocks = pool.clone();
            let errand = pool.submit_blocking(move || fib(&blocks, 10));
            let scoped: u64 = pool.scope(|s| {
                let parts = [8, 9, 10].map(|n| s.submit(move || n * n));
                parts.map(|part| part.result().unwrap()).iter().sum()
            });
            assert_eq!((scoped, fib(&pool, 14)), (245, 377));
            assert_eq!(inside.result().unwrap(), 377);
            assert_eq!(errand.result().unwrap(), 55);
        }
        stop.open();
        resizer.join().unwrap();
        pool.resize(2);
        until(|| pool.stats().running == 0 && pool.stats().blocked == 0);
        // No permit is lost, and none is left over.
        let held = hold(&pool);
        let third = pool.submit(|| ());
        assert!(!third.wait_timeout(Duration::from_millis(20)));
        held.release();
        third.result().unwrap();
    });
}
