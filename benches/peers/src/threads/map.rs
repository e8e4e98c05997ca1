//! How much of the sequential time does a parallel map of coarse items take?
//!
//! Even items, the rows of a Mandelbrot picture, and a few items that cost a
//! hundred times as much as the others and come last.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use paralight::prelude::RangeStrategy;
use raddle_peers::{Limit, Of, Options, Question};

use crate::forks::chili_pool;
use crate::pools::{FORTE, Forte, Pool as _, Rayon};

type Item = fn(&u64) -> u64;

/// What is mapped.
struct Load {
    items: Vec<u64>,
    f: Item,
    expected: Vec<u64>,
}

impl Load {
    fn new(items: Vec<u64>, f: Item) -> Self {
        let expected = items.iter().map(f).collect();
        Self { items, f, expected }
    }

    /// Milliseconds of one map that must come out right.
    fn time(&self, mut map: impl FnMut(&[u64], Item) -> Vec<u64>) -> f64 {
        // Threads that have just been started are not yet where they will be.
        black_box(map(&self.items[..self.items.len() / 50], self.f));
        let since = Instant::now();
        let got = map(black_box(&self.items), self.f);
        let time = since.elapsed();
        assert!(got == self.expected, "a wrong result");
        time.as_secs_f64() * 1e3
    }
}

/// So many steps that cannot be done at once.
fn steps(count: u64, seed: u64) -> u64 {
    let mut state = black_box(seed) | 1;
    for _ in 0..count {
        state ^= state >> 7;
        state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    state
}

/// How many steps take a microsecond here.
fn microsecond() -> u64 {
    static STEPS: OnceLock<u64> = OnceLock::new();
    *STEPS.get_or_init(|| {
        let count = 1_000_000;
        let times = (0..5).map(|seed| {
            let since = Instant::now();
            black_box(steps(count, seed));
            since.elapsed()
        });
        let best = times.min().unwrap_or(Duration::from_millis(1));
        (count as f64 / (best.as_secs_f64() * 1e6)) as u64
    })
}

fn even(item: &u64) -> u64 {
    steps(microsecond(), *item)
}

/// The upper bits say how many tenths of a microsecond.
fn skewed(item: &u64) -> u64 {
    steps(microsecond() * (item >> 32) / 10, *item)
}

const WIDTH: u64 = 400;

/// One row of the picture: how many steps its points took.
fn mandelbrot(row: &u64) -> u64 {
    let imaginary = (*row as f64 / WIDTH as f64 - 0.5) * 2.5;
    (0..WIDTH)
        .map(|column| {
            let real = (column as f64 / WIDTH as f64 - 0.7) * 3.0;
            let (mut x, mut y, mut steps) = (0.0, 0.0, 0);
            while x * x + y * y <= 4.0 && steps < 256 {
                (x, y) = (x * x - y * y + real, 2.0 * x * y + imaginary);
                steps += 1;
            }
            steps
        })
        .sum()
}

fn sequential(load: &Load) -> f64 {
    load.time(|items, f| items.iter().map(f).collect())
}

fn rayon(load: &Load) -> f64 {
    use ::rayon::prelude::*;
    let pool = Rayon::start(2).0;
    load.time(|items, f| pool.install(|| items.par_iter().map(f).collect()))
}

/// The caller works as well.
fn by_raddle(load: &Load, workers: usize) -> f64 {
    let pool = raddle::ThreadPool::new(workers).unwrap();
    load.time(|items, f| crate::ours::map(&pool, items, f))
}

fn orx(load: &Load) -> f64 {
    use orx_parallel::{Par as _, Parallelizable as _};
    load.time(|items, f| items.par().num_threads(2).map(f).collect())
}

fn by_paralight(load: &Load, range_strategy: RangeStrategy) -> f64 {
    use paralight::prelude::*;
    let builder = ThreadPoolBuilder {
        num_threads: ThreadCount::try_from(2).unwrap(),
        range_strategy,
        cpu_pinning: CpuPinningPolicy::No,
    };
    let mut pool = builder.build();
    load.time(|items, f| {
        let mut results = vec![0; items.len()];
        (results.par_iter_mut(), items.par_iter())
            .zip_eq()
            .with_thread_pool(&mut pool)
            .for_each(|(result, item)| *result = f(item));
        results
    })
}

fn by_fork_union(load: &Load) -> f64 {
    use fork_union::prelude::*;
    let mut pool = fork_union::spawn(2);
    load.time(|items, f| {
        let mut results = vec![0; items.len()];
        (&mut results[..])
            .into_par_iter()
            .with_schedule(&mut pool, fork_union::DynamicScheduler)
            .for_each_with_prong(|result, prong| *result = f(&items[prong.task_index]));
        results
    })
}

/// By halves down to one item, with `$join`.
macro_rules! halves {
    ($name:ident, $context:ty) => {
        fn $name(context: $context, items: &[u64], results: &mut [u64], f: Item) {
            match items {
                [] => {}
                [item] => results[0] = f(item),
                _ => {
                    let (left, right) = items.split_at(items.len() / 2);
                    let (to_left, to_right) = results.split_at_mut(left.len());
                    context.join(
                        |context| $name(context, left, to_left, f),
                        |context| $name(context, right, to_right, f),
                    );
                }
            }
        }
    };
}

halves!(chili_halves, &mut chili::Scope<'_>);
halves!(forte_halves, &forte::Worker);

fn chili(load: &Load) -> f64 {
    let pool = chili_pool(2);
    let mut scope = pool.scope();
    load.time(|items, f| {
        let mut results = vec![0; items.len()];
        chili_halves(&mut scope, items, &mut results, f);
        results
    })
}

fn forte(load: &Load) -> f64 {
    let _pool = Forte::start(1);
    FORTE.with_worker(|worker| {
        load.time(|items, f| {
            let mut results = vec![0; items.len()];
            forte_halves(worker, items, &mut results, f);
            results
        })
    })
}

fn by_threads(load: &Load) -> f64 {
    load.time(|items, f| {
        let mut results = vec![0; items.len()];
        let (left, right) = items.split_at(items.len() / 2);
        let (to_left, to_right) = results.split_at_mut(left.len());
        let fill = |items: &[u64], results: &mut [u64]| {
            for (item, result) in items.iter().zip(results) {
                *result = f(item);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| fill(left, to_left));
            fill(right, to_right);
        });
        results
    })
}

fn question(name: &'static str, items: Vec<u64>, f: Item) -> Question {
    let load = Rc::new(std::cell::LazyCell::new(move || {
        Load::new(items.clone(), f)
    }));
    let run = |by: fn(&Load) -> f64| {
        let load = Rc::clone(&load);
        move || by(&load)
    };
    let note = "2 threads; std::thread::scope and paralight's fixed ranges split once";
    let question = Question::new(name, "ms", note);
    question
        .own("raddle", run(|load| by_raddle(load, 2)))
        .own(
            "raddle, 1 worker and the caller",
            run(|load| by_raddle(load, 1)),
        )
        .own(
            "raddle map, a task an item",
            run(|load| {
                let pool = raddle::ThreadPool::new(2).unwrap();
                load.time(|items, f| {
                    let map = pool.map(items.to_vec(), move |item| f(&item));
                    map.map(Result::unwrap).collect()
                })
            }),
        )
        .peer("rayon", run(rayon))
        .peer("orx-parallel", run(orx))
        .peer(
            "paralight stealing",
            run(|load| by_paralight(load, RangeStrategy::WorkStealing)),
        )
        .shown(
            "paralight fixed",
            run(|load| by_paralight(load, RangeStrategy::Fixed)),
        )
        .peer("chili", run(chili))
        .peer("forte", run(forte))
        .peer("std::thread::scope", run(by_threads))
        .shown("fork_union (spins)", run(by_fork_union))
        .shown("sequential", run(sequential))
        .bar("raddle", Limit::Times(1.0, Of::Best))
}

pub fn questions(options: &Options) -> Vec<Question> {
    let count = options.pick(100_000, 1_000);
    let rows = options.pick(WIDTH, 40);
    let uneven = options.pick(20_000, 1_000);
    let tenths = |at: u64| if at < uneven / 10 * 9 { 1 } else { 100 };
    vec![
        question(
            "parallel map, 100k items of 1 us",
            (0..count).collect(),
            even,
        ),
        question(
            "parallel map, Mandelbrot by rows",
            (0..rows).map(|row| row * WIDTH / rows).collect(),
            mandelbrot,
        ),
        question(
            "parallel map, skewed",
            (0..uneven).map(|at| tenths(at) << 32 | at).collect(),
            skewed,
        ),
    ]
}
