//! Refuses a run of `cargo model` in which a model of the sources did not run.
//!
//! ```text
//!   cargo model ──► lib test binary ── each model appends a line ──► record
//!         │                                                            │
//!         └───────► this program ── compares with src/**/models.rs ◄───┘
//! ```
//!
//! A line of the record: name, bound, number of executions, run; separated by
//! tabs. The run is the process id of the `cargo` that both programs are
//! children of, so that what an interrupted run left behind does not count.
//! This program removes the record when it has read it.
//!
//! The source of truth is the text of the sources, not the list of compiled
//! tests: a model that is not compiled in (a missing `mod models;`, a `cfg`)
//! is missed as well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        println!("every_model_ran: test");
        return ExitCode::SUCCESS;
    }
    notices_what_it_must();
    if !cfg!(raddle_loom) {
        println!("skipped: models run under `cargo model`");
        return ExitCode::SUCCESS;
    }
    let Some(path) = env::var_os("RADDLE_MODEL_RECORD").map(PathBuf::from) else {
        println!("refused: RADDLE_MODEL_RECORD is not set: use `cargo model`, which sets it");
        return ExitCode::FAILURE;
    };
    let record = fs::read_to_string(&path).unwrap_or_default();
    fs::remove_file(&path).ok();
    let partial = arguments.iter().any(|a| narrows(a));
    let report = judge(&models_in_the_sources(), &record, this_run(), partial);
    println!("\n{}", report.table);
    for refusal in &report.refusals {
        println!("refused: {refusal}");
    }
    if report.refusals.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether this argument of the test binaries leaves models out.
fn narrows(argument: &str) -> bool {
    let number = argument.parse::<u32>().is_ok(); // of `--test-threads 1`
    (!argument.starts_with('-') && !number)
        || argument.starts_with("--skip")
        || argument == "--ignored"
}

/// What `std::os::unix::process::parent_id` says, here and in the models.
fn this_run() -> u32 {
    #[cfg(unix)]
    return std::os::unix::process::parent_id();
    #[cfg(not(unix))]
    return 0;
}

#[derive(Debug)]
struct Report {
    table: String,
    refusals: Vec<String>,
}

fn judge(models: &BTreeMap<String, String>, record: &str, run: u32, partial: bool) -> Report {
    let mut refusals = Vec::new();
    let mut ran: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    let mut stale = 0;
    for line in record.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[name, bound, executions, of_run] = columns.as_slice() else {
            refusals.push(format!(
                "a line of the record is not `name, bound, executions, run`: {line:?}"
            ));
            continue;
        };
        if of_run.parse() != Ok(run) {
            stale += 1;
            continue;
        }
        match executions.parse() {
            Ok(0 | 1) => refusals.push(format!(
                "{name} explored {executions} execution: nothing in it races"
            )),
            Ok(_) => {}
            Err(_) => refusals.push(format!("{name}: {executions:?} is no number of executions")),
        }
        // A model that explores twice stands in the record twice: add up.
        let entry = ran.entry(name).or_insert((bound, 0));
        entry.1 += executions.parse().unwrap_or(0);
    }
    let has_run = |model: &String| {
        let own = model.rsplit("::").next().unwrap_or(model);
        (ran.keys()).any(|name| name == model || name.rsplit("::").next() == Some(own))
    };
    let missing: Vec<_> = models.iter().filter(|(m, _)| !has_run(m)).collect();
    if partial && ran.is_empty() {
        refusals.push("no model is named like that".to_owned());
    } else if !partial {
        for (model, file) in &missing {
            refusals.push(format!("{model} ({file}) did not run to its end"));
        }
        if models.is_empty() {
            refusals.push("the sources hold no model".to_owned());
        }
    }
    refusals.extend(duplicates(models));

    let width = ran.keys().map(|n| n.len()).max().unwrap_or(0).max(5);
    let bound_width = (ran.values().map(|(b, _)| b.chars().count()).max())
        .unwrap_or(0)
        .max(5);
    let mut table = format!("{:width$}  {:bound_width$}  executions\n", "model", "bound");
    for (name, (bound, executions)) in &ran {
        table += &format!("{name:width$}  {bound:bound_width$}  {executions:>10}\n");
    }
    let total: u64 = ran.values().map(|(_, executions)| executions).sum();
    table += &format!(
        "{} of {} models, {total} executions",
        models.len() - missing.len(),
        models.len()
    );
    if partial {
        table += "\na filter was given: completeness was not checked";
    }
    if stale > 0 {
        table += &format!("\n{stale} lines of an earlier, interrupted run were not counted");
    }
    Report { table, refusals }
}

/// Two models of one name could stand in for each other in the record.
fn duplicates(models: &BTreeMap<String, String>) -> Vec<String> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for path in models.keys() {
        let own = path.rsplit("::").next().unwrap_or(path);
        if let Some(other) = seen.insert(own, path) {
            found.push(format!("two models have one name: {other} and {path}"));
        }
    }
    found
}

/// `task::models::name` of each `#[test]` in a file of models, with its file.
fn models_in_the_sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut models = BTreeMap::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("a folder of the sources")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_of_models(&path) {
                let file = path
                    .strip_prefix(root)
                    .expect("below the root")
                    .display()
                    .to_string();
                let module =
                    (file.trim_start_matches("src/").trim_end_matches(".rs")).replace('/', "::");
                let text = fs::read_to_string(&path).expect("a source file");
                for name in tests_in(&text) {
                    models.insert(format!("{module}::{name}"), file.clone());
                }
            }
        }
    }
    models
}

/// `models.rs`, or a file in a folder `models`, but not of `primitive/model`.
fn is_of_models(path: &Path) -> bool {
    let is_models = |part: &Path| part.file_stem().is_some_and(|name| name == "models");
    // What stands there tests the checker: most of it must *fail* in a model.
    let is_of_the_checker = path.iter().any(|part| part == "model");
    !is_of_the_checker && (is_models(path) || path.parent().is_some_and(is_models))
}

/// The names of the functions that follow a line `#[test]`.
fn tests_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        marked |= line.starts_with("#[test]");
        let name = line
            .trim_start_matches("#[test]")
            .trim_start()
            .strip_prefix("fn ");
        if let (true, Some(name)) = (marked, name) {
            names.push(
                name.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
            marked = false;
        }
    }
    names
}

/// Plants each reason to refuse in turn.
fn notices_what_it_must() {
    let models: BTreeMap<String, String> = ["latch::models::lost", "task::models::torn"]
        .map(|model| (model.to_owned(), "a file".to_owned()))
        .into();
    let refusals = |record: &str, partial| judge(&models, record, 7, partial).refusals;
    let lost = "latch::lost\tunbounded\t12\t7\n";
    let torn = "task::torn\tup to 3 preemptions\t900\t7\n";
    assert_eq!(refusals(&format!("{lost}{torn}"), false), [""; 0]);
    assert_eq!(refusals(lost, true), [""; 0]);

    let plant = |record: &str, partial, complaint: &str| {
        let found = refusals(record, partial);
        assert!(
            matches!(&found[..], [only] if only.contains(complaint)),
            "planted: {record:?}, found: {found:?}"
        );
    };
    plant(lost, false, "task::models::torn (a file) did not run");
    plant("", true, "no model is named like that");
    plant(
        &format!("{lost}{torn}task::x\tunbounded\t1\t7\n"),
        false,
        "explored 1 execution",
    );
    plant(
        &format!("{lost}{torn}task::x\tunbounded\t7\n"),
        false,
        "is not `name, bound",
    );
    plant(
        &format!("{lost}{torn}task::x\tunbounded\tmany\t7\n"),
        false,
        "is no number",
    );
    let of_an_earlier_run = "task::torn\tup to 3 preemptions\t900\t6\n";
    plant(
        &format!("{lost}{of_an_earlier_run}"),
        false,
        "task::models::torn (a file) did not run",
    );

    assert_eq!(
        judge(&BTreeMap::new(), "", 7, false).refusals,
        ["the sources hold no model"]
    );
    let twice = ["a::models::lost", "b::models::lost"].map(|m| (m.to_owned(), String::new()));
    assert_eq!(judge(&twice.into(), lost, 7, false).refusals.len(), 1);
    let text = "#[test]\n#[ignore]\nfn one() {\n}\nfn helper() {}\n    #[test]\n    fn two() {}\n";
    assert_eq!(tests_in(text), ["one", "two"]);
}
