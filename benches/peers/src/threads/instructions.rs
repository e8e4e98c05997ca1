//! How many instructions does a `join` take, on one thread?
//!
//! Counted by callgrind, where it is: fib of two sizes, so that what is not a
//! join falls out. Unlike a time it is the same on a busy machine.

use std::process::Command;

use raddle_peers::{Limit, Options, Question};

use crate::forks::{self, By, Recursion};

const RUNS: &[(&str, By)] = &[
    ("raddle", crate::ours::inside),
    ("chili", forks::by_chili),
    ("forte", forks::by_forte),
    ("rayon", forks::by_rayon),
    ("plain recursion", |_, what| forks::by_plain(what)),
];

fn runs() -> Vec<(&'static str, By)> {
    #[cfg(feature = "prototypes")]
    return [RUNS, &forks::PROTOTYPES].concat();
    #[cfg(not(feature = "prototypes"))]
    RUNS.to_vec()
}

/// What this program does under callgrind: `--alone WHO NUMBER`.
pub fn alone(who: &str, number: &str) {
    let what = Recursion::Fib(number.parse().unwrap());
    for (_, run) in runs().iter().filter(|run| run.0 == who) {
        run(1, &what);
    }
}

fn counted(who: &str, number: u32) -> f64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe().unwrap());
    let output = command
        .args(["--alone", who, &number.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    line.unwrap().1.trim().parse().unwrap()
}

fn by_join(who: &str) -> f64 {
    let (small, large) = (14, 20);
    let joins = |number| Recursion::Fib(number).size() as f64;
    (counted(who, large) - counted(who, small)) / (joins(large) - joins(small))
}

pub fn questions(_: &Options) -> Vec<Question> {
    let is_there = Command::new("valgrind").arg("--version").output().is_ok();
    if !is_there {
        println!("SKIPPED: instructions of a join: valgrind is not there\n");
        return Vec::new();
    }
    let note = "counted by callgrind; once, as it is the same each time";
    let mut question = Question::new("join, instructions, 1 thread", "instr/join", note);
    for (who, _) in runs() {
        // Each round tells the same.
        let known = std::cell::OnceCell::new();
        let run = move || *known.get_or_init(|| by_join(who));
        question = match who {
            "raddle" => question.own(who, run),
            "chili" | "forte" | "rayon" => question.peer(who, run),
            _ => question.shown(who, run),
        };
    }
    vec![question.bar("raddle", Limit::AtMost(65.0))]
}
