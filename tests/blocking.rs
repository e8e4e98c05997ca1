//! Tasks that block leave the CPUs to others: `raddle::blocking` and
//! `submit_blocking`.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use common::{Gate, hold, pool, until, watch};
use raddle::{Refusal, Shutdown, TaskError, ThreadPool, WhenFull, blocking, dump, task};

#[test]
fn four_tasks_blocked_on_a_pool_of_two_do_not_stop_the_fifth() {
    watch(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let blocked: Vec<_> = (0..4)
            .map(|i| {
                let gate = gate.clone();
                pool.submit(move || {
                    blocking(|| gate.wait());
                    i
                })
            })
            .collect();
        assert_eq!(pool.submit(|| 5).result().unwrap(), 5);
        until(|| pool.stats().blocked == 4);
        assert!(dump().contains("waits for something outside raddle"));
        gate.open();
        let sum: i32 = blocked.into_iter().map(|h| h.result().unwrap()).sum();
        assert_eq!(sum, 6);
    });
}

#[test]
fn blocking_tasks_run_while_all_workers_compute() {
    watch(|| {
        let (pool, gate) = (pool(2), Gate::new());
        let held = hold(&pool);
        let blocked: Vec<_> = (0..4)
            .map(|_| {
                let gate = gate.clone();
                pool.submit_blocking(move || gate.wait())
            })
            .collect();
        until(|| pool.stats().blocked == 4);
        assert_eq!(pool.stats().threads, 6);
        held.release();
        // Nor do they take a worker's place.
        let all = Arc::new(Barrier::new(2));
        let meet = [all.clone(), all].map(|all| move || _ = all.wait());
        for task in pool.submit_many(meet) {
            task.result().unwrap();
        }
        gate.open();
        blocked.into_iter().for_each(|h| h.result().unwrap());
    });
}

/// JSR166's testBlockingForkJoinTask: while `n` tasks block, `n` others run.
#[test]
fn c136_blocking_sections_keep_parallelism() {
    watch(|| {
        for workers in [1, 2, 4] {
            let (pool, gate) = (pool(workers), Gate::new());
            let begun = Arc::new(AtomicUsize::new(0));
            let blocked = (0..workers).map(|_| {
                let (gate, begun) = (gate.clone(), begun.clone());
                pool.submit(move || {
                    blocking(|| {
                        begun.fetch_add(1, SeqCst);
                        gate.wait();
                    });
                })
            });
            let blocked: Vec<_> = blocked.collect();
            until(|| begun.load(SeqCst) == workers);
            // They meet only if all run at once.
            let all = Arc::new(Barrier::new(workers));
            let meet = (0..workers)
                .map(|_| all.clone())
                .map(|all| move || _ = all.wait());
            for handle in pool.submit_many(meet) {
                handle.result().unwrap();
            }
            gate.open();
            blocked.into_iter().for_each(|h| h.result().unwrap());
        }
    });
}

/// The same through waits inside of the section, which must not take the permit
/// back. Model: `a_wait_inside_a_blocking_section_keeps_the_permit_away`.
#[test]
fn t11_a_wait_inside_a_blocking_section_keeps_the_place_of_the_spare() {
    watch(|| {
        let (pool, gate) = (Arc::new(pool(1)), Gate::new());
        let (inner, opens) = (pool.clone(), gate.clone());
        let waits = pool.submit(move || {
            blocking(|| {
                let limit = Duration::from_secs(3600);
                let child = inner.submit(|| 1).result_timeout(limit);
                assert_eq!(child.unwrap().unwrap(), 1);
                assert_eq!(inner.stats().blocked, 1, "still in the section");
                opens.wait();
            });
            inner.stats().blocked
        });
        for _ in 0..100 {
            pool.submit(|| ()).result().unwrap();
        }
        gate.open();
        assert_eq!(waits.result().unwrap(), 0);
    });
}

#[test]
fn outside_of_a_pool_and_in_its_hooks_it_calls_the_closure() {
    watch(|| {
        assert_eq!(blocking(|| 1), 1);
        let called = Arc::new(AtomicUsize::new(0));
        let calls = called.clone();
        let builder = ThreadPool::builder().workers(1).on_worker_start(move |_| {
            blocking(|| calls.fetch_add(1, SeqCst));
        });
        let pool = builder.build().unwrap();
        pool.submit(|| ()).result().unwrap();
        assert_eq!((called.load(SeqCst), pool.stats().threads), (1, 1));
    });
}

#[test]
fn a_panic_passes_through_a_section() {
    watch(|| {
        let pool = pool(1);
        let panics = pool.submit(|| {
            let caught = std::panic::catch_unwind(|| blocking(|| panic!("on purpose")));
            assert!(caught.is_err());
            blocking(|| panic!("on purpose, too"));
        });
        let TaskError::Panicked(panic) = panics.result().unwrap_err() else {
            panic!("it has panicked");
        };
        assert_eq!(panic.message(), "on purpose, too");
        let panics = pool.submit_blocking(|| panic!("on purpose"));
        assert!(panics.result().unwrap_err().is_panicked());
        assert_eq!(pool.stats().blocked, 0);
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    });
}

#[test]
fn spares_retire_after_keep_alive() {
    watch(|| {
        let builder = ThreadPool::builder().workers(2);
        let pool = builder
            .keep_alive(Duration::from_millis(1))
            .build()
            .unwrap();
        let (gate, begun) = (Gate::new(), Arc::new(Barrier::new(9)));
        let blocked: Vec<_> = (0..8)
            .map(|i| {
                let (gate, begun) = (gate.clone(), begun.clone());
                let waits = move || {
                    begun.wait();
                    gate.wait();
                };
                match i % 2 {
                    0 => pool.submit(move || blocking(waits)),
                    _ => pool.submit_blocking(waits),
                }
            })
            .collect();
        begun.wait();
        assert!(pool.stats().threads >= 8);
        gate.open();
        blocked.into_iter().for_each(|h| h.result().unwrap());
        until(|| pool.stats().threads == 2);
        assert_eq!(pool.submit_blocking(|| 1).result().unwrap(), 1);
    });
}

/// At `workers_max` the two kinds share the threads, and nobody starves.
#[test]
fn at_the_cap_blocking_tasks_and_others_take_turns() {
    watch(|| {
        for pool in [
            ThreadPool::builder().workers(1).workers_max(1).build(),
            ThreadPool::builder().workers(2).workers_max(2).build(),
            ThreadPool::for_blocking(2),
        ] {
            let pool = Arc::new(pool.unwrap());
            // The queue is never empty: a task leaves another behind.
            let stop = Gate::new();
            fn goes_on(pool: &Arc<ThreadPool>, stop: &Gate) {
                if !stop.is_open() {
                    let (inner, stop) = (pool.clone(), stop.clone());
                    pool.submit(move || goes_on(&inner, &stop)).detach();
                }
            }
            (0..4).for_each(|_| goes_on(&pool, &stop));
            for i in 0..10 {
                assert_eq!(pool.submit_blocking(move || i).result().unwrap(), i);
            }
            stop.open();
            assert!(pool.stats().threads <= 2);
        }
    });
}

/// Nobody but the waiter is there to run what it waits for. Model:
/// `at_the_cap_a_waiter_runs_its_blocking_child`.
#[test]
fn at_the_cap_a_waiter_runs_its_blocking_task() {
    watch(|| {
        let builder = ThreadPool::builder().workers(1).workers_max(1);
        let pool = Arc::new(builder.build().unwrap());
        let inner = pool.clone();
        fn nested(pool: Arc<ThreadPool>, depth: u32) -> u32 {
            if depth == 0 {
                return 0;
            }
            let inner = pool.clone();
            let child = pool.submit_blocking(move || nested(inner, depth - 1));
            1 + child.result().unwrap()
        }
        let waits = pool.submit(move || nested(inner, 20));
        assert_eq!(waits.result().unwrap(), 20);
    });
}

/// A waiter does not run it where a thread can be had.
#[test]
fn a_blocking_task_is_not_claimed() {
    watch(|| {
        let pool = Arc::new(pool(1));
        let inner = pool.clone();
        let index = || raddle::current().unwrap().worker().unwrap();
        let waits = pool.submit(move || {
            let child = inner.submit_blocking(index).result().unwrap();
            (index(), child)
        });
        let (parent, child) = waits.result().unwrap();
        assert_ne!(parent, child);
    });
}

#[test]
fn a_blocking_task_has_options_and_a_limit_and_can_be_cancelled() {
    watch(|| {
        let pool = pool(1);
        let named = task(|| raddle::current().unwrap().name().map(str::to_owned)).named("reader");
        assert_eq!(
            pool.submit_blocking(named).result().unwrap().as_deref(),
            Some("reader")
        );
        let gate = Gate::new();
        let waits = gate.clone();
        let late =
            pool.submit_blocking(task(move || waits.wait()).timeout(Duration::from_millis(5)));
        assert!(late.result().unwrap_err().is_timed_out());
        gate.open();
        // In the queue of a pool at its cap.
        let builder = ThreadPool::builder().workers(1).workers_max(1);
        let full = builder.build().unwrap();
        let held = hold(&full);
        let (first, second) = (full.submit_blocking(|| 1), full.submit_blocking(|| 2));
        assert_eq!(full.stats().queued, 2);
        first.cancel();
        held.release();
        assert!(first.result().unwrap_err().is_cancelled());
        assert_eq!(second.result().unwrap(), 2);
        until(|| full.stats().queued == 0);
        until(|| full.stats().cancelled == 1);
    });
}

#[test]
fn a_queue_limit_counts_blocking_tasks_that_wait() {
    watch(|| {
        for when_full in [WhenFull::Refuse, WhenFull::Wait] {
            let builder = ThreadPool::builder().workers(1).workers_max(1);
            let pool = builder.queue_limit(1, when_full).build().unwrap();
            let held = hold(&pool);
            let queued = pool.submit_blocking(|| 1);
            let refused = pool.submit_blocking(|| 2).result().unwrap_err();
            assert!(matches!(refused, TaskError::Refused(Refusal::Full)));
            held.release();
            assert_eq!(queued.result().unwrap(), 1);
        }
    });
}

#[test]
fn a_shutdown_ends_blocking_tasks_like_others() {
    watch(|| {
        let start = || {
            ThreadPool::builder()
                .workers(1)
                .workers_max(1)
                .build()
                .unwrap()
        };
        let pool = start();
        let handles: Vec<_> = (0..3).map(|i| pool.submit_blocking(move || i)).collect();
        let report = pool.shutdown(Shutdown::Finish);
        assert_eq!((report.finished, report.cancelled), (3, 0));
        handles.into_iter().for_each(|h| _ = h.result().unwrap());
        let refused = pool.submit_blocking(|| ()).result().unwrap_err();
        assert!(matches!(refused, TaskError::Refused(Refusal::Shutdown)));

        let (pool, gate) = (start(), Gate::new());
        let (begun, begins) = mpsc::channel();
        let opens = gate.clone();
        let runs = pool.submit_blocking(move || {
            begun.send(()).unwrap();
            opens.wait();
        });
        begins.recv().unwrap();
        let queued = pool.submit_blocking(|| ());
        queued.on_done(move |_| gate.open());
        let report = pool.shutdown(Shutdown::CancelQueued);
        assert_eq!((report.finished, report.cancelled), (1, 1));
        runs.result().unwrap();
        assert!(queued.result().unwrap_err().is_cancelled());
    });
}

/// The only thread waits for the end: one more may start for what is queued.
#[test]
fn a_task_that_ends_its_pool_waits_for_its_blocking_tasks() {
    watch(|| {
        for max in [1, 2, 64] {
            let builder = ThreadPool::builder().workers(1).workers_max(max);
            let pool = Arc::new(builder.build().unwrap());
            let inner = pool.clone();
            let ends = pool.submit(move || {
                let children = [1, 2, 3].map(|i| inner.submit_blocking(move || i));
                let report = inner.shutdown(Shutdown::Finish);
                (children, report.cancelled)
            });
            let (children, cancelled) = ends.result().unwrap();
            assert_eq!(children.map(|child| child.result().unwrap()), [1, 2, 3]);
            assert_eq!(cancelled, 0);
        }
    });
}

/// A storm of both kinds.
#[test]
fn a_storm_of_both_kinds_loses_nothing() {
    watch(|| {
        for (workers, max) in [(1, 1), (1, 2), (2, 4), (2, 64)] {
            let builder = ThreadPool::builder().workers(workers).workers_max(max);
            let builder = builder.keep_alive(Duration::from_micros(100));
            let pool = Arc::new(builder.build().unwrap());
            let ran = Arc::new(AtomicUsize::new(0));
            let handles: Vec<_> = (0..2_000_usize)
                .map(|i| {
                    let (inner, ran) = (pool.clone(), ran.clone());
                    let body = move || {
                        ran.fetch_add(1, SeqCst);
                        match i % 10 {
                            0 => blocking(std::thread::yield_now),
                            1 => inner.submit_blocking(|| ()).result().unwrap(),
                            2 => inner.submit(|| ()).result().unwrap(),
                            _ => {}
                        }
                    };
                    match i % 3 {
                        0 => pool.submit_blocking(body),
                        _ => pool.submit(body),
                    }
                })
                .collect();
            handles.into_iter().for_each(|h| h.result().unwrap());
            assert_eq!(ran.load(SeqCst), 2_000);
            until(|| pool.stats().running == 0 && pool.stats().queued == 0);
            let stats = pool.stats();
            assert_eq!((stats.queued, stats.blocked), (0, 0), "{stats:?}");
            assert!(stats.threads <= max);
        }
    });
}
