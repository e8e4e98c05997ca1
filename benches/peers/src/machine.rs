//! What else the machine did meanwhile.
//!
//! A contended lock is contended only while its threads run at the same time. On
//! a busy machine they do not, and every lock looks fast: so a report says how
//! much others took.

use std::fmt;
use std::fs;
use std::time::Instant;

/// Processor time that was not this process's, since [`Others::start`]. Where
/// there is no `/proc`, it says so.
pub(crate) struct Others {
    since: Instant,
    before: Option<f64>,
}

impl Others {
    pub(crate) fn start() -> Self {
        Self {
            since: Instant::now(),
            before: seconds_of_others(),
        }
    }
}

impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        match self.before.zip(seconds_of_others()) {
            None => write!(f, "machine: {processors} processors; others: unknown"),
            Some((before, after)) => write!(
                f,
                "machine: {processors} processors; other processes took {:.2} of them meanwhile",
                (after - before) / self.since.elapsed().as_secs_f64()
            ),
        }
    }
}

/// The kernel counts in hundredths of a second, for whoever reads `/proc`.
const TICKS: f64 = 100.0;

fn seconds_of_others() -> Option<f64> {
    let all = fs::read_to_string("/proc/stat").ok()?;
    let all = numbers(all.lines().next()?.strip_prefix("cpu ")?);
    // user, nice, system, idle, wait for input and output, interrupts twice,
    // and what the host took.
    let busy = all.get(..3)?.iter().chain(all.get(5..8)?).sum::<f64>();
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may hold anything but ends at the last parenthesis.
    let own = numbers(own.rsplit_once(") ")?.1.split_once(' ')?.1);
    let own = own.get(10)? + own.get(11)?;
    Some((busy - own) / TICKS)
}

fn numbers(text: &str) -> Vec<f64> {
    (text.split_whitespace())
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// What this machine is, a line each; what cannot be read is left out.
pub(crate) fn describe() -> Vec<String> {
    let first_line = |program: &str, argument: &str| {
        let output = std::process::Command::new(program)
            .arg(argument)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.lines().next()?.to_string())
    };
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(": ")?.1.to_string())
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    [
        model.map(|model| format!("processor: {model}")),
        kernel.map(|kernel| format!("kernel: {}", kernel.trim())),
        first_line("rustc", "--version"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
