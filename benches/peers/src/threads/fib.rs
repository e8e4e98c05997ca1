//! What does a `join` cost? fib without a cut-off does nothing else.

use raddle_peers::{Limit, Of, Options, Question};

use crate::forks::{self, By, Recursion};

fn question(name: &'static str, threads: usize, options: &Options) -> Question {
    let what = Recursion::Fib(options.pick(32, 20));
    let note =
        "chili's and forte's joins take their scope as an argument, rayon's and raddle's do not";
    let run = |by: By| {
        let what = what.clone();
        move || by(threads, &what)
    };
    let mut question = Question::new(name, "ns/join", note).own("raddle", run(crate::ours::inside));
    if threads > 1 {
        question = question.own("raddle, the caller works", run(crate::ours::with_caller));
    }
    #[cfg(feature = "prototypes")]
    for (name, by) in forks::PROTOTYPES {
        question = question.shown(name, run(by));
    }
    question = question
        .peer("chili", run(forks::by_chili))
        .peer("forte", run(forks::by_forte))
        .peer("rayon", run(forks::by_rayon));
    question
        .shown("plain recursion", run(|_, what| forks::by_plain(what)))
        .bar("raddle", Limit::Times(1.0, Of::Named("chili")))
}

pub fn questions(options: &Options) -> Vec<Question> {
    vec![
        question("join, fib(32), 1 thread", 1, options),
        question("join, fib(32), 2 threads", 2, options),
    ]
}
