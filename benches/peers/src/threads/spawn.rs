//! What does it cost that a task submits tasks: with nobody waiting for them,
//! and with each parent taking the results of its two children?
//!
//! What tasks share is borrowed for ever (leaked): counting references from two
//! processors would cost as much as the tasks.
//!
//! A parent of depth n has two children of depth n - 1, so that there are
//! 2^(n+1) - 1 tasks, each submitted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use executors::Executor as _;
use executors::crossbeam_workstealing_pool::{execute_locally, small_pool};
use futures_lite::future::block_on;
use raddle::ThreadPool;
use raddle_peers::{Limit, Of, Options, Question};

use crate::count::Count;
use crate::pools::{AsyncExecutor, FORTE, Forte, Pool as _, Rayon, Tokio};

/// A boxed future: an async recursion needs one.
type Boxed = Pin<Box<dyn Future<Output = u64> + Send>>;

fn tasks(depth: u32) -> u64 {
    (2 << depth) - 1
}

/// Nanoseconds by task; `run` adds 1 for each leaf, and may return before.
fn forget(depth: u32, run: impl Fn(u32, &'static Count)) -> f64 {
    let turn = |depth| {
        let count: &Count = Box::leak(Box::new(Count::new()));
        let since = Instant::now();
        run(depth, count);
        count.wait_for(1 << depth);
        let time = since.elapsed();
        assert_eq!(count.sum(), 1 << depth);
        time.as_secs_f64() * 1e9 / tasks(depth) as f64
    };
    turn(depth.min(8));
    turn(depth)
}

/// Nanoseconds by task; `run` returns how many tasks there were.
fn with_results(depth: u32, run: impl Fn(u32) -> u64) -> f64 {
    let turn = |depth| {
        let since = Instant::now();
        let got = run(depth);
        let time = since.elapsed();
        assert_eq!(got, tasks(depth));
        time.as_secs_f64() * 1e9 / tasks(depth) as f64
    };
    turn(depth.min(8));
    turn(depth)
}

fn raddle_forget(pool: &'static ThreadPool, depth: u32, count: &'static Count) {
    pool.submit(move || match depth {
        0 => count.add(1),
        _ => {
            raddle_forget(pool, depth - 1, count);
            raddle_forget(pool, depth - 1, count);
        }
    })
    .detach();
}

fn raddle_tree(pool: &'static ThreadPool, depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    let child = || pool.submit(move || raddle_tree(pool, depth - 1));
    let (left, right) = (child(), child());
    right.result().unwrap() + left.result().unwrap() + 1
}

/// A pool that tasks borrow; it is ended, and stays as an empty shell.
fn with_raddle(run: impl FnOnce(&'static ThreadPool) -> f64) -> f64 {
    let pool: &ThreadPool = Box::leak(Box::new(ThreadPool::new(2).unwrap()));
    let time = run(pool);
    pool.shutdown(raddle::Shutdown::Finish);
    time
}

fn rayon_scope_forget<'scope>(scope: &::rayon::Scope<'scope>, depth: u32, count: &'static Count) {
    scope.spawn(move |scope| match depth {
        0 => count.add(1),
        _ => {
            rayon_scope_forget(scope, depth - 1, count);
            rayon_scope_forget(scope, depth - 1, count);
        }
    });
}

fn rayon_forget(depth: u32, count: &'static Count) {
    ::rayon::spawn(move || match depth {
        0 => count.add(1),
        _ => {
            rayon_forget(depth - 1, count);
            rayon_forget(depth - 1, count);
        }
    });
}

fn rayon_tree(depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    let (mut left, mut right) = (0, 0);
    ::rayon::scope(|scope| {
        scope.spawn(|_| left = rayon_tree(depth - 1));
        scope.spawn(|_| right = rayon_tree(depth - 1));
    });
    left + right + 1
}

fn forte_scope_forget<'scope, 'env>(
    scope: &'scope forte::Scope<'scope, 'env>,
    depth: u32,
    count: &'static Count,
) {
    scope.spawn(move |_: &forte::Worker| match depth {
        0 => count.add(1),
        _ => {
            forte_scope_forget(scope, depth - 1, count);
            forte_scope_forget(scope, depth - 1, count);
        }
    });
}

fn forte_forget(worker: &forte::Worker, depth: u32, count: &'static Count) {
    worker.spawn(move |worker: &forte::Worker| match depth {
        0 => count.add(1),
        _ => {
            forte_forget(worker, depth - 1, count);
            forte_forget(worker, depth - 1, count);
        }
    });
}

fn forte_tree(worker: &forte::Worker, depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    let (mut left, mut right) = (0, 0);
    worker.scope(|scope| {
        scope.spawn(|worker: &forte::Worker| left = forte_tree(worker, depth - 1));
        scope.spawn(|worker: &forte::Worker| right = forte_tree(worker, depth - 1));
    });
    left + right + 1
}

fn forte_futures(depth: u32) -> Boxed {
    Box::pin(async move {
        if depth == 0 {
            return 1;
        }
        let left = FORTE.spawn(forte_futures(depth - 1));
        let right = FORTE.spawn(forte_futures(depth - 1));
        left.await + right.await + 1
    })
}

fn tokio_forget(depth: u32, count: &'static Count) {
    tokio::spawn(async move {
        match depth {
            0 => count.add(1),
            _ => {
                tokio_forget(depth - 1, count);
                tokio_forget(depth - 1, count);
            }
        }
    });
}

fn tokio_tree(depth: u32) -> Boxed {
    Box::pin(async move {
        if depth == 0 {
            return 1;
        }
        let left = tokio::spawn(tokio_tree(depth - 1));
        let right = tokio::spawn(tokio_tree(depth - 1));
        left.await.unwrap() + right.await.unwrap() + 1
    })
}

type Executor = async_executor::Executor<'static>;

fn async_forget(executor: &'static Executor, depth: u32, count: &'static Count) {
    let task = executor.spawn(async move {
        match depth {
            0 => count.add(1),
            _ => {
                async_forget(executor, depth - 1, count);
                async_forget(executor, depth - 1, count);
            }
        }
    });
    task.detach();
}

fn async_tree(executor: &'static Executor, depth: u32) -> Boxed {
    Box::pin(async move {
        if depth == 0 {
            return 1;
        }
        let left = executor.spawn(async_tree(executor, depth - 1));
        let right = executor.spawn(async_tree(executor, depth - 1));
        left.await + right.await + 1
    })
}

/// An executor that tasks borrow, as from a static.
fn lent(pool: &AsyncExecutor) -> &'static Executor {
    Box::leak(Box::new(Arc::clone(&pool.executor)))
}

fn executors_forget(depth: u32, count: &'static Count) {
    let submitted = execute_locally(move || match depth {
        0 => count.add(1),
        _ => {
            executors_forget(depth - 1, count);
            executors_forget(depth - 1, count);
        }
    });
    assert!(submitted.is_ok(), "not on a worker");
}

fn forgotten(options: &Options) -> Question {
    let depth = options.pick(19, 9);
    let question = Question::new(
        "recursive spawn, fire and forget",
        "ns/task",
        "a scope waits for its tasks; elsewhere the caller counts leaves from time to time",
    )
    .own("raddle", move || {
        with_raddle(|pool| forget(depth, |depth, count| raddle_forget(pool, depth, count)))
    });
    let question = question.own("raddle scope", move || {
        with_raddle(|pool| {
            forget(depth, |depth, count| {
                pool.scope(|scope| crate::ours::scope_forget(scope, depth, count));
            })
        })
    });
    question
        .peer("rayon scope", move || {
            let pool = Rayon::start(2).0;
            forget(depth, |depth, count| {
                pool.scope(|scope| rayon_scope_forget(scope, depth, count));
            })
        })
        .peer("rayon spawn", move || {
            let pool = Rayon::start(2).0;
            forget(depth, |depth, count| {
                pool.install(|| rayon_forget(depth, count));
            })
        })
        .peer("forte scope", move || {
            let _pool = Forte::start(1);
            forget(depth, |depth, count| {
                FORTE.scope(|scope| forte_scope_forget(scope, depth, count));
            })
        })
        .peer("forte spawn", move || {
            let _pool = Forte::start(2);
            forget(depth, |depth, count| {
                FORTE.spawn(move |worker: &forte::Worker| {
                    forte_forget(worker, depth, count);
                });
            })
        })
        .peer("tokio spawn", move || {
            let pool = Tokio::start(2).0;
            forget(depth, |depth, count| {
                pool.block_on(async { tokio_forget(depth, count) });
            })
        })
        .peer("async-executor", move || {
            let pool = AsyncExecutor::start(2);
            let executor = lent(&pool);
            forget(depth, |depth, count| async_forget(executor, depth, count))
        })
        .peer("executors stealing", move || {
            let pool = small_pool(2);
            let time = forget(depth, |depth, count| {
                pool.execute(move || executors_forget(depth, count));
            });
            pool.shutdown().unwrap();
            time
        })
        .bar("raddle", Limit::Times(1.0, Of::Best))
}

fn taken(options: &Options) -> Question {
    let depth = options.pick(19, 9);
    Question::new(
        "recursive spawn, with results",
        "ns/task",
        "rayon and forte scope: results by borrowed variables, as they have no handles",
    )
    .own("raddle", move || {
        with_raddle(|pool| {
            with_results(depth, |depth| {
                let root = pool.submit(move || raddle_tree(pool, depth));
                root.result().unwrap()
            })
        })
    })
    .peer("rayon scope", move || {
        let pool = Rayon::start(2).0;
        with_results(depth, |depth| pool.install(|| rayon_tree(depth)))
    })
    .peer("forte scope", move || {
        let _pool = Forte::start(1);
        with_results(depth, |depth| {
            FORTE.with_worker(|worker| forte_tree(worker, depth))
        })
    })
    .peer("forte futures", move || {
        let _pool = Forte::start(1);
        with_results(depth, |depth| FORTE.block_on(forte_futures(depth)))
    })
    .peer("tokio spawn", move || {
        let pool = Tokio::start(2).0;
        with_results(depth, |depth| {
            pool.block_on(pool.spawn(tokio_tree(depth))).unwrap()
        })
    })
    .peer("async-executor", move || {
        let pool = AsyncExecutor::start(2);
        let executor = lent(&pool);
        with_results(depth, |depth| {
            let root = async_tree(executor, depth);
            block_on(pool.executor.spawn(root))
        })
    })
    .bar("raddle", Limit::Times(1.0, Of::Best))
}

pub fn questions(options: &Options) -> Vec<Question> {
    vec![forgotten(options), taken(options)]
}
