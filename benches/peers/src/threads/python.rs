//! Python's `concurrent.futures`, by script, where python3 is.

use std::process::Command;
use std::sync::OnceLock;

/// Prints nanoseconds by task: argument 1 is how many.
pub const FLOOD: &str = "
import sys, time
from concurrent.futures import ThreadPoolExecutor
tasks = int(sys.argv[1])
with ThreadPoolExecutor(2) as pool:
    pool.submit(abs, 1).result()
    since = time.perf_counter_ns()
    futures = [pool.submit(abs, i) for i in range(tasks)]
    total = sum(future.result() for future in futures)
    time_taken = time.perf_counter_ns() - since
assert total == tasks * (tasks - 1) // 2
print(time_taken / tasks)
";

/// Prints the median nanoseconds of a round trip: argument 1 is how many,
/// argument 2 the nanoseconds of sleep before each.
pub const ROUND_TRIP: &str = "
import statistics, sys, time
from concurrent.futures import ThreadPoolExecutor
trips, idle = int(sys.argv[1]), int(sys.argv[2]) / 1e9
times = []
with ThreadPoolExecutor(2) as pool:
    for i in range(trips):
        if idle:
            time.sleep(idle)
        since = time.perf_counter_ns()
        assert pool.submit(abs, -i).result() == i
        times.append(time.perf_counter_ns() - since)
print(statistics.median(times))
";

/// Says so once where it is not.
pub fn is_there() -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    *IS_THERE.get_or_init(|| {
        let run = Command::new("python3")
            .args(["-c", "import concurrent.futures"])
            .output();
        let is_there = run.is_ok_and(|output| output.status.success());
        if !is_there {
            println!("SKIPPED: Python's executors: no python3 that runs\n");
        }
        is_there
    })
}

/// What the script prints.
pub fn nanoseconds(script: &str, count: u64) -> f64 {
    nanoseconds_after(script, count, 0)
}

/// The same, with a sleep before each.
pub fn nanoseconds_after(script: &str, count: u64, idle: u64) -> f64 {
    let mut command = Command::new("python3");
    command.args(["-c", script, &count.to_string(), &idle.to_string()]);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
