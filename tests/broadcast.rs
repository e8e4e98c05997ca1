//! Broadcast: once on each worker, whatever the workers do.

mod common;

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::{Gate, pool, running, until, watch};
use raddle::{Shutdown, ThreadPool};

fn here<T>(_: T) -> ThreadId {
    thread::current().id()
}

fn name(_: raddle::WorkerIndex) -> String {
    thread::current().name().unwrap_or("").to_owned()
}

fn capped(workers: usize) -> ThreadPool {
    let pool = ThreadPool::builder().workers(workers).workers_max(workers);
    pool.build().unwrap()
}

fn distinct(threads: &[ThreadId]) -> usize {
    threads.iter().collect::<HashSet<_>>().len()
}

#[test]
fn each_worker_runs_it_once_in_order() {
    watch(|| {
        let pool = ThreadPool::builder().workers(3).name("three").build();
        let pool = pool.unwrap();
        for _ in 0..200 {
            let ran = pool.broadcast(|worker| (worker.get(), name(worker)));
            let expected = ["three-0", "three-1", "three-2"].map(str::to_owned);
            assert_eq!(ran, expected.into_iter().enumerate().collect::<Vec<_>>());
        }
    });
}

#[test]
fn what_it_borrows_and_returns_is_the_callers() {
    watch(|| {
        let pool = pool(2);
        let words = [String::from("a"), String::from("b")];
        let got: Vec<&str> = pool.broadcast(|worker| words[usize::from(worker)].as_str());
        assert_eq!(got, ["a", "b"]);
    });
}

#[test]
fn the_shares_may_meet_at_a_barrier() {
    watch(|| {
        let pool = capped(3);
        for _ in 0..100 {
            let all = Barrier::new(3);
            pool.broadcast(|_| all.wait());
            let all = raddle::sync::Barrier::new(3);
            pool.broadcast(|_| all.wait());
        }
    });
}

#[test]
fn a_worker_that_broadcasts_takes_part() {
    watch(|| {
        let pool = Arc::new(capped(2));
        let inner = pool.clone();
        let task = pool.submit(move || (here(()), inner.broadcast(here)));
        let (caller, ran) = task.result().unwrap();
        assert_eq!(distinct(&ran), 2);
        assert!(ran.contains(&caller));
    });
}

#[test]
fn two_workers_broadcast_at_once_and_meet_at_barriers() {
    watch(|| {
        for spares in [0, 4] {
            let pool = ThreadPool::builder().workers(2).workers_max(2 + spares);
            let pool = Arc::new(pool.build().unwrap());
            for round in 0..200 {
                let both = Arc::new(Barrier::new(2));
                let tasks = [0, 1].map(|_| {
                    let (pool, both) = (pool.clone(), both.clone());
                    pool.clone().submit(move || {
                        both.wait();
                        if round % 2 == 0 {
                            let all = Barrier::new(2);
                            pool.broadcast(|_| _ = all.wait());
                        } else {
                            let all = raddle::sync::Barrier::new(2);
                            pool.broadcast(|_| _ = all.wait());
                        }
                        pool.broadcast(here)
                    })
                });
                for task in tasks {
                    let ran = task.result().unwrap();
                    // At the cap, one may be about to leave its wait at the barrier.
                    let exact = spares > 0 || round % 2 == 0;
                    assert!(distinct(&ran) == 2 || !exact && ran.len() == 2);
                }
            }
        }
    });
}

#[test]
fn threads_from_outside_broadcast_at_once() {
    watch(|| {
        let pool = capped(3);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..200 {
                        let all = Barrier::new(3);
                        let ran = pool.broadcast(|worker| {
                            all.wait();
                            here(worker)
                        });
                        assert_eq!(distinct(&ran), 3);
                        assert!(!ran.contains(&here(())));
                    }
                });
            }
        });
    });
}

#[test]
fn a_broadcast_within_a_broadcast() {
    watch(|| {
        let pool = capped(2);
        let count = AtomicUsize::new(0);
        pool.broadcast(|_| {
            pool.broadcast(|_| pool.broadcast(|_| count.fetch_add(1, SeqCst)));
        });
        assert_eq!(count.into_inner(), 8);
    });
}

#[test]
fn workers_are_started_for_it() {
    watch(|| {
        let pool = ThreadPool::for_blocking(5).unwrap();
        let all = Barrier::new(5);
        assert_eq!(pool.broadcast(|worker| _ = (worker, all.wait())).len(), 5);
        pool.resize(2);
        assert_eq!(pool.broadcast(here).len(), 2);
        let pool = common::pool(1);
        pool.resize(3);
        let all = Barrier::new(3);
        assert_eq!(pool.broadcast(|_| all.wait()).len(), 3);
    });
}

#[test]
fn a_worker_that_computes_is_waited_for() {
    watch(|| {
        let pool = pool(2);
        let gate = Gate::default();
        let busy = running(&pool, &gate, || ());
        let ended = AtomicUsize::new(0);
        thread::scope(|s| {
            s.spawn(|| pool.broadcast(|_| ended.fetch_add(1, SeqCst)));
            until(|| ended.load(SeqCst) == 1);
            thread::sleep(Duration::from_millis(20));
            assert_eq!(ended.load(SeqCst), 1);
            gate.open();
        });
        busy.result().unwrap();
        assert_eq!(ended.into_inner(), 2);
    });
}

#[test]
fn a_spare_takes_part_for_a_worker_that_is_blocked() {
    watch(|| {
        let pool = pool(1);
        let (goes_on, waits) = mpsc::channel::<()>();
        let (tells, told) = mpsc::channel();
        let blocked = pool.submit(move || {
            raddle::blocking(|| {
                tells.send(here(())).unwrap();
                waits.recv().unwrap_err();
            });
        });
        let worker = told.recv().unwrap();
        let ran = pool.broadcast(here);
        assert!(ran[0] != worker && ran[0] != here(()));
        drop(goes_on);
        blocked.result().unwrap();
    });
}

#[test]
fn a_worker_that_blocks_before_its_share_passes_it_on() {
    watch(|| {
        for workers_max in [1, 2] {
            let pool = ThreadPool::builder().workers(1).workers_max(workers_max);
            let pool = pool.build().unwrap();
            let (goes_on, waits) = mpsc::channel::<()>();
            let gate = Gate::default();
            let busy = running(&pool, &gate, move || {
                raddle::blocking(|| _ = waits.recv());
            });
            let opener = thread::spawn(move || {
                thread::sleep(Duration::from_millis(10));
                gate.open();
            });
            // At the cap the caller itself is the last resort.
            let ran = pool.broadcast(here);
            assert_eq!(ran[0] == here(()), workers_max == 1);
            drop(goes_on);
            busy.result().unwrap();
            opener.join().unwrap();
        }
    });
}

#[test]
fn a_task_may_wait_for_one_that_broadcasts() {
    watch(|| {
        for workers_max in [2, 3] {
            let pool = ThreadPool::builder().workers(2).workers_max(workers_max);
            let pool = Arc::new(pool.build().unwrap());
            for _ in 0..100 {
                let inner = pool.clone();
                let waits = pool.submit(move || {
                    let broadcasts = inner.clone();
                    let task = raddle::task(move || broadcasts.broadcast(here).len());
                    // Nobody but a worker may start it.
                    inner
                        .submit(task.timeout(Duration::from_secs(60)))
                        .result()
                        .unwrap()
                });
                assert_eq!(waits.result().unwrap(), 2);
            }
        }
    });
}

#[test]
fn the_first_panic_in_order_comes_out_when_all_have_ended() {
    struct Bomb<'a>(&'a AtomicUsize);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
            panic!("a result that panics as it is dropped");
        }
    }
    watch(|| {
        let pool = capped(3);
        let (dropped, ended) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
        let panics = catch_unwind(AssertUnwindSafe(|| {
            pool.broadcast(|worker| {
                if worker.get() == 2 {
                    panic!("the second");
                }
                if worker.get() == 1 {
                    thread::sleep(Duration::from_millis(10));
                    ended.fetch_add(1, SeqCst);
                    panic!("the first");
                }
                Bomb(dropped)
            })
        }));
        let Err(payload) = panics else {
            panic!("no panic")
        };
        assert_eq!(payload.downcast_ref(), Some(&"the first"));
        assert_eq!((ended.load(SeqCst), dropped.load(SeqCst)), (1, 1));
        assert_eq!(distinct(&pool.broadcast(here)), 3);
    });
}

#[test]
fn after_the_end_the_caller_runs_all() {
    watch(|| {
        let pool = pool(2);
        pool.shutdown(Shutdown::Finish);
        assert_eq!(pool.broadcast(here), [here(()); 2]);
    });
}

#[test]
fn a_broadcast_beside_the_end_runs_each_share_once() {
    watch(|| {
        for _ in 0..200 {
            let pool = pool(2);
            let count = AtomicUsize::new(0);
            thread::scope(|s| {
                s.spawn(|| pool.shutdown(Shutdown::Finish));
                pool.broadcast(|_| count.fetch_add(1, SeqCst));
            });
            assert_eq!(count.into_inner(), 2);
        }
    });
}

#[test]
fn a_broadcast_beside_threads_that_retire() {
    watch(|| {
        let pool = ThreadPool::builder().workers(3).on_demand(true);
        let pool = pool.keep_alive(Duration::from_micros(50)).build().unwrap();
        for turn in 0..300 {
            let all = Barrier::new(3);
            pool.broadcast(|_| _ = all.wait());
            thread::sleep(Duration::from_micros(turn % 100));
        }
    });
}

#[test]
fn a_broadcast_beside_resizes_and_tasks_that_block() {
    watch(|| {
        let pool = pool(3);
        let on = AtomicUsize::new(1);
        thread::scope(|s| {
            s.spawn(|| {
                let mut size = 0;
                while on.load(SeqCst) == 1 {
                    size += 1;
                    pool.resize(1 + size % 4);
                    let waits = || raddle::blocking(|| thread::sleep(Duration::from_micros(50)));
                    let tasks = pool.submit_many((0..4).map(|_| waits));
                    tasks.into_iter().for_each(|task| task.result().unwrap());
                }
            });
            for _ in 0..300 {
                let ran = Mutex::new(Vec::new());
                let width = pool
                    .broadcast(|worker| ran.lock().unwrap().push(worker))
                    .len();
                let mut ran = ran.into_inner().unwrap();
                ran.sort_unstable();
                let ran: Vec<usize> = ran.into_iter().map(usize::from).collect();
                assert_eq!(ran, (0..width).collect::<Vec<_>>());
            }
            on.store(0, SeqCst);
        });
    });
}

#[test]
fn a_hook_may_broadcast() {
    thread_local!(static IN_HOOK: Cell<bool> = const { Cell::new(false) });
    watch(|| {
        let gives = Arc::new(Mutex::new(None::<Arc<ThreadPool>>));
        let takes = gives.clone();
        let pool = ThreadPool::builder().workers(1).on_demand(true);
        let pool = pool.on_worker_start(move |_| {
            IN_HOOK.set(true);
            let pool = takes.lock().unwrap().take();
            assert_eq!(pool.unwrap().broadcast(|_| IN_HOOK.get()), [true]);
        });
        let pool = Arc::new(pool.build().unwrap());
        *gives.lock().unwrap() = Some(pool.clone());
        pool.submit(|| ()).result().unwrap();
    });
}

#[test]
fn what_runs_in_it_belongs_to_the_callers_task() {
    watch(|| {
        let pool = Arc::new(pool(2));
        let inner = pool.clone();
        let names = move || {
            inner.broadcast(|_| raddle::current().and_then(|task| task.name().map(str::to_owned)))
        };
        let names = pool.submit(raddle::task(names).named("mine")).result();
        assert_eq!(names.unwrap(), [Some("mine".into()), Some("mine".into())]);
        assert!(
            pool.broadcast(|_| raddle::current().is_none())
                .into_iter()
                .all(|none| none)
        );
    });
}

/// What a worker passes on as it blocks comes to no thread that is in a younger round:
/// that may wait for one that waits for this.
#[test]
fn two_that_meet_at_barriers_do_not_cross_when_workers_block() {
    watch(|| {
        let pool = ThreadPool::builder().workers(3).workers_max(16);
        let pool = Arc::new(pool.name("crossing").build().unwrap());
        // Two workers get a share of the first round at once, the third has a task.
        let (task_blocks, share_blocks, all_go_on) = (Gate::new(), Gate::new(), Gate::new());
        let begun = Gate::new();
        let task = pool.submit({
            let (begins, blocks, goes_on) = (begun.clone(), task_blocks.clone(), all_go_on.clone());
            move || {
                begins.open();
                blocks.wait();
                raddle::blocking(|| goes_on.wait());
            }
        });
        begun.wait();
        let in_first = Arc::new(AtomicUsize::new(0));
        let first = thread::spawn({
            let (pool, entered) = (pool.clone(), in_first.clone());
            let (blocks, goes_on) = (share_blocks.clone(), all_go_on.clone());
            move || {
                let all = Barrier::new(3);
                pool.broadcast(|_| {
                    if entered.fetch_add(1, SeqCst) == 0 {
                        blocks.wait();
                        raddle::blocking(|| goes_on.wait());
                    }
                    all.wait();
                });
            }
        });
        until(|| in_first.load(SeqCst) == 2);
        let in_second = Arc::new(AtomicUsize::new(0));
        let second = thread::spawn({
            let (pool, entered) = (pool.clone(), in_second.clone());
            move || {
                let all = Barrier::new(3);
                pool.broadcast(|_| {
                    entered.fetch_add(1, SeqCst);
                    all.wait();
                });
            }
        });
        until(|| {
            let text = raddle::dump();
            let own = text.split("pool ").find(|p| p.starts_with("\"crossing\""));
            own.is_some_and(|own| own.contains("shares of 2 broadcasts are to come"))
        });
        // Its share of the second round goes to a fourth thread, which begins with it.
        share_blocks.open();
        until(|| in_second.load(SeqCst) == 1);
        // And those of both rounds go on from here: not behind that one.
        task_blocks.open();
        until(|| in_first.load(SeqCst) == 3);
        all_go_on.open();
        task.result().unwrap();
        first.join().unwrap();
        second.join().unwrap();
    });
}
