//! What does it cost to submit a small closure from outside, and to take its
//! result by its handle?

use std::sync::Barrier;
use std::time::Instant;

use raddle_peers::{Limit, Of, Options, Question};

use crate::pools::{self, Pool, worked};
use crate::python;

/// Nanoseconds by task, from so many outside threads.
pub fn flood<P: Pool>(threads: usize, outside: u64, tasks: u64) -> f64 {
    let pool = P::start(threads);
    let each = tasks / outside;
    pool.flood(0..each / 100);
    let start = Barrier::new(outside as usize);
    let times: Vec<_> = std::thread::scope(|scope| {
        let (pool, start) = (&pool, &start);
        let threads: Vec<_> = (0..outside)
            .map(|at| {
                scope.spawn(move || {
                    let numbers = at * each..(at + 1) * each;
                    start.wait();
                    let since = Instant::now();
                    let sum = pool.flood(numbers.clone());
                    let until = Instant::now();
                    assert_eq!(sum, worked(numbers));
                    (since, until)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let first = times.iter().map(|time| time.0).min().unwrap();
    let last = times.iter().map(|time| time.1).max().unwrap();
    (last - first).as_secs_f64() * 1e9 / (each * outside) as f64
}

fn question(name: &'static str, outside: u64, most: f64, options: &Options) -> Question {
    fn entrant<P: Pool>(outside: u64, tasks: u64) -> (&'static str, impl Fn() -> f64) {
        (P::NAME, move || flood::<P>(2, outside, tasks))
    }
    let tasks = options.pick(1_000_000, 4_000);
    let note = "forte, caller helps: the thread that waits is a third worker meanwhile";
    let mut question = Question::new(name, "ns/task", note);
    macro_rules! add {
        ($role:ident: $($pool:ty),*) => {
            $(
                let (name, run) = entrant::<$pool>(outside, tasks);
                question = question.$role(name, run);
            )*
        };
    }
    add!(own: raddle::ThreadPool, pools::Many);
    add!(peer: pools::Rayon, pools::Forte, pools::ForteHelping, pools::Tokio);
    add!(peer: pools::TokioBlocking, pools::AsyncExecutor, threadpool::ThreadPool);
    add!(peer: pools::ExecutorsChannel, pools::Executors, affinitypool::Threadpool, pools::Handmade);
    if outside == 1 && python::is_there() {
        // 15 us each: a tenth of the tasks tells as much.
        question = question.shown("Python ThreadPoolExecutor", move || {
            python::nanoseconds(python::FLOOD, tasks / 50)
        });
    }
    question.bar("raddle", Limit::Times(most, Of::Best))
}

pub fn questions(options: &Options) -> Vec<Question> {
    vec![
        question("submit from 1 outside thread, results", 1, 0.6, options),
        question("submit from 4 outside threads, results", 4, 0.9, options),
    ]
}
