//! Builds the tests once, and runs them once for each bug.
//!
//! Models run with the bounds of the default tier, whatever the environment
//! says: a bug that only the full bounds find is found too late.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, thread};

use crate::Outcomes;
use crate::table::SeededBug;

/// Children that run at the same time.
const AT_ONCE: usize = 2;
/// A child with a bug may take this much longer than without one, ..
const TIMES_BASELINE: u32 = 5;
/// .. and this much in any case, before it counts as hanging.
const GRACE: Duration = Duration::from_secs(30);
/// A child without a bug may take this long.
const BASELINE_MAX: Duration = Duration::from_secs(600);

/// How a child ended.
#[derive(Debug)]
enum End {
    Passed,
    Failed(ExitStatus),
    Hung,
}

pub(crate) fn run<'a>(root: &Path, bugs: &'a [SeededBug]) -> Result<Outcomes<'a>, String> {
    let tests: BTreeSet<&str> = bugs.iter().flat_map(|b| b.caught_by).copied().collect();
    if tests.is_empty() {
        println!("no seeded bug to run");
        return Ok(Outcomes::new());
    }
    let executables = build(root, &tests)?;
    let logs = root.join("target/mutants/logs");
    fs::create_dir_all(&logs).map_err(|e| format!("{}: {e}", logs.display()))?;

    println!("without a bug:");
    let baselines = Mutex::new(BTreeMap::new());
    in_parallel(tests.iter().copied(), |test| {
        let start = Instant::now();
        let log = logs.join(file_name("none", test));
        let end = child(
            &executables[target_of(test)],
            test,
            None,
            &log,
            BASELINE_MAX,
        )?;
        let output = fs::read_to_string(&log).unwrap_or_default();
        println!("  {test}: {} in {:.1?}", say(&end), start.elapsed());
        if !matches!(end, End::Passed) {
            return Err(format!(
                "{test} does not pass without a bug: {}",
                log.display()
            ));
        }
        // libtest: "test result: ok. 1 passed; ..": nothing run proves nothing.
        if !output.contains("test result: ok.") || output.contains("test result: ok. 0 passed") {
            return Err(format!("no test is named like {test}: {}", log.display()));
        }
        lock(&baselines).insert(test, start.elapsed());
        Ok(())
    })?;
    let baselines = baselines.into_inner().unwrap_or_else(|e| e.into_inner());

    println!("with each bug:");
    let outcomes = Mutex::new(Outcomes::new());
    let pairs = bugs
        .iter()
        .flat_map(|b| b.caught_by.iter().map(move |test| (b, *test)));
    in_parallel(pairs, |(bug, test)| {
        let limit = baselines[test] * TIMES_BASELINE + GRACE;
        let log = logs.join(file_name(bug.name, test));
        let start = Instant::now();
        let end = child(
            &executables[target_of(test)],
            test,
            Some(bug.name),
            &log,
            limit,
        )?;
        let caught = !matches!(end, End::Passed);
        println!(
            "  {:9} {:10} {:40} by {test}: {}, {:.1?}{}",
            if caught { "caught" } else { "SURVIVES" },
            format!("{:?}", bug.kind),
            bug.name,
            say(&end),
            start.elapsed(),
            complaint(&log),
        );
        lock(&outcomes).insert((bug.name, test), caught);
        Ok(())
    })?;
    Ok(outcomes.into_inner().unwrap_or_else(|e| e.into_inner()))
}

/// `properties/name` is a test of `tests/properties.rs`, `name` one of the library.
fn target_of(test: &str) -> &str {
    test.split_once('/').map_or("", |(target, _)| target)
}

/// The executable of each target that a test needs; "" is the library's.
fn build(root: &Path, tests: &BTreeSet<&str>) -> Result<BTreeMap<String, PathBuf>, String> {
    let targets: BTreeSet<&str> = tests.iter().map(|test| target_of(test)).collect();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo.args([
        "test",
        "--no-run",
        "--message-format=json",
        "--features",
        "model",
    ]);
    cargo.args([
        "--profile",
        "model",
        "--target-dir",
        "target/mutants",
        "--lib",
    ]);
    for target in targets.iter().filter(|t| !t.is_empty()) {
        cargo.args(["--test", target]);
    }
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.env("RUSTFLAGS", "--cfg raddle_loom --cfg raddle_mutants");
    cargo.stderr(Stdio::inherit());
    let output = cargo.output().map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() {
        return Err("the tests do not build with `--cfg raddle_loom --cfg raddle_mutants`".into());
    }
    let mut executables = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (Some(kind), Some(file)) = (
            field(line, "\"kind\":[\""),
            field(line, "\"executable\":\""),
        ) else {
            continue;
        };
        let target = if kind == "test" {
            target_name(line)
        } else {
            ""
        };
        executables.insert(target.to_owned(), PathBuf::from(file.replace("\\\\", "\\")));
    }
    match targets
        .iter()
        .find(|target| !executables.contains_key(**target))
    {
        None => Ok(executables),
        Some(target) => Err(format!(
            "cargo built no executable for the target {target:?}"
        )),
    }
}

/// What stands between `key` and the next quotation mark.
fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(key)?;
    rest.split('"').next()
}

fn target_name(line: &str) -> &str {
    let target = line.split_once("\"target\":{").map_or("", |(_, rest)| rest);
    field(target, "\"name\":\"").unwrap_or("")
}

/// Runs one test in a process of its own.
fn child(
    executable: &Path,
    test: &str,
    bug: Option<&str>,
    log: &Path,
    limit: Duration,
) -> Result<End, String> {
    let filter = test.split_once('/').map_or(test, |(_, filter)| filter);
    let open = || -> io::Result<(File, File)> {
        let file = File::create(log)?;
        Ok((file.try_clone()?, file))
    };
    let (out, err) = open().map_err(|e| format!("{}: {e}", log.display()))?;
    let mut command = Command::new(executable);
    command
        .arg(filter)
        .arg("--test-threads=1")
        .arg("--nocapture");
    for name in ["RADDLE_MODEL_RECORD", "RADDLE_MODEL_TIER", "RADDLE_MUTANT"] {
        command.env_remove(name);
    }
    if let Some(bug) = bug {
        command.env("RADDLE_MUTANT", bug);
    }
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    let child = command
        .spawn()
        .map_err(|e| format!("{}: {e}", executable.display()))?;
    wait(child, limit).map_err(|e| format!("{test}: {e}"))
}

fn wait(mut child: Child, limit: Duration) -> io::Result<End> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() {
                End::Passed
            } else {
                End::Failed(status)
            });
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(End::Hung);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn say(end: &End) -> String {
    match end {
        End::Passed => "passed".to_owned(),
        End::Failed(status) => format!("failed ({status})"),
        End::Hung => "hung, killed".to_owned(),
    }
}

/// The first complaint in a child's output, for the eye only.
fn complaint(log: &Path) -> String {
    let output = fs::read_to_string(log).unwrap_or_default();
    let mut lines = output
        .lines()
        .skip_while(|line| !line.contains("panicked at"));
    let message = lines.nth(1).unwrap_or("").trim();
    if message.is_empty() {
        return String::new();
    }
    format!(": {}", message.chars().take(90).collect::<String>())
}

fn file_name(bug: &str, test: &str) -> String {
    format!("{bug}.{test}.txt").replace(['/', ':', ' '], "_")
}

/// Does all of `work`, a few at a time; the first error ends it.
fn in_parallel<I: Send>(
    work: impl Iterator<Item = I> + Send,
    act: impl Fn(I) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let work = Mutex::new(work);
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while lock(&failure).is_none() {
                    let Some(item) = lock(&work).next() else {
                        return;
                    };
                    if let Err(why) = act(item) {
                        *lock(&failure) = Some(why);
                    }
                }
            });
        }
    });
    let failure = lock(&failure).take();
    failure.map_or(Ok(()), Err)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
