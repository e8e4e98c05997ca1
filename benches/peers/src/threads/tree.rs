//! What does a `join` cost where memory is read, and where the halves are uneven?

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use raddle_peers::{Limit, Of, Options, Question};

use crate::forks::{self, By, Node, Recursion};

/// `share`: hundredths on the left.
fn question(name: &'static str, count: u64, share: u64, most: f64) -> Question {
    // Half a gigabyte: made when it is needed, dropped with the question.
    let tree = Rc::new(OnceCell::new());
    let run = |by: By| {
        let tree = Rc::clone(&tree);
        move || {
            let what = tree.get_or_init(|| {
                let root = Node::tree(0, count, share).unwrap();
                Recursion::Tree(Arc::from(root), count)
            });
            by(2, what)
        }
    };
    let mut question = Question::new(name, "ns/node", "");
    question = question
        .own("raddle", run(crate::ours::inside))
        .own("raddle, the caller works", run(crate::ours::with_caller));
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
        .bar("raddle", Limit::Times(most, Of::Named("chili")))
}

pub fn questions(options: &Options) -> Vec<Question> {
    vec![
        question(
            "tree sum, 2^24 nodes, 2 threads",
            options.pick((1 << 24) - 1, (1 << 14) - 1),
            50,
            0.9,
        ),
        question(
            "unbalanced tree 10/90, 2^20 nodes, 2 threads",
            options.pick(1 << 20, 1 << 12),
            10,
            0.7,
        ),
    ]
}
