//! How do the contenders scale, from one thread to as many as the machine has?

use raddle_peers::{Curve, Options};

use crate::forks::{self, Node, Recursion};
use crate::{pools, submit};
use std::sync::Arc;

type Run<'a> = (&'static str, Box<dyn Fn(usize) -> f64 + 'a>);

fn recursion(what: &Recursion) -> Vec<Run<'_>> {
    vec![
        (
            "raddle",
            Box::new(|threads| crate::ours::inside(threads, what)),
        ),
        ("chili", Box::new(|threads| forks::by_chili(threads, what))),
        ("forte", Box::new(|threads| forks::by_forte(threads, what))),
        ("rayon", Box::new(|threads| forks::by_rayon(threads, what))),
    ]
}

fn submits(tasks: u64) -> Vec<Run<'static>> {
    macro_rules! runs {
        ($($pool:ty),*) => {
            vec![$((
                <$pool as pools::Pool>::NAME,
                Box::new(move |threads| submit::flood::<$pool>(threads, 1, tasks)),
            )),*]
        };
    }
    runs!(
        raddle::ThreadPool,
        pools::Rayon,
        pools::Forte,
        pools::Tokio,
        pools::ExecutorsChannel
    )
}

/// Of each number of threads, the best of the rounds.
fn curve(
    name: &'static str,
    unit: &'static str,
    runs: Vec<Run<'_>>,
    options: &Options,
    mut before: impl FnMut(&str),
) -> Curve {
    let most = std::thread::available_parallelism().map_or(1, usize::from);
    let counts: Vec<_> = (1..=most)
        .filter(|&threads| threads <= 8 || threads % 4 == 0 || threads == most)
        .collect();
    let mut lines: Vec<_> = (runs
        .iter()
        .map(|run| (run.0, vec![f64::INFINITY; counts.len()])))
    .collect();
    for _ in 0..options.rounds {
        for (at, &threads) in counts.iter().enumerate() {
            for (run, line) in runs.iter().zip(&mut lines) {
                before(run.0);
                raddle_peers::settle();
                line.1[at] = line.1[at].min((run.1)(threads));
            }
        }
    }
    Curve {
        name,
        unit,
        threads: counts,
        lines,
    }
}

/// What it is made of, by name; only those whose name contains `filter`.
pub fn curves(options: &Options, mut before: impl FnMut(&str)) -> Vec<Curve> {
    let mut curves = Vec::new();
    let name = "scaling of join, fib(32)";
    if name.contains(&options.filter) {
        let what = Recursion::Fib(options.pick(32, 18));
        curves.push(curve(
            name,
            "ns/join",
            recursion(&what),
            options,
            &mut before,
        ));
    }
    let name = "scaling of tree sum, 2^22 nodes";
    if name.contains(&options.filter) {
        let count = options.pick((1 << 22) - 1, (1 << 12) - 1);
        let root = Node::tree(0, count, 50).unwrap();
        let what = Recursion::Tree(Arc::from(root), count);
        curves.push(curve(
            name,
            "ns/node",
            recursion(&what),
            options,
            &mut before,
        ));
    }
    let name = "scaling of submit, 1 outside thread";
    if name.contains(&options.filter) {
        let tasks = options.pick(400_000, 2_000);
        curves.push(curve(name, "ns/task", submits(tasks), options, &mut before));
    }
    curves
}
