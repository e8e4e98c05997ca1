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
//! | `pool` (F10) | of 86.4 million tasks, some of which panic, are cancelled or wait for others, each comes out once, without a stall, and nothing leaks |
//! | `cancels` (F13) | of 10⁷ handles cancelled at any time each is ok, panicked or cancelled, and none both run and cancelled |
//! | `overload` (F16) | ten times what a pool can run is refused as its queue is full, in bounded memory, and is over within a second |
//! | `starve` (F17) | eight workers with next to no CPU lose no wake-up, and take none when idle |
//! | `ends` (F20) | 10,000 ends of each kind take a second at most, resolve every handle, and leak nothing |
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
//!   pool.rs   cancels.rs   overload.rs   starve.rs   ends.rs
//!   process.rs  what the process has, and how slow the machine is
//! ```

mod calls;
mod cancels;
mod checks;
mod crowd;
mod ends;
mod overload;
mod permits;
mod pool;
mod pools_self_test;
mod process;
mod queues;
mod report;
mod self_test;
mod starve;
mod storms;
mod time;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use report::Report;

const USAGE: &str = "usage: soak PROGRAMME [--scale X] [--seed N]
       soak --self-test

  queues     10^9 messages through every kind of channel and queue, 10^6 ends
  permits    10^7 acquires of both kinds of semaphore
  pool       86.4 * 10^6 tasks: a day of a thread pool
  cancels    10^7 handles, cancelled at any time
  overload   ten times what a pool can run, for 60 s
  starve     eight workers with next to no CPU
  ends       10^4 ends of pools of each kind: shutdowns, drop, process exit
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
    /// To end with a pool: see `ends.rs`.
    Exit(u64),
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
        Ok(Asked::Exit(seed)) => ends::exit(seed),
        Ok(Asked::Run(order)) => {
            watch(&order);
            let mut report = Report::new(&order);
            match order.programme.as_str() {
                "queues" => queues::run(&order, &mut report),
                "permits" => permits::run(&order, &mut report),
                "pool" => pool::run(&order, &mut report),
                "cancels" => cancels::run(&order, &mut report),
                "overload" => overload::run(&order, &mut report),
                "starve" => starve::run(&order, &mut report),
                "ends" => ends::run(&order, &mut report),
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
        [only, seed] if only == ends::EXIT => {
            let seed = seed.parse().map_err(|_| "--exit wants a whole number")?;
            return Ok(Asked::Exit(seed));
        }
        _ => {}
    }
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "queues" | "permits" | "time" | "pool" | "cancels" | "overload" | "starve" | "ends"
                if order.programme.is_empty() =>
            {
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
