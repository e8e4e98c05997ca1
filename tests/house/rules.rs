//! The rules of the house, each a function over the files.

use crate::names;
use crate::source::{NamedPath, Source};

/// A file that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) rule: &'static str,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) why: String,
}

/// A room and its floor.
const FLOORS: &[(&str, u32)] = &[
    ("primitive", 0),
    ("error", 1),
    ("wait", 1),
    ("sync", 2),
    ("model", 2),
    ("task", 3),
    ("ipc", 3),
    ("thread", 4),
    ("process", 4),
    ("script", 4),
    ("aio", 4),
    ("observe", 4),
    ("testing", 4),
    ("prelude", 5),
    ("lib", 5),
];
const TOP: u32 = 5;

const LINES_MAX: usize = 500;
const LINES_WARN: usize = 400;
const SAFETY_WITHIN: usize = 6;
const ORDERING_WITHIN: usize = 12;
const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// What the files `(path below the root, text)` break.
pub(crate) fn check(files: &[(String, String)]) -> Vec<Complaint> {
    let mut complaints = names::check(files);
    for (path, text) in files.iter().filter(|(path, _)| is_source(path)) {
        let file = File::new(path, text);
        let mut complain = |rule, line: usize, why: String| {
            complaints.push(Complaint {
                rule,
                path: path.clone(),
                line: line + 1,
                why,
            });
        };
        file.header(&mut complain);
        file.floors(&mut complain);
        file.door(&mut complain);
        file.unfinished(&mut complain);
        file.length(&mut complain);
        file.safety(&mut complain);
        file.orderings(&mut complain);
    }
    complaints
}

fn is_source(path: &str) -> bool {
    path.starts_with("src/")
}

/// The files that are long, but not yet too long.
pub(crate) fn long_files(files: &[(String, String)]) -> Vec<String> {
    let length = |text: &str| text.lines().count();
    (files.iter().filter(|(path, text)| {
        is_source(path) && (LINES_WARN + 1..=LINES_MAX).contains(&length(text))
    }))
    .map(|(path, text)| format!("{path}: {} lines", length(text)))
    .collect()
}

struct File<'a> {
    text: &'a str,
    source: Source,
    /// `["task", "cell"]` for src/task/cell.rs, `["task"]` for src/task/mod.rs.
    module: Vec<&'a str>,
    room: &'a str,
    /// Test code as a whole: models.rs; tests.rs, sleep_tests.rs.
    is_models: bool,
    is_tests: bool,
}

fn floor_of(room: &str) -> Option<u32> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

impl<'a> File<'a> {
    fn new(path: &'a str, text: &'a str) -> Self {
        let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<&str> = inner.split('/').collect();
        let room = module[0];
        if module.last() == Some(&"mod") || module == ["lib"] {
            module.pop();
        }
        let name = module.last().copied().unwrap_or("");
        let is_models = module.contains(&"models");
        let is_tests = name.ends_with("tests");
        Self {
            text,
            source: Source::read(text),
            room,
            is_models,
            is_tests,
            module,
        }
    }

    fn is_test_code(&self, line: usize) -> bool {
        self.is_models || self.is_tests || self.source.test[line]
    }

    /// The model backend exists in model builds only, where a panic is how a
    /// model fails.
    fn is_model_backend(&self) -> bool {
        self.module.starts_with(&["primitive", "model"])
    }

    fn header(&self, complain: &mut impl FnMut(&'static str, usize, String)) {
        if !self.text.trim_start().starts_with("//!") {
            complain(
                "header",
                0,
                "the file does not begin with its story, `//!`".into(),
            );
        }
    }

    /// Imports point down.
    fn floors(&self, complain: &mut impl FnMut(&'static str, usize, String)) {
        let Some(own_floor) = floor_of(self.room) else {
            let why = format!(
                "the room `{}` has no floor: give it one in tests/house",
                self.room
            );
            return complain("floors", 0, why);
        };
        for path in &self.source.paths {
            let Some(target) = self.room_of(path) else {
                continue;
            };
            if target == self.room || own_floor == TOP {
                continue;
            }
            let why = match floor_of(&target) {
                Some(floor) if floor < own_floor => continue,
                Some(floor) if floor == own_floor => "sideways",
                Some(_) => "up",
                None => "up, to what lib.rs re-exports,",
            };
            let name = path.segments.join("::");
            let why = format!("`{name}` points {why} from `{}` to `{target}`", self.room);
            complain("floors", path.line, why);
        }
    }

    /// The room that a path leads to; `None` when it leaves the crate or stays
    /// in its file.
    fn room_of(&self, path: &NamedPath) -> Option<String> {
        let supers = path.segments.iter().take_while(|s| *s == "super").count();
        if path.segments[0] == "crate" {
            return path.segments.get(1).cloned();
        }
        if supers == 0 {
            return None;
        }
        let depth = (self.module.len() + path.inside.len()).checked_sub(supers)?;
        match depth {
            0 => path.segments.get(supers).cloned(),
            _ => self.module.first().map(|room| (*room).to_owned()),
        }
    }

    /// Threads, atomics, locks and queues come through `primitive/`.
    fn door(&self, complain: &mut impl FnMut(&'static str, usize, String)) {
        if self.room == "primitive" {
            return;
        }
        for path in &self.source.paths {
            let part = |at: usize| path.segments.get(at).map_or("", String::as_str);
            let (first, second, third) = (part(0), part(1), part(2));
            let of_std = matches!(first, "std" | "core" | "alloc");
            let plain_test = self.is_test_code(path.line) && !self.is_models;
            let forbidden = match (of_std, second) {
                (true, "sync") => !matches!(third, "Arc" | "Weak") && !plain_test,
                (true, "thread") => !plain_test,
                (true, _) => false,
                (false, _) => {
                    matches!(first, "parking_lot" | "num_cpus" | "loom")
                        || first.starts_with("crossbeam")
                }
            };
            if forbidden {
                let name = path.segments.join("::");
                complain(
                    "door",
                    path.line,
                    format!("`{name}` comes through `crate::primitive` only"),
                );
            }
        }
    }

    fn unfinished(&self, complain: &mut impl FnMut(&'static str, usize, String)) {
        for (line, code) in self.source.code.iter().enumerate() {
            for sign in ["todo!", "unimplemented!"] {
                if code.contains(sign) {
                    complain("unfinished", line, format!("`{sign}` in the sources"));
                }
            }
            for sign in [".unwrap()", ".expect("] {
                let may = self.is_test_code(line) || self.is_model_backend();
                if code.contains(sign) && !may {
                    complain("unwrap", line, format!("`{sign}` outside tests"));
                }
            }
        }
    }

    fn length(&self, complain: &mut impl FnMut(&'static str, usize, String)) {
        let length = self.text.lines().count();
        if length > LINES_MAX {
            complain(
                "length",
                length - 1,
                format!("{length} lines, more than {LINES_MAX}"),
            );
        }
    }

    /// Whether a comment on `line` or up to `within` lines above has one of `signs`.
    fn commented(&self, line: usize, within: usize, signs: &[&str]) -> bool {
        let near = &self.source.comments[line.saturating_sub(within)..=line];
        near.iter()
            .any(|comment| signs.iter().any(|sign| comment.contains(sign)))
    }

    fn safety(&self, complain: &mut impl FnMut(&'static str, usize, String)) {
        for (line, code) in self.source.code.iter().enumerate() {
            let next = self
                .source
                .code
                .get(line + 1)
                .map_or("", |l| l.trim_start());
            for (at, _) in code.match_indices("unsafe") {
                let after = code[at + "unsafe".len()..].trim_start();
                let after = if after.is_empty() { next } else { after };
                let asks = after.starts_with('{') || after.starts_with("impl");
                if asks && !self.commented(line, SAFETY_WITHIN, &["SAFETY"]) {
                    let why =
                        format!("no SAFETY comment within {SAFETY_WITHIN} lines above `unsafe`");
                    complain("safety", line, why);
                }
            }
        }
    }

    /// Each ordering names its partner.
    fn orderings(&self, complain: &mut impl FnMut(&'static str, usize, String)) {
        let signs = ["ORDERING", "pairs with", "happens-before"];
        for (line, code) in self.source.code.iter().enumerate() {
            let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            let named = words.into_iter().find(|word| ORDERINGS.contains(word));
            let imported = |word: &str| {
                (self.source.paths.iter()).any(|p| {
                    p.imported && p.line == line && p.segments.last().is_some_and(|s| s == word)
                })
            };
            if let Some(word) = named
                && !imported(word)
                && !self.is_test_code(line)
                && !self.commented(line, ORDERING_WITHIN, &signs)
            {
                let why = format!(
                    "no comment within {ORDERING_WITHIN} lines above says what `{word}` pairs with"
                );
                complain("ordering", line, why);
            }
        }
    }
}
