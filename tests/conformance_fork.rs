//! Conformance: work stealing, scopes, panics (C099 to C150).
//!
//! Restated from the tests of rayon-core, JSR166, tokio's queue and crossbeam-deque.

mod common;

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::{Gate, hold, pool, until, watch, watch_for};
use raddle::{Scope, Shutdown, StartError, TaskError, ThreadPool};

fn text_of(thrown: Box<dyn std::any::Any + Send>) -> String {
    thrown
        .downcast_ref::<&str>()
        .map_or_else(String::new, |text| (*text).to_owned())
}

/// Counts how many of it exist.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[test]
fn c099_a_panic_of_either_half_of_a_join_comes_out_and_the_firsts_if_both_panic() {
    watch(|| {
        for workers in [1, 2] {
            let pool = pool(workers);
            let thrown = |a: bool, b: bool| {
                let join = || {
                    pool.join(
                        || assert!(!a, "first, on purpose"),
                        || assert!(!b, "second, on purpose"),
                    )
                };
                text_of(catch_unwind(AssertUnwindSafe(join)).unwrap_err())
            };
            for _ in 0..200 {
                assert_eq!(thrown(true, false), "first, on purpose");
                assert_eq!(thrown(false, true), "second, on purpose");
                assert_eq!(thrown(true, true), "first, on purpose");
            }
            // In a task it becomes the task's error.
            let task = pool.submit(|| raddle::join(|| panic!("on purpose"), || ()));
            let error = task.result().unwrap_err();
            assert!(error.to_string().contains("on purpose"));
            assert!(
                format!("{error:#}").contains("conformance_fork.rs"),
                "{error:#}"
            );
        }
    });
}

#[test]
fn c100_when_the_first_half_panics_the_second_has_ended_or_never_started() {
    watch(|| {
        let pool = pool(2);
        for round in 0..500 {
            let live = Arc::new(AtomicUsize::new(0));
            let (begun, ended) = (AtomicBool::new(false), AtomicBool::new(false));
            let held = Counted::new(&live);
            let join = || {
                pool.join(
                    || {
                        if round % 2 == 0 {
                            // Long enough for a thief, most times.
                            thread::sleep(Duration::from_micros(100));
                        }
                        panic!("on purpose")
                    },
                    || {
                        let _held = held;
                        begun.store(true, SeqCst);
                        thread::yield_now();
                        ended.store(true, SeqCst);
                    },
                )
            };
            assert!(catch_unwind(AssertUnwindSafe(join)).is_err());
            assert_eq!(begun.load(SeqCst), ended.load(SeqCst));
            assert_eq!(live.load(SeqCst), 0, "dropped with its captures");
        }
    });
}

#[test]
fn c102_a_scope_returns_what_its_body_returns_after_all_its_children() {
    watch(|| {
        let pool = pool(2);
        pool.scope(|_| ());
        assert_eq!(pool.scope(|_| 22), 22);
        let ran = AtomicUsize::new(0);
        let value = pool.scope(|s| {
            s.submit(|| ran.fetch_add(1, SeqCst));
            s.submit(|| ran.fetch_add(10, SeqCst));
            "value"
        });
        assert_eq!((value, ran.load(SeqCst)), ("value", 11));
    });
}

#[test]
fn c103_a_scope_that_divides_and_conquers_sums_as_a_loop_does() {
    fn count<'scope>(s: &'scope Scope<'scope, '_>, to: usize, sum: &'scope AtomicUsize) {
        if to > 1 {
            s.submit(move || count(s, to / 2, sum));
            s.submit(move || count(s, to - to / 2, sum));
        } else {
            sum.fetch_add(to, SeqCst);
        }
    }
    watch(|| {
        let sum = AtomicUsize::new(0);
        pool(2).scope(|s| count(s, 1024, &sum));
        assert_eq!(sum.load(SeqCst), 1024);
    });
}

struct Tree {
    value: u32,
    children: Vec<Tree>,
}

impl Tree {
    fn new(depth: u32, value: u32) -> Self {
        let width = if depth == 0 { 0 } else { 4 };
        let children = (0..width)
            .map(|n| Self::new(depth - 1, value + n))
            .collect();
        Self { value, children }
    }

    fn sum(&self) -> u64 {
        u64::from(self.value) + self.children.iter().map(Self::sum).sum::<u64>()
    }

    fn count(&self) -> u64 {
        1 + self.children.iter().map(Self::count).sum::<u64>()
    }

    fn update<'scope>(&'scope mut self, s: &'scope Scope<'scope, '_>) {
        self.value += 1;
        for child in &mut self.children {
            s.submit(move || child.update(s));
        }
    }
}

#[test]
fn c104_a_tree_is_updated_by_borrows_that_split_over_it() {
    watch(|| {
        let mut tree = Tree::new(5, 3);
        let (before, count) = (tree.sum(), tree.count());
        let pool = pool(2);
        pool.scope(|s| tree.update(s));
        assert_eq!(tree.sum(), before + count);
    });
}

#[test]
fn c105_children_take_no_stack_of_their_own() {
    watch_for(Duration::from_secs(60), || {
        // A scope of many children, and its owner has a small stack.
        let small = thread::Builder::new().stack_size(128 << 10);
        let body = || {
            let pool = pool(1);
            let ran = AtomicUsize::new(0);
            pool.scope(|s| {
                for _ in 0..100_000 {
                    s.submit(|| ran.fetch_add(1, SeqCst));
                }
            });
            assert_eq!(ran.load(SeqCst), 100_000);
        };
        small.spawn(body).unwrap().join().unwrap();
        // A chain of children, each submitted by the one before, all in one thread.
        fn chain<'scope>(s: &'scope Scope<'scope, '_>, left: u32, at: &'scope Mutex<[usize; 2]>) {
            let here = (&raw const left).addr();
            {
                let mut at = at.lock().unwrap();
                *at = [at[0].min(here), at[1].max(here)];
            }
            if left > 0 {
                s.submit(move || chain(s, left - 1, at));
            }
        }
        let pool = ThreadPool::builder().workers(1).workers_max(1);
        let pool = Arc::new(pool.build().unwrap());
        for length in [10, 10_000] {
            let inner = pool.clone();
            let task = pool.submit(move || {
                let at = Mutex::new([usize::MAX, 0]);
                inner.scope(|s| chain(s, length, &at));
                drop(inner);
                let [lowest, highest] = at.into_inner().unwrap();
                highest - lowest
            });
            let grown = task.result().unwrap();
            assert!(grown < 16 << 10, "{grown} bytes for a chain of {length}");
        }
    });
}

#[test]
fn c106_a_panic_of_a_grandchild_reaches_the_scope() {
    watch(|| {
        for workers in [1, 2] {
            let pool = pool(workers);
            let scope =
                || pool.scope(|s| drop(s.submit(move || drop(s.submit(|| panic!("on purpose"))))));
            assert_eq!(
                text_of(catch_unwind(AssertUnwindSafe(scope)).unwrap_err()),
                "on purpose"
            );
            let inner = || pool.scope(|_| pool.scope(|s| drop(s.submit(|| panic!("on purpose")))));
            assert_eq!(
                text_of(catch_unwind(AssertUnwindSafe(inner)).unwrap_err()),
                "on purpose"
            );
        }
    });
}

#[test]
fn c107_siblings_of_a_child_that_panics_still_run() {
    watch(|| {
        for workers in [1, 2] {
            let pool = pool(workers);
            for panics_first in [true, false] {
                let ran = AtomicUsize::new(0);
                let scope = || {
                    pool.scope(|s| {
                        if panics_first {
                            s.submit(|| panic!("on purpose"));
                        }
                        s.submit(|| ran.fetch_add(1, SeqCst));
                        if !panics_first {
                            s.submit(|| panic!("on purpose"));
                        }
                    });
                };
                assert!(catch_unwind(AssertUnwindSafe(scope)).is_err());
                assert_eq!(ran.load(SeqCst), 1);
            }
            let ran = AtomicUsize::new(0);
            let body = || {
                pool.scope(|s| {
                    s.submit(|| ran.fetch_add(1, SeqCst));
                    panic!("on purpose");
                });
            };
            assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
            assert_eq!(ran.load(SeqCst), 1);
        }
    });
}

/// The order in which one thread alone runs what its scope was given.
fn order_of(fifo: bool) -> Vec<usize> {
    let pool = Arc::new(
        ThreadPool::builder()
            .workers(1)
            .workers_max(1)
            .build()
            .unwrap(),
    );
    let inner = pool.clone();
    let task = pool.submit(move || {
        let order = Mutex::new(Vec::new());
        let body = |s: &dyn Fn(usize)| (0..10).for_each(s);
        if fifo {
            inner.scope_fifo(|s| {
                let order = &order;
                body(&|n| drop(s.submit(move || order.lock().unwrap().push(n))));
            });
        } else {
            inner.scope(|s| {
                let order = &order;
                body(&|n| drop(s.submit(move || order.lock().unwrap().push(n))));
            });
        }
        drop(inner);
        order.into_inner().unwrap()
    });
    task.result().unwrap()
}

#[test]
fn c108_one_thread_alone_runs_children_newest_first_or_in_order() {
    watch(|| {
        assert_eq!(order_of(false), (0..10).rev().collect::<Vec<_>>());
        assert_eq!(order_of(true), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn c110_scopes_borrow_for_ever_and_for_a_while() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    watch(|| {
        let pool = pool(2);
        let here = AtomicUsize::new(0);
        let mut range = 0..100;
        let sum: i32 = range.clone().sum();
        pool.scope(|s| {
            s.submit(|| COUNT.fetch_add(1, SeqCst));
            s.submit(|| here.fetch_add(1, SeqCst));
            let range = &mut range;
            s.submit(move || assert_eq!(range.by_ref().sum::<i32>(), sum));
        });
        assert_eq!((COUNT.load(SeqCst), here.load(SeqCst)), (1, 1));
        assert_eq!(range.next(), None);
    });
}

#[test]
fn c111_a_broadcast_inside_a_scope_meets_every_worker() {
    watch(|| {
        let pool = pool(4);
        let all = Barrier::new(4);
        let count = AtomicUsize::new(0);
        let meet = || {
            pool.broadcast(|_| {
                all.wait();
                count.fetch_add(1, SeqCst);
            });
        };
        // By the scope's own thread, and by a child.
        pool.scope(|_| meet());
        pool.scope(|s| drop(s.submit(meet)));
        assert_eq!(count.load(SeqCst), 8);
    });
}

#[test]
fn c112_a_panic_of_a_broadcast_is_collected() {
    watch(|| {
        let pool = pool(5);
        for panicking in [&[3][..], &[0, 2, 4], &[0, 1, 2, 3, 4]] {
            let count = AtomicUsize::new(0);
            let thrown = catch_unwind(AssertUnwindSafe(|| {
                pool.broadcast(|worker| {
                    count.fetch_add(1, SeqCst);
                    if panicking.contains(&worker.get()) {
                        std::panic::panic_any(worker);
                    }
                })
            }));
            // The first in order, when all have ended.
            let first = thrown
                .unwrap_err()
                .downcast::<raddle::WorkerIndex>()
                .unwrap();
            assert_eq!(first.get(), panicking[0]);
            assert_eq!(count.load(SeqCst), 5);
        }
        assert_eq!(pool.broadcast(|worker| worker.get()), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn c114_a_broadcast_reaches_workers_that_fall_asleep() {
    watch(|| {
        let pool = pool(7);
        for turn in 0..200 {
            // Some have just found nothing, some sleep, and some are called for this.
            pool.submit(|| ()).detach();
            assert_eq!(pool.broadcast(|_| ()).len(), 7);
            thread::sleep(Duration::from_micros(turn));
        }
        let task = raddle::task(|| ()).timeout(Duration::from_secs(60));
        pool.submit(task).result().unwrap();
    });
}

#[test]
fn c115_a_task_submitted_before_a_join_runs_beside_it() {
    watch(|| {
        let pool = Arc::new(pool(1));
        // Outside: the worker is free.
        let (told, hears) = mpsc::channel();
        pool.submit(move || told.send(22).unwrap()).detach();
        pool.join(|| (), || ());
        assert_eq!(hears.recv(), Ok(22));
        // Inside, in the only worker: it runs when the join has returned.
        let inner = pool.clone();
        let (told, hears) = mpsc::channel();
        let task = pool.submit(move || {
            inner.submit(move || told.send(22).unwrap()).detach();
            inner.join(|| (), || ());
        });
        task.result().unwrap();
        assert_eq!(hears.recv(), Ok(22));
    });
}

#[test]
fn c116_a_pool_dropped_while_its_tasks_submit_runs_them_all() {
    fn spread(pool: &Arc<ThreadPool>, depth: u32, ran: &Arc<AtomicUsize>) {
        ran.fetch_add(1, SeqCst);
        if depth > 0 {
            for _ in 0..2 {
                let (inner, ran) = (pool.clone(), ran.clone());
                pool.submit(move || spread(&inner, depth - 1, &ran))
                    .detach();
            }
        }
    }
    watch(|| {
        for workers in [1, 2] {
            let pool = Arc::new(pool(workers));
            let ran = Arc::new(AtomicUsize::new(0));
            let (inner, counts) = (pool.clone(), ran.clone());
            pool.submit(move || spread(&inner, 8, &counts)).detach();
            drop(pool);
            until(|| ran.load(SeqCst) == 511);
        }
        // While unwinding, what is queued is cancelled.
        let (queued, gate) = (Mutex::new(None), Gate::new());
        let unwinds = || {
            let pool = pool(1);
            let waits = gate.clone();
            let busy = common::running(&pool, &waits, || ());
            *queued.lock().unwrap() = Some((busy, pool.submit(|| ())));
            gate.open();
            let _held = hold;
            panic!("on purpose");
        };
        assert!(catch_unwind(AssertUnwindSafe(unwinds)).is_err());
        let (busy, queued) = queued.into_inner().unwrap().unwrap();
        busy.result().unwrap();
        assert!(matches!(
            queued.result(),
            Ok(()) | Err(TaskError::Cancelled)
        ));
    });
}

#[test]
fn c117_a_panic_handler_may_itself_submit() {
    watch(|| {
        let (told, hears) = mpsc::channel();
        let pool: Arc<Mutex<Option<Arc<ThreadPool>>>> = Arc::default();
        let handler = pool.clone();
        let built = ThreadPool::builder().workers(1).on_panic(move |_| {
            let pool = handler.lock().unwrap().clone().unwrap();
            let told = told.clone();
            pool.submit(move || told.send(22).unwrap()).detach();
        });
        let built = Arc::new(built.build().unwrap());
        *pool.lock().unwrap() = Some(built.clone());
        built.submit(|| panic!("on purpose")).detach();
        assert_eq!(hears.recv(), Ok(22));
        pool.lock().unwrap().take();
    });
}

#[test]
fn c118_handlers_that_panic_end_nothing() {
    watch(|| {
        let builder = ThreadPool::builder()
            .workers(2)
            .on_panic(|_| panic!("on purpose"));
        let builder = builder.on_worker_start(|_| panic!("on purpose"));
        let pool = builder
            .on_worker_exit(|_| panic!("on purpose"))
            .build()
            .unwrap();
        for _ in 0..10 {
            pool.submit(|| panic!("on purpose")).detach();
        }
        assert_eq!(pool.submit(|| 22).result().unwrap(), 22);
        assert_eq!(pool.join(|| 1, || 2), (1, 2));
        drop(pool);
    });
}

#[test]
fn c119_start_and_exit_hooks_are_called_once_for_each_thread() {
    watch(|| {
        let (starts, exits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (started, exited) = (starts.clone(), exits.clone());
        let count = |counter: Arc<AtomicUsize>| {
            move |_| {
                counter.fetch_add(1, SeqCst);
            }
        };
        let builder = ThreadPool::builder()
            .workers(4)
            .on_worker_start(count(started));
        let pool = builder.on_worker_exit(count(exited)).build().unwrap();
        pool.join(|| (), || ());
        pool.scope(|s| drop(s.submit(|| ())));
        drop(pool);
        assert_eq!((starts.load(SeqCst), exits.load(SeqCst)), (4, 4));
    });
}

#[test]
fn c120_errors_are_send_sync_and_static() {
    fn check<E: std::error::Error + Send + Sync + 'static>() {}
    check::<TaskError>();
    check::<StartError>();
    check::<raddle::GroupError>();
    check::<raddle::Panic>();
    check::<raddle::TimedOut>();
}

#[test]
fn c121_a_thread_on_its_way_out_is_no_worker() {
    struct AtExit(mpsc::Sender<(bool, (i32, i32))>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            let joined = raddle::join(|| 1, || 2);
            self.0.send((raddle::current().is_none(), joined)).unwrap();
        }
    }
    thread_local! {
        static AT_EXIT: Cell<Option<AtExit>> = const { Cell::new(None) };
    }
    watch(|| {
        let (told, hears) = mpsc::channel();
        let pool = pool(1);
        pool.submit(move || AT_EXIT.set(Some(AtExit(told))))
            .result()
            .unwrap();
        drop(pool);
        assert_eq!(hears.recv(), Ok((true, (1, 2))));
    });
}

#[test]
fn c122_a_drop_ends_sleeping_workers_at_once_and_busy_ones_after_their_tasks() {
    watch(|| {
        let exits = Arc::new(AtomicUsize::new(0));
        let exited = exits.clone();
        let pool = ThreadPool::builder().workers(8).on_worker_exit(move |_| {
            exited.fetch_add(1, SeqCst);
        });
        let pool = pool.build().unwrap();
        drop(pool);
        assert_eq!(exits.load(SeqCst), 8);
        let pool = common::pool(2);
        let gate = Gate::new();
        let busy = common::running(&pool, &gate, || 22);
        thread::scope(|s| {
            s.spawn(|| drop(pool));
            gate.open();
        });
        assert!(busy.is_finished());
        assert_eq!(busy.result().unwrap(), 22);
    });
}

#[test]
fn c123_a_stack_that_no_system_gives_is_an_error() {
    watch(|| {
        let built = ThreadPool::builder()
            .workers(4)
            .stack_size(usize::MAX / 4)
            .build();
        assert!(
            matches!(built, Err(StartError::Threads { .. })),
            "{built:?}"
        );
        let error = built.unwrap_err();
        assert!(!error.to_string().is_empty());
    });
}

#[test]
#[ignore = "not applicable: a pool's name is a text, not a closure"]
fn c124_a_naming_closure_that_panics() {}

#[test]
fn c125_a_pool_of_one_submits_to_itself_and_waits() {
    watch(|| {
        let pool = Arc::new(pool(1));
        let inner = pool.clone();
        let task = pool.submit(move || {
            let nested = inner.submit(|| raddle::join(|| 1, || 2));
            let answer = nested.result().unwrap();
            drop(inner);
            answer
        });
        assert_eq!(task.result().unwrap(), (1, 2));
    });
}

#[test]
fn c126_two_pools_of_one_join_and_wait_in_each_other() {
    fn ping(pools: [Arc<ThreadPool>; 2], depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let [here, there] = pools;
        let (a, b) = here.clone().join(
            || {
                let pools = [there.clone(), here.clone()];
                there
                    .submit(move || ping(pools, depth - 1))
                    .result()
                    .unwrap()
            },
            || 1,
        );
        a + b
    }
    watch(|| {
        for _ in 0..20 {
            let pools = [Arc::new(pool(1)), Arc::new(pool(1))];
            assert_eq!(ping(pools.clone(), 20), 20);
            // All asleep, then once more.
            until(|| pools.iter().all(|pool| pool.stats().running == 0));
            assert_eq!(ping(pools, 20), 20);
        }
    });
}

#[test]
fn c127_a_scope_whose_body_runs_in_the_caller_does_not_need_the_worker() {
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        // The only worker is busy: the caller runs the child.
        let mut ran = false;
        pool.scope(|s| {
            s.submit(|| ran = true);
        });
        assert!(ran);
        held.release();
    });
}

#[test]
#[ignore = "not applicable: a worker never runs a stranger's job on top of a task"]
fn c128_yielding_to_what_is_queued() {}

#[test]
fn c129_an_overflow_of_a_workers_stack_ends_the_process() {
    const CHILD: &str = "RADDLE_TEST_OVERFLOWS";
    #[allow(unconditional_recursion)]
    fn overflow(depth: &mut [u8; 4096]) -> usize {
        let mut next = std::hint::black_box(*depth);
        next[0] = next[0].wrapping_add(1);
        overflow(&mut next) + usize::from(next[0])
    }
    if std::env::var_os(CHILD).is_some() {
        let pool = pool(1);
        let _ = pool.submit(|| overflow(&mut [0; 4096])).result();
        unreachable!("it has overflowed");
    }
    watch(|| {
        use std::os::unix::process::ExitStatusExt;
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "c129_an_overflow_of_a_workers_stack_ends_the_process",
        ]);
        let output = child.arg("--nocapture").env(CHILD, "1").output().unwrap();
        let signal = output.status.signal();
        assert!(
            matches!(signal, Some(libc::SIGSEGV | libc::SIGABRT)),
            "{output:?}"
        );
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("overflowed its stack"), "{text}");
    });
}

#[test]
#[ignore = "not applicable: raddle starts its threads itself"]
fn c130_a_closure_that_starts_the_threads_carries_scoped_locals() {}

#[test]
fn c131_the_caller_of_a_join_is_a_worker_meanwhile() {
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let here = thread::current().id();
        let ids = pool.join(|| thread::current().id(), || thread::current().id());
        assert_eq!(ids, (here, here), "the only other worker is busy");
        held.release();
        let ids = Mutex::new(HashSet::new());
        pool.par_for(0..8, |_| {
            thread::sleep(Duration::from_millis(5));
            ids.lock().unwrap().insert(thread::current().id());
        });
        assert!(ids.into_inner().unwrap().contains(&here));
    });
}

#[test]
fn c135_after_the_last_task_a_pool_is_quiet() {
    watch(|| {
        let pool = pool(2);
        pool.scope(|s| {
            for _ in 0..100 {
                s.submit(|| raddle::join(|| (), || ()));
            }
        });
        pool.par_for(0..1000, |_| ());
        until(|| {
            let stats = pool.stats();
            stats.running + stats.queued + stats.blocked == 0
        });
        until(|| pool.stats().finished == 100);
    });
}

#[test]
fn c137_an_owner_takes_back_what_nobody_has_stolen() {
    watch(|| {
        let pool = Arc::new(pool(1));
        let inner = pool.clone();
        let task = pool.submit(move || {
            let here = thread::current().id();
            let ran = AtomicUsize::new(0);
            let half = || {
                assert_eq!(thread::current().id(), here);
                ran.fetch_add(1, SeqCst);
            };
            inner.join(|| (), half);
            drop(inner);
            ran.into_inner()
        });
        assert_eq!(task.result().unwrap(), 1);
    });
}

#[test]
fn c138_what_has_not_started_is_drained_by_a_shutdown() {
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let queued = pool.submit_many((0..100).map(|_| || ()));
        let report = thread::scope(|s| {
            let ends = s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            until(|| queued.iter().all(raddle::Handle::is_finished));
            held.release();
            ends.join().unwrap()
        });
        assert_eq!(report.cancelled, 100);
        assert!(
            queued
                .into_iter()
                .all(|task| matches!(task.result(), Err(TaskError::Cancelled)))
        );
    });
}

#[test]
#[ignore = "not applicable: a waiter never runs a stranger's job"]
fn c140_helping_until_all_is_quiet() {}

#[test]
fn c141_one_worker_runs_its_own_newest_first_and_what_comes_from_outside_in_order() {
    watch(|| {
        let pool = Arc::new(pool(1));
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |n: usize| {
            let order = order.clone();
            move || order.lock().unwrap().push(n)
        };
        let held = hold(&pool);
        let outside: Vec<_> = (0..10).map(|n| pool.submit(note(n))).collect();
        held.release();
        outside.into_iter().for_each(|task| task.result().unwrap());
        assert_eq!(
            std::mem::take(&mut *order.lock().unwrap()),
            (0..10).collect::<Vec<_>>()
        );
        let (inner, notes) = (pool.clone(), (0..10).map(note).collect::<Vec<_>>());
        let task = pool.submit(move || {
            notes
                .into_iter()
                .map(|note| inner.submit(note))
                .collect::<Vec<_>>()
        });
        task.result()
            .unwrap()
            .into_iter()
            .for_each(|task| task.wait());
        assert_eq!(*order.lock().unwrap(), (0..10).rev().collect::<Vec<_>>());
    });
}

#[test]
fn c142_thieves_take_each_task_once_and_lose_none() {
    const TASKS: usize = 100_000;
    watch_for(Duration::from_secs(60), || {
        let pool = Arc::new(pool(4));
        let seen: Arc<[AtomicUsize]> = (0..TASKS).map(|_| AtomicUsize::new(0)).collect();
        let inner = pool.clone();
        let notes = seen.clone();
        let all = pool.submit(move || {
            let tasks = (0..TASKS).map(|n| {
                let notes = notes.clone();
                move || {
                    notes[n].fetch_add(1, SeqCst);
                }
            });
            let handles = inner.submit_many(tasks);
            drop(inner);
            handles
        });
        all.result()
            .unwrap()
            .into_iter()
            .for_each(|task| task.result().unwrap());
        assert!(seen.iter().all(|count| count.load(SeqCst) == 1));
    });
}

#[test]
fn c143_owner_and_thieves_all_make_progress() {
    watch_for(Duration::from_secs(60), || {
        let pool = Arc::new(pool(4));
        let ids = Arc::new(Mutex::new(HashSet::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let inner = pool.clone();
        let (sees, ends) = (ids.clone(), ended.clone());
        // One owner that goes on submitting, until all four have run something.
        let owner = pool.submit(move || {
            while !ends.load(SeqCst) {
                let sees = sees.clone();
                let note = move || {
                    sees.lock().unwrap().insert(thread::current().id());
                };
                inner.submit(note).detach();
                thread::yield_now();
            }
            drop(inner);
        });
        until(|| ids.lock().unwrap().len() >= 3);
        ended.store(true, SeqCst);
        owner.result().unwrap();
    });
}

#[test]
fn c144_what_is_never_run_is_dropped_once() {
    watch(|| {
        let live = Arc::new(AtomicUsize::new(0));
        let pool = pool(1);
        let held = hold(&pool);
        for _ in 0..1000 {
            let counted = Counted::new(&live);
            pool.submit(move || drop(counted)).detach();
        }
        assert_eq!(live.load(SeqCst), 1000);
        thread::scope(|s| {
            s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
            until(|| live.load(SeqCst) == 0);
            held.release();
        });
        drop(pool);
        assert_eq!(live.load(SeqCst), 0);
    });
}

#[test]
#[ignore = "crossbeam-deque's own: batches between its flavours"]
fn c145_batches_keep_their_order() {}

#[test]
fn c146_a_long_queue_is_dropped_on_a_small_stack() {
    watch_for(Duration::from_secs(60), || {
        let small = thread::Builder::new().stack_size(64 << 10);
        let body = || {
            let pool = pool(1);
            let held = hold(&pool);
            let handles = pool.submit_many((0..300_000).map(|_| || ()));
            drop(handles);
            thread::scope(|s| {
                s.spawn(|| pool.shutdown(Shutdown::CancelQueued));
                until(|| pool.stats().queued == 0);
                held.release();
            });
        };
        small.spawn(body).unwrap().join().unwrap();
    });
}

#[test]
#[ignore = "not applicable: no local queue spills into another"]
fn c147_stealing_while_a_queue_spills() {}

#[test]
fn c148_a_thief_is_robbed_in_its_turn() {
    fn sum(from: u64, to: u64) -> u64 {
        if to - from == 1 {
            thread::yield_now();
            return from;
        }
        let middle = from.midpoint(to);
        let (a, b) = raddle::join(|| sum(from, middle), || sum(middle, to));
        a + b
    }
    watch_for(Duration::from_secs(60), || {
        // One root: whatever a third thread has, it stole from a thief.
        let pool = pool(4);
        for _ in 0..50 {
            assert_eq!(pool.submit(|| sum(0, 2000)).result().unwrap(), 1_999_000);
        }
    });
}

#[test]
fn c149_a_lane_is_as_wide_as_it_says() {
    fn left(pool: &ThreadPool, depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let (a, b) = pool.join(|| left(pool, depth - 1), || 1);
        a + b
    }
    watch(|| {
        let pool = pool(2);
        let body = move || {
            for depth in [1, 3, 4, 5, 6, 1023, 1024, 1025, 4096] {
                assert_eq!(left(&pool, depth), depth);
            }
        };
        let deep = thread::Builder::new().stack_size(32 << 20);
        deep.spawn(body).unwrap().join().unwrap();
    });
}

#[test]
fn c150_shutdowns_race_with_submits_and_wakes() {
    watch_for(Duration::from_secs(60), || {
        for round in 0..300 {
            let pool = pool(2);
            let handles = thread::scope(|s| {
                let submits =
                    s.spawn(|| (0..20).map(|n| pool.submit(move || n)).collect::<Vec<_>>());
                s.spawn(|| {
                    pool.shutdown(match round % 3 {
                        0 => Shutdown::Finish,
                        1 => Shutdown::CancelQueued,
                        _ => Shutdown::Kill,
                    })
                });
                submits.join().unwrap()
            });
            for (n, handle) in handles.into_iter().enumerate() {
                match handle.result() {
                    Ok(value) => assert_eq!(value, n),
                    Err(error) => assert!(
                        matches!(error, TaskError::Cancelled | TaskError::Refused(_)),
                        "{error:?}"
                    ),
                }
            }
        }
    });
}
