//! What pages and tests call by name exists: models and files. And each model
//! stands in a page, with what it fears.
//!
//! The name of a model is told from other words by its length: at least three
//! underscores.

use crate::rules::Complaint;

const UNDERSCORES: usize = 3;

/// What the files `(path below the root, text)` break together.
pub(crate) fn check(files: &[(String, String)]) -> Vec<Complaint> {
    let all: Vec<Model<'_>> = (files.iter()).flat_map(|f| models_of(&f.0, &f.1)).collect();
    let is_model = |name: &str| all.iter().any(|model| model.name == name);
    let mut complaints = Vec::new();
    let mut named = Vec::new();
    for (path, text) in files {
        let is_page = path.starts_with("docs/");
        let mut complain = |rule, line: usize, why: String| {
            complaints.push(Complaint {
                rule,
                path: path.clone(),
                line: line + 1,
                why,
            });
        };
        if is_page {
            for (line, word) in quoted(text) {
                if let Some(gone) = path_that_is_gone(word, files) {
                    complain("paths", line, format!("there is no `{gone}`"));
                }
            }
        }
        let mentions: Vec<(usize, &str)> = match is_page {
            true if path.starts_with("docs/protocols/") => {
                let names = quoted(text).filter(|(_, word)| may_be_model(word));
                named.extend(names.clone().map(|(_, word)| word));
                names.collect()
            }
            false if is_test_program(path) => (model_notes(text).into_iter())
                .flat_map(|(line, note)| {
                    let mut names: Vec<_> = (quoted(note).map(|(_, word)| word))
                        .filter(|word| may_be_model(word))
                        .map(|word| (line, word))
                        .collect();
                    if names.is_empty() {
                        names.push((line, "(no name of a model)"));
                    }
                    names
                })
                .collect(),
            _ => Vec::new(),
        };
        for (line, name) in mentions.iter().filter(|(_, name)| !is_model(name)) {
            complain("models", *line, format!("there is no model `{name}`"));
        }
    }
    for model in &all {
        let is_backend = model.path.starts_with("src/primitive/model/");
        if !is_backend && !named.contains(&model.name) {
            complaints.push(Complaint {
                rule: "models",
                path: model.path.to_owned(),
                line: model.line + 1,
                why: format!("no page of docs/protocols names `{}`", model.name),
            });
        }
    }
    complaints
}

struct Model<'a> {
    path: &'a str,
    line: usize,
    name: &'a str,
}

/// The functions under `#[test]` in `models.rs` or `models/`.
fn models_of<'a>(path: &'a str, text: &'a str) -> Vec<Model<'a>> {
    let is_models = path.starts_with("src/")
        && path
            .trim_end_matches(".rs")
            .split('/')
            .any(|part| part == "models");
    let mut found = Vec::new();
    let mut marked = false;
    for (line, code) in text.lines().enumerate().filter(|_| is_models) {
        let code = code.trim();
        if let Some(rest) = code.strip_prefix("fn ") {
            let name = rest.split('(').next().unwrap_or(rest);
            found.extend(marked.then_some(Model { path, line, name }));
        }
        marked = code == "#[test]" || marked && code.starts_with("#[");
    }
    found
}

fn may_be_model(word: &str) -> bool {
    word.matches('_').count() >= UNDERSCORES
        && (word.chars()).all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// What stands between single backticks, with its line.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> + Clone {
    (text.lines().enumerate())
        .flat_map(|(line, text)| text.split('`').skip(1).step_by(2).map(move |w| (line, w)))
}

/// A program of `tests/`; its helpers and this house name models of their own.
fn is_test_program(path: &str) -> bool {
    path.strip_prefix("tests/")
        .is_some_and(|name| !name.contains('/') && name.ends_with(".rs"))
}

/// From each `Models:` in a comment to the comment's end, with its line.
fn model_notes(text: &str) -> Vec<(usize, &str)> {
    let mut notes = Vec::new();
    for sign in ["Models: ", "Model: "] {
        for (at, _) in text.match_indices(sign) {
            let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
            if !text[line_start..at].trim_start().starts_with("//") {
                continue;
            }
            let lines = text[at..].split_inclusive('\n').enumerate();
            let of_note =
                lines.take_while(|(line, text)| *line == 0 || text.trim_start().starts_with("//"));
            let length: usize = of_note.map(|(_, text)| text.len()).sum();
            let line = text[..at].matches('\n').count();
            notes.push((line, &text[at..at + length]));
        }
    }
    notes
}

/// The path, if `word` is one below `src` or `tests` where nothing lies. A room
/// of `src` may stand at its beginning.
fn path_that_is_gone(word: &str, files: &[(String, String)]) -> Option<String> {
    let is_path = word.contains('/')
        && (word.chars()).all(|c| c.is_ascii_alphanumeric() || "_/.".contains(c));
    let exists = |path: &str| {
        let folder = format!("{}/", path.trim_end_matches('/'));
        (files.iter()).any(|(file, _)| file == path || file.starts_with(&folder))
    };
    let first = word.split('/').next()?;
    let path = match first {
        "src" | "tests" => word.to_owned(),
        room if exists(&format!("src/{room}")) => format!("src/{word}"),
        _ => return None,
    };
    (is_path && !exists(&path)).then_some(path)
}
