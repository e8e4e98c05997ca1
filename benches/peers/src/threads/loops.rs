//! What does a short parallel loop over numbers take, called from outside?
//!
//! One of some 57 us, which is worth it, and one of 1.2 us, which is not: a
//! library that does not know that must not make it dear.

use std::hint::black_box;
use std::num::NonZero;
use std::time::Instant;

use raddle_peers::{Limit, Of, Options, Question};

use crate::forks::chili_pool;
use crate::pools::{FORTE, Forte, Pool as _, Rayon};

/// Below so many numbers a peer that splits by hand goes no further.
const LEAF: usize = 2_048;

#[inline]
fn step(number: &mut f64) {
    *number = 1.0 / (*number + 1.0);
}

#[derive(Clone, Copy)]
struct Loop {
    numbers: usize,
    passes: usize,
}

impl Loop {
    /// The median pass, in microseconds; all numbers must come out right.
    fn time(self, mut pass: impl FnMut(&mut [f64])) -> f64 {
        let start: Vec<f64> = (0..self.numbers).map(|at| at as f64).collect();
        let mut numbers = start.clone();
        let mut times = Vec::with_capacity(self.passes);
        for _ in 0..self.passes {
            let since = Instant::now();
            pass(black_box(&mut numbers));
            times.push(since.elapsed());
        }
        for (mut expected, got) in start.into_iter().zip(numbers) {
            (0..self.passes).for_each(|_| step(&mut expected));
            assert_eq!(got, expected);
        }
        times.sort();
        times[self.passes / 2].as_secs_f64() * 1e6
    }
}

fn sequential(what: Loop) -> f64 {
    what.time(|numbers| numbers.iter_mut().for_each(step))
}

fn rayon(what: Loop) -> f64 {
    use ::rayon::prelude::*;
    let pool = Rayon::start(2).0;
    what.time(|numbers| pool.install(|| numbers.par_iter_mut().for_each(step)))
}

/// With the smallest piece that rayon's documentation has one set for cheap items.
fn rayon_with_least(what: Loop) -> f64 {
    use ::rayon::prelude::*;
    let pool = Rayon::start(2).0;
    what.time(|numbers| {
        pool.install(|| numbers.par_iter_mut().with_min_len(LEAF).for_each(step));
    })
}

/// The caller works as well.
fn by_raddle(what: Loop, workers: usize) -> f64 {
    let pool = raddle::ThreadPool::new(workers).unwrap();
    what.time(|numbers| crate::ours::for_each(&pool, numbers, step))
}

fn orx(what: Loop) -> f64 {
    use orx_parallel::{IntoParIter as _, Par as _};
    what.time(|numbers| numbers.into_par().num_threads(2).for_each(step))
}

fn by_paralight(what: Loop) -> f64 {
    use paralight::prelude::*;
    let builder = ThreadPoolBuilder {
        num_threads: ThreadCount::Count(NonZero::new(2).unwrap()),
        range_strategy: RangeStrategy::Fixed,
        cpu_pinning: CpuPinningPolicy::No,
    };
    let mut pool = builder.build();
    what.time(|numbers| {
        numbers
            .par_iter_mut()
            .with_thread_pool(&mut pool)
            .for_each(step);
    })
}

fn by_fork_union(what: Loop) -> f64 {
    use fork_union::prelude::*;
    let mut pool = fork_union::spawn(2);
    what.time(|numbers| {
        numbers.into_par_iter().with_pool(&mut pool).for_each(step);
    })
}

macro_rules! halves {
    ($name:ident, $context:ty) => {
        fn $name(context: $context, numbers: &mut [f64]) {
            if numbers.len() <= LEAF {
                return numbers.iter_mut().for_each(step);
            }
            let (left, right) = numbers.split_at_mut(numbers.len() / 2);
            context.join(
                |context| $name(context, left),
                |context| $name(context, right),
            );
        }
    };
}

halves!(chili_halves, &mut chili::Scope<'_>);
halves!(forte_halves, &forte::Worker);

fn chili(what: Loop) -> f64 {
    let pool = chili_pool(2);
    what.time(|numbers| chili_halves(&mut pool.scope(), numbers))
}

/// A thread that keeps its scope: nothing is to be begun, and a core is held awake.
fn chili_scope(what: Loop) -> f64 {
    let pool = chili_pool(2);
    let mut scope = pool.scope();
    what.time(|numbers| chili_halves(&mut scope, numbers))
}

fn forte(what: Loop) -> f64 {
    let _pool = Forte::start(1);
    what.time(|numbers| FORTE.with_worker(|worker| forte_halves(worker, numbers)))
}

fn by_threads(what: Loop) -> f64 {
    what.time(|numbers| {
        let (left, right) = numbers.split_at_mut(numbers.len() / 2);
        std::thread::scope(|scope| {
            scope.spawn(|| left.iter_mut().for_each(step));
            right.iter_mut().for_each(step);
        });
    })
}

fn question(name: &'static str, what: Loop) -> Question {
    let run = |by: fn(Loop) -> f64| move || by(what);
    let note = "called from outside, median of the calls; chili, forte: halves down to 2,048";
    let question = Question::new(name, "us", note);
    question
        .own("raddle", run(|what| by_raddle(what, 2)))
        .own(
            "raddle, 1 worker and the caller",
            run(|what| by_raddle(what, 1)),
        )
        .peer("forte", run(forte))
        .peer("chili", run(chili))
        .shown("chili, scope kept", run(chili_scope))
        .peer("rayon", run(rayon))
        .peer("rayon, with_min_len", run(rayon_with_least))
        .peer("orx-parallel", run(orx))
        .peer("paralight fixed", run(by_paralight))
        .peer("std::thread::scope", run(by_threads))
        .shown("fork_union (spins)", run(by_fork_union))
        .shown("sequential", run(sequential))
}

pub fn questions(options: &Options) -> Vec<Question> {
    let passes = options.pick(1_000, 20);
    let long = Loop {
        numbers: 100_000,
        passes,
    };
    let short = Loop {
        numbers: 2_000,
        passes,
    };
    vec![
        question("loop over 100k f64", long).bar("raddle", Limit::Times(0.9, Of::Named("forte"))),
        question("loop of about 1.2 us", short)
            .bar("raddle", Limit::Times(1.1, Of::Named("sequential"))),
    ]
}
