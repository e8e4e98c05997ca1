//! Load programmes for what threads and futures share: they run long, break off
//! what they can, and count what must come out even.
//!
//! ```text
//!   cargo bench --bench soak -- queues --scale 0.05 [--seed N]
//!   cargo bench --bench soak -- --self-test
//! ```
//!
//! | programme | what must hold |
//! |---|---|
//! | `queues` (F12) | of 10⁹ messages through channels and queues none is lost, doubled or out of order; nothing is lost in 10⁶ ends of channels and queues |
//! | `permits` (F14) | in 10⁷ acquires, many of them given up, no permit is lost or made, nobody sleeps beside what it waits for, nobody is passed more often than promised |
//! | `time` (F19) | no timed call ends early, overflows, or is more than 10 ms late |
//!
//! Each prints one line of JSON on stdout, and fails when it says `"held":false`.
//! `--scale` multiplies the sizes. The seed decides what the threads do, not how
//! the system interleaves them.
//!
//! ```text
//!   main.rs     arguments, and the watch over hangs
//!   checks.rs   what is even, and what is not     ◄── `--self-test` feeds it errors
//!   report.rs   the line of JSON; random numbers
//!   queues.rs   storms.rs                         permits.rs   crowd.rs
//!   time.rs     calls.rs: every timed call
//! ```

mod calls;
mod checks;
mod crowd;
mod permits;
mod queues;
mod report;
mod self_test;
mod storms;
mod time;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use report::Report;

const USAGE: &str = "usage: soak (queues | permits | time) [--scale X] [--seed N]
       soak --self-test

  queues     10^9 messages through every kind of channel and queue, 10^6 ends
  permits    10^7 acquires of both kinds of semaphore
  time       every timed call with limits of 0, 1 ns, some ms, for ever; past deadlines
  --scale X  so much of that, above 0 (default: 1; continuous integration: 0.05)
  --seed N   what the threads choose follows from it (default: 1)";

/// A programme that makes no progress for so long hangs.
const HANG: Duration = Duration::from_secs(120);

/// Counts whatever comes to an end.
static PROGRESS: AtomicU64 = AtomicU64::new(0);

/// Something has come to an end: the programme does not hang.
pub(crate) fn progress() {
    PROGRESS.fetch_add(1, Ordering::Relaxed);
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) programme: String,
    pub(crate) scale: f64,
    pub(crate) seed: u64,
}

impl Order {
    /// `full` at this scale, one at least.
    pub(crate) fn scaled(&self, full: u64) -> u64 {
        ((full as f64 * self.scale).round() as u64).max(1)
    }
}

enum Asked {
    Usage,
    SelfTest,
    /// The timed calls only, inside a time namespace: see `time.rs`.
    Inside(Order),
    Run(Order),
}

fn main() -> ExitCode {
    // cargo adds `--bench`.
    let arguments: Vec<String> = (std::env::args().skip(1))
        .filter(|argument| argument != "--bench")
        .collect();
    match parse(&arguments) {
        Err(why) => {
            eprintln!("soak: {why}\n{USAGE}");
            ExitCode::from(2)
        }
        Ok(Asked::Usage) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Asked::SelfTest) => self_test::run(),
        Ok(Asked::Inside(order)) => {
            watch(&order);
            time::inside()
        }
        Ok(Asked::Run(order)) => {
            watch(&order);
            let mut report = Report::new(&order);
            match order.programme.as_str() {
                "queues" => queues::run(&order, &mut report),
                "permits" => permits::run(&order, &mut report),
                _ => time::run(&mut report),
            }
            report.print()
        }
    }
}

fn parse(arguments: &[String]) -> Result<Asked, String> {
    let mut order = Order {
        programme: String::new(),
        scale: 1.0,
        seed: 1,
    };
    match arguments {
        [] => return Ok(Asked::Usage),
        [only] if only == "--help" => return Ok(Asked::Usage),
        [only] if only == "--self-test" => return Ok(Asked::SelfTest),
        [only] if only == time::INSIDE => {
            order.programme = "time".to_owned();
            return Ok(Asked::Inside(order));
        }
        _ => {}
    }
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "queues" | "permits" | "time" if order.programme.is_empty() => {
                order.programme.clone_from(word);
            }
            "--scale" => {
                let scale = words.next().and_then(|x| x.parse::<f64>().ok());
                order.scale = (scale.filter(|x| x.is_finite() && *x > 0.0))
                    .ok_or("--scale wants a number above 0")?;
            }
            "--seed" => {
                let seed = words.next().and_then(|n| n.parse().ok());
                order.seed = seed.ok_or("--seed wants a whole number")?;
            }
            _ => return Err(format!("`{word}` is not an argument here")),
        }
    }
    if order.programme.is_empty() {
        return Err("which programme?".to_owned());
    }
    Ok(Asked::Run(order))
}

/// Ends the process, with a line of JSON, when nothing has happened for long:
/// a hang must be an answer, too.
fn watch(order: &Order) {
    let order = order.clone();
    thread::spawn(move || {
        loop {
            let before = PROGRESS.load(Ordering::Relaxed);
            thread::sleep(HANG);
            if PROGRESS.load(Ordering::Relaxed) == before {
                let mut report = Report::new(&order);
                report.missed(format!(
                    "it hangs: nothing came to an end in {} s",
                    HANG.as_secs()
                ));
                report.print();
                std::process::exit(1);
            }
        }
    });
}
