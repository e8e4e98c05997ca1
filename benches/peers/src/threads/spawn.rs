//! What does it cost that a task submits tasks: with nobody waiting for them,
//! and with each parent taking the results of its two children?
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
fn forget(depth: u32, run: impl Fn(u32, &Arc<Count>)) -> f64 {
    let turn = |depth| {
        let count = Arc::new(Count::new());
        let since = Instant::now();
        run(depth, &count);
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

fn raddle_forget(pool: &Arc<ThreadPool>, depth: u32, count: &Arc<Count>) {
    let (inner, counter) = (Arc::clone(pool), Arc::clone(count));
    pool.submit(move || match depth {
        0 => counter.add(1),
        _ => {
            raddle_forget(&inner, depth - 1, &counter);
            raddle_forget(&inner, depth - 1, &counter);
        }
    })
    .detach();
}

fn raddle_tree(pool: &Arc<ThreadPool>, depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    let child = || {
        let inner = Arc::clone(pool);
        pool.submit(move || raddle_tree(&inner, depth - 1))
    };
    let (left, right) = (child(), child());
    right.result().unwrap() + left.result().unwrap() + 1
}

/// The pool's last owner may be a task, on a worker, which then ends its own pool.
fn raddle_pool() -> Arc<ThreadPool> {
    Arc::new(ThreadPool::new(2).unwrap())
}

fn rayon_scope_forget<'scope>(scope: &::rayon::Scope<'scope>, depth: u32, count: &'scope Count) {
    scope.spawn(move |scope| match depth {
        0 => count.add(1),
        _ => {
            rayon_scope_forget(scope, depth - 1, count);
            rayon_scope_forget(scope, depth - 1, count);
        }
    });
}

fn rayon_forget(depth: u32, count: &Arc<Count>) {
    let count = Arc::clone(count);
    ::rayon::spawn(move || match depth {
        0 => count.add(1),
        _ => {
            rayon_forget(depth - 1, &count);
            rayon_forget(depth - 1, &count);
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
    count: &'env Count,
) {
    scope.spawn(move |_: &forte::Worker| match depth {
        0 => count.add(1),
        _ => {
            forte_scope_forget(scope, depth - 1, count);
            forte_scope_forget(scope, depth - 1, count);
        }
    });
}

fn forte_forget(worker: &forte::Worker, depth: u32, count: &Arc<Count>) {
    let count = Arc::clone(count);
    worker.spawn(move |worker: &forte::Worker| match depth {
        0 => count.add(1),
        _ => {
            forte_forget(worker, depth - 1, &count);
            forte_forget(worker, depth - 1, &count);
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

fn tokio_forget(depth: u32, count: &Arc<Count>) {
    let count = Arc::clone(count);
    tokio::spawn(async move {
        match depth {
            0 => count.add(1),
            _ => {
                tokio_forget(depth - 1, &count);
                tokio_forget(depth - 1, &count);
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

type Executor = Arc<async_executor::Executor<'static>>;

fn async_forget(executor: &Executor, depth: u32, count: &Arc<Count>) {
    let (inner, counter) = (Arc::clone(executor), Arc::clone(count));
    let task = executor.spawn(async move {
        match depth {
            0 => counter.add(1),
            _ => {
                async_forget(&inner, depth - 1, &counter);
                async_forget(&inner, depth - 1, &counter);
            }
        }
    });
    task.detach();
}

fn async_tree(executor: &Executor, depth: u32) -> Boxed {
    let executor = Arc::clone(executor);
    Box::pin(async move {
        if depth == 0 {
            return 1;
        }
        let left = executor.spawn(async_tree(&executor, depth - 1));
        let right = executor.spawn(async_tree(&executor, depth - 1));
        left.await + right.await + 1
    })
}

fn executors_forget(depth: u32, count: &Arc<Count>) {
    let count = Arc::clone(count);
    let submitted = execute_locally(move || match depth {
        0 => count.add(1),
        _ => {
            executors_forget(depth - 1, &count);
            executors_forget(depth - 1, &count);
        }
    });
    assert!(submitted.is_ok(), "not on a worker");
}

fn forgotten(options: &Options) -> Question {
    let depth = options.pick(19, 9);
    Question::new(
        "recursive spawn, fire and forget",
        "ns/task",
        "a scope waits for its tasks; elsewhere the caller counts leaves from time to time",
    )
    .own("raddle", move || {
        let pool = raddle_pool();
        forget(depth, |depth, count| raddle_forget(&pool, depth, count))
    })
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
            let count = Arc::clone(count);
            FORTE.spawn(move |worker: &forte::Worker| {
                forte_forget(worker, depth, &count);
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
        forget(depth, |depth, count| {
            async_forget(&pool.executor, depth, count)
        })
    })
    .peer("executors stealing", move || {
        let pool = small_pool(2);
        let time = forget(depth, |depth, count| {
            let count = Arc::clone(count);
            pool.execute(move || executors_forget(depth, &count));
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
        let pool = raddle_pool();
        with_results(depth, |depth| {
            let inner = Arc::clone(&pool);
            pool.submit(move || raddle_tree(&inner, depth))
                .result()
                .unwrap()
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
        with_results(depth, |depth| {
            let root = async_tree(&pool.executor, depth);
            block_on(pool.executor.spawn(root))
        })
    })
    .bar("raddle", Limit::Times(1.0, Of::Best))
}

pub fn questions(options: &Options) -> Vec<Question> {
    vec![forgotten(options), taken(options)]
}
