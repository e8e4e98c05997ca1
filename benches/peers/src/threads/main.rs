//! raddle's thread pool beside its peers.
//!
//! ```text
//!   cargo peers threads
//!   cargo peers threads -- --quick submit
//!   cargo peers threads -- --rounds 5 --only raddle join
//!   cargo peers threads -- --page docs/benchmarks
//!   cargo peers threads --features prototypes -- join
//! ```
//!
//! One file for each question. It reports, and never fails because of a time:
//! what a shared machine shows in one run is no verdict. It does fail when a
//! result is wrong, and when a contender hangs.

mod count;
mod curve;
mod fib;
mod forks;
mod idle;
mod instructions;
#[cfg(feature = "prototypes")]
mod join_prototypes;
mod loops;
mod map;
mod nested;
mod ours;
mod pools;
mod python;
mod round_trip;
mod spawn;
mod submit;
mod tree;

use std::process::ExitCode;

use raddle_peers::{Options, Summary, Watchdog};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [first, who, number] = &arguments[..]
        && first == "--alone"
    {
        instructions::alone(who, number);
        return ExitCode::SUCCESS;
    }
    let options = match Options::from_arguments() {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    println!(
        "{} rounds; `ratio`: to the best peer that is counted (*), median of the rounds' ratios; \
         cpu: processor seconds by second.\n",
        options.rounds
    );
    let asked = [
        fib::questions,
        instructions::questions,
        tree::questions,
        submit::questions,
        spawn::questions,
        round_trip::questions,
        map::questions,
        loops::questions,
        nested::questions,
        idle::questions,
    ];
    let (mut summary, watchdog) = (Summary::begin(), Watchdog::start());
    for mut question in asked.into_iter().flat_map(|questions| questions(&options)) {
        question.only(&options.only);
        if question.name().contains(&options.filter) {
            let runs = |who: &str| watchdog.runs(&format!("{}: {who}", question.name()));
            let answer = question.ask(options.rounds, runs);
            answer.print();
            summary.add(answer);
        }
    }
    let mut curves = Vec::new();
    if options.only.is_empty() {
        curves = curve::curves(&options, |who| watchdog.runs(who));
    }
    curves.iter().for_each(raddle_peers::Curve::print);
    summary.set_curves(curves);
    let json = options.json.clone().unwrap_or_else(|| {
        let file = options.pick("threads.json", "threads-quick.json");
        std::path::Path::new("target/peers").join(file)
    });
    if let Err(error) = summary.write(&options, &json) {
        eprintln!("{}: {error}", json.display());
        return ExitCode::FAILURE;
    }
    if let Some(folder) = &options.page
        && let Err(error) = summary.write_page(&options, folder)
    {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    summary.print();
    ExitCode::SUCCESS
}
