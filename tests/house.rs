//! Facts about the sources that no compiler checks: headers, imports that
//! point down, one door to the primitives, comments where they are owed; and
//! about what the pages and tests say of them: models and files by their names.
//!
//! The checks are a function over texts, so that the last test here can plant
//! a violation of each rule and see precisely that rule complain.

#[path = "house/names.rs"]
mod names;
#[path = "house/planted.rs"]
mod planted;
#[path = "house/rules.rs"]
mod rules;
#[path = "house/source.rs"]
mod source;

use std::fs;
use std::path::Path;

/// Every source and page below a folder: its path with `/`, and its text.
fn files_below(folder: &Path, name: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of the sources") {
        let entry = entry.expect("an entry of the sources");
        let name = format!("{name}/{}", entry.file_name().display());
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, &name, files);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "md") {
            files.push((name, fs::read_to_string(&path).expect("a source file")));
        }
    }
}

#[test]
fn the_sources_keep_the_rules_of_the_house() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "docs"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        files_below(&path, folder, &mut files);
    }
    files.sort();
    assert!(files.len() > 2, "the sources were not found");
    for long in rules::long_files(&files) {
        println!("warning: {long}: time to split it");
    }
    let complaints: Vec<String> = (rules::check(&files).iter())
        .map(|c| format!("{}:{}: {}: {}", c.path, c.line, c.rule, c.why))
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_clean_house_is_clean() {
    assert_eq!(rules::check(&planted::clean_house()), []);
}

#[test]
fn each_planted_violation_is_found_by_its_rule_alone() {
    for (rule, path, text) in planted::VIOLATIONS {
        let text = planted::with_header(rule, text);
        let mut files = planted::clean_house();
        files.retain(|(clean, _)| clean != path);
        files.push(((*path).to_owned(), text.clone()));
        let complaints = rules::check(&files);
        let found: Vec<_> = complaints
            .iter()
            .map(|c| (c.rule, c.path.as_str()))
            .collect();
        assert_eq!(found, [(*rule, *path)], "planted:\n{text}\n{complaints:#?}");
    }
}
