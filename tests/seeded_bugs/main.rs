//! Switches each seeded bug on in turn; some model or property must fail.
//!
//! `cargo test` checks the table against the sources. `cargo seeded-bugs` also
//! builds the tests once with `--cfg raddle_loom --cfg raddle_mutants`, runs
//! every named test without a bug (it must pass), then with each bug in a
//! child process of its own (it must fail, be killed, or hang).

mod run;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use table::{
    Kind, MIN_ALL, MIN_ORDERING, MIN_RECHECK, SEEDED_BUGS, SURVIVORS_PERCENT_MAX, SeededBug,
};

/// Whether a test, the second, caught a bug, the first.
pub(crate) type Outcomes<'a> = BTreeMap<(&'a str, &'a str), bool>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        println!("seeded_bugs: test");
        return ExitCode::SUCCESS;
    }
    notices_what_it_must();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut refusals = compare(SEEDED_BUGS, &sites_below(&root.join("src")));
    refusals.extend(too_few(SEEDED_BUGS));
    if env::var_os("RADDLE_SEEDED_BUGS").is_none() {
        println!(
            "table of {} seeded bugs checked; skipped: they run under `cargo seeded-bugs`",
            SEEDED_BUGS.len()
        );
    } else if refusals.is_empty() {
        let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
        let chosen: Vec<SeededBug> = (SEEDED_BUGS.iter())
            .filter(|b| filters.is_empty() || filters.iter().any(|f| b.name.contains(f.as_str())))
            .copied()
            .collect();
        match run::run(root, &chosen) {
            Ok(outcomes) => refusals.extend(judge(&chosen, &outcomes, SEEDED_BUGS.len(), |line| {
                println!("{line}")
            })),
            Err(why) => refusals.push(why),
        }
    }
    for refusal in &refusals {
        println!("refused: {refusal}");
    }
    if refusals.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is wrong with a run of `bugs`, of the `of_all` in the table; `say`
/// gets the survivors with their reasons.
fn judge(
    bugs: &[SeededBug],
    outcomes: &Outcomes,
    of_all: usize,
    say: impl Fn(String),
) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut survivors = 0;
    for bug in bugs {
        let missed: Vec<&str> = (bug.caught_by.iter().copied())
            .filter(|test| outcomes.get(&(bug.name, *test)) != Some(&true))
            .collect();
        let survived = missed.len() == bug.caught_by.len();
        survivors += usize::from(survived);
        match bug.survives {
            None if survived => {
                refusals.push(format!("{} survives, without a written reason", bug.name))
            }
            None => refusals.extend(
                missed
                    .iter()
                    .map(|test| format!("{} is not caught by {test}, as the table says", bug.name)),
            ),
            Some(why) if survived => say(format!("{} survives: {why}", bug.name)),
            Some(_) => refusals.push(format!(
                "{} is caught: its reason to survive is out of date",
                bug.name
            )),
        }
    }
    let caught = bugs.len() - survivors;
    say(format!(
        "{} seeded bugs: {caught} caught, {survivors} survive",
        bugs.len()
    ));
    if survivors * 100 > of_all * SURVIVORS_PERCENT_MAX {
        refusals.push(format!("more than {SURVIVORS_PERCENT_MAX} % survive"));
    }
    refusals
}

/// The table and the sources must name the same bugs.
fn compare(bugs: &[SeededBug], sites: &BTreeMap<String, String>) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut named = BTreeSet::new();
    for bug in bugs {
        if !named.insert(bug.name) {
            refusals.push(format!("{} stands in the table twice", bug.name));
        }
        if !sites.contains_key(bug.name) {
            refusals.push(format!(
                "{} is in the table, but no source asks for it",
                bug.name
            ));
        }
        if bug.caught_by.is_empty() && bug.survives.is_none() {
            refusals.push(format!(
                "{}: the table names no test that catches it",
                bug.name
            ));
        }
    }
    for (name, file) in sites {
        if !named.contains(name.as_str()) {
            refusals.push(format!("{name} ({file}) is not in the table"));
        }
    }
    refusals
}

fn too_few(bugs: &[SeededBug]) -> Vec<String> {
    let count = |kind| bugs.iter().filter(|b| b.kind == kind).count();
    let bars = [
        ("weaken an ordering", count(Kind::Ordering), MIN_ORDERING),
        ("leave out a re-check", count(Kind::Recheck), MIN_RECHECK),
        ("are there at all", bugs.len(), MIN_ALL),
    ];
    (bars.iter().filter(|(_, have, want)| have < want))
        .map(|(what, have, want)| format!("{have} seeded bugs {what}, at least {want} must"))
        .collect()
}

/// Each name given to `mutant` or `weaken` below `folder`, with its file.
fn sites_below(folder: &Path) -> BTreeMap<String, String> {
    let mut sites = BTreeMap::new();
    for entry in fs::read_dir(folder)
        .expect("a folder of the sources")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            sites.append(&mut sites_below(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let found = names_in(&text).into_iter();
            sites.extend(found.map(|name| (name, path.display().to_string())));
        }
    }
    sites
}

/// The literals that follow `mutant(` and `weaken(`, outside line comments.
fn names_in(text: &str) -> Vec<String> {
    let code: String = (text.lines())
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut names = Vec::new();
    for call in ["mutant(", "weaken("] {
        for (at, _) in code.match_indices(call) {
            let argument = code[at + call.len()..].trim_start();
            if let Some((name, _)) = argument
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'))
            {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// Plants each reason to refuse in turn.
fn notices_what_it_must() {
    let bug = |name, survives| SeededBug {
        survives,
        ..table::bug(name, Kind::Notify, &["a_model", "another"])
    };
    let sites = |names: &[&str]| -> BTreeMap<String, String> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), "a file".to_owned()))
            .collect()
    };
    let (one, two) = (bug("one", None), bug("two", None));
    assert_eq!(compare(&[one, two], &sites(&["one", "two"])), [""; 0]);
    assert_eq!(
        compare(&[one], &sites(&["one", "two"])),
        ["two (a file) is not in the table"]
    );
    let unasked = compare(&[one, two], &sites(&["one"]));
    assert_eq!(unasked, ["two is in the table, but no source asks for it"]);
    assert_eq!(
        compare(&[one, one], &sites(&["one"])),
        ["one stands in the table twice"]
    );
    let idle = SeededBug {
        caught_by: &[],
        ..one
    };
    assert_eq!(compare(&[idle], &sites(&["one"])).len(), 1);

    let outcomes =
        |one, two| Outcomes::from([(("one", "a_model"), one), (("one", "another"), two)]);
    let judge = |bugs: &[SeededBug], outcomes| judge(bugs, &outcomes, bugs.len(), drop);
    let excused = bug("one", Some("equivalent"));
    assert_eq!(judge(&[one], outcomes(true, true)), [""; 0]);
    let half = judge(&[one], outcomes(true, false));
    assert_eq!(half, ["one is not caught by another, as the table says"]);
    let none = judge(&[one], outcomes(false, false));
    assert_eq!(
        none,
        [
            "one survives, without a written reason",
            "more than 10 % survive"
        ]
    );
    assert_eq!(
        judge(&[excused], outcomes(false, false)),
        ["more than 10 % survive"]
    );
    let stale = judge(&[excused], outcomes(true, true));
    assert_eq!(
        stale,
        ["one is caught: its reason to survive is out of date"]
    );

    let text =
        "if mutant(\"a\") {\n // mutant(\"b\")\n weaken(\n  \"c\", Acquire)\nfn mutant(name: &str)";
    assert_eq!(names_in(text), ["a", "c"]);
}
