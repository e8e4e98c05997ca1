//! What does a fork-join cost inside the tasks of a pool?

use std::time::Instant;

use raddle_peers::{Limit, Of, Options, Question};

use crate::count::Count;
use crate::forks::{self, RayonJoin, Recursion, forte, rayon};
use crate::pools::{FORTE, Forte, Pool as _, Rayon};

/// Microseconds by task; `run` adds what each of `tasks` computed.
pub fn time(tasks: usize, what: &Recursion, run: impl FnOnce(&Count)) -> f64 {
    let count = Count::new();
    let since = Instant::now();
    run(&count);
    let time = since.elapsed();
    assert_eq!(count.sum(), tasks as u64 * what.expected());
    time.as_secs_f64() * 1e6 / tasks as f64
}

fn rayon_scope(tasks: usize, what: &Recursion) -> f64 {
    let pool = Rayon::start(2).0;
    pool.install(|| rayon::run(RayonJoin, &Recursion::warm_up()));
    time(tasks, what, |count| {
        pool.scope(|scope| {
            for _ in 0..tasks {
                scope.spawn(move |_| count.add(rayon::run(RayonJoin, what)));
            }
        });
    })
}

fn rayon_handles(tasks: usize, what: &Recursion) -> f64 {
    let pool = Rayon::start(2).0;
    pool.install(|| rayon::run(RayonJoin, &Recursion::warm_up()));
    time(tasks, what, |count| {
        let receivers: Vec<_> = (0..tasks)
            .map(|_| {
                let (sender, receiver) = oneshot::channel();
                let what = what.clone();
                pool.spawn(move || {
                    let _ = sender.send(rayon::run(RayonJoin, &what));
                });
                receiver
            })
            .collect();
        for receiver in receivers {
            count.add(receiver.recv().unwrap());
        }
    })
}

fn forte_scope(tasks: usize, what: &Recursion) -> f64 {
    let _pool = Forte::start(1);
    FORTE.with_worker(|worker| forte::run(worker, &Recursion::warm_up()));
    time(tasks, what, |count| {
        FORTE.scope(|scope| {
            for _ in 0..tasks {
                scope.spawn(move |worker: &::forte::Worker| count.add(forte::run(worker, what)));
            }
        });
    })
}

fn plain(tasks: usize, what: &Recursion) -> f64 {
    time(tasks, what, |count| {
        for _ in 0..tasks {
            count.add(forks::plain::run(forks::Plain, what));
        }
    })
}

pub fn questions(options: &Options) -> Vec<Question> {
    let tasks = options.pick(1_000, 20);
    let what = Recursion::Squares(options.pick(1 << 14, 1 << 10));
    let run = |by: fn(usize, &Recursion) -> f64| {
        let what = what.clone();
        move || by(tasks, &what)
    };
    let in_scope = "nested fork-join, 1,000 tasks of a scope";
    let by_handle = "nested fork-join, 1,000 tasks with handles";
    let mut in_scope = Question::new(
        in_scope,
        "us/task",
        "each sums 2^14 squares by joins, 32 a leaf",
    );
    let mut by_handle = Question::new(by_handle, "us/task", "the same, submitted from outside");
    let ours = run(|tasks, what| crate::ours::nested_in_scope(2, tasks, what));
    in_scope = in_scope.own("raddle", ours);
    let ours = run(|tasks, what| crate::ours::nested_by_handle(2, tasks, what));
    by_handle = by_handle.own("raddle", ours);
    in_scope = in_scope
        .peer("rayon", run(rayon_scope))
        .peer("forte", run(forte_scope))
        .shown("sequential", run(plain));
    by_handle = by_handle
        .peer("rayon + oneshot", run(rayon_handles))
        .shown("sequential", run(plain));
    vec![
        in_scope.bar("raddle", Limit::Times(1.1, Of::Named("rayon"))),
        by_handle.bar("raddle", Limit::Times(1.1, Of::Named("rayon"))),
    ]
}
