//! A small house that keeps every rule, and violations to plant in it.

/// Files that come close to every rule and break none.
pub(crate) fn clean_house() -> Vec<(String, String)> {
    let own = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    vec![
        own(
            "src/lib.rs",
            "//! The front door.\nmod primitive;\npub use crate::thread::Pool;\n",
        ),
        own(
            "src/primitive/mod.rs",
            "//! The door.\npub(crate) use std::sync::atomic::Ordering::{Acquire, Relaxed};\nuse loom::thread;\n",
        ),
        own("src/task/mod.rs", CLEAN_TASK),
        own(
            "src/task/models.rs",
            "//! Models.\nuse super::cell;\nuse crate::primitive::thread;\n#[test]\nfn a_fear_that_is_real() { run().unwrap() }\nfn a_helper_of_the_models() {}\n",
        ),
        own(
            "src/primitive/model/models.rs",
            "//! Models of the models, which no page names.\n#[test]\nfn a_fear_of_the_model_itself() {}\n",
        ),
        own("docs/protocols/task.md", CLEAN_PAGE),
        own("tests/faults.rs", CLEAN_FAULTS),
        own(
            "src/thread/mod.rs",
            "//! The pool.\nuse crate::{error, primitive::{Mutex, thread}, task::{self, cell}};\nuse self::sleep::X;\n",
        ),
    ]
}

const CLEAN_TASK: &str = r##"//! Tasks. Not std::thread, not .unwrap(), not unsafe { } either.

use std::sync::{Arc, Weak};
use crate::{error::TaskError, primitive::Mutex};

/* a comment /* in a comment */ todo!() */
fn f<'a>(x: &'a str) -> char {
    let text = "std::thread::spawn, \" todo!() .unwrap()";
    let raw = r#"loom::model "unsafe { }" crate::thread::Pool"#;
    // SAFETY: the caller promised it.
    let y = unsafe { x.get_unchecked(0..1) };
    // ORDERING: Acquire pairs with the Release in `put`.
    state.load(Ordering::Acquire);
    if a.cmp(b) == std::cmp::Ordering::Less { '"' } else { '\'' }
}

unsafe fn asks_its_caller() {}

#[cfg(test)]
mod tests {
    use super::super::primitive::Mutex;
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn it_counts() {
        counter.load(std::sync::atomic::Ordering::SeqCst).expect("a count");
    }
}
"##;

const CLEAN_PAGE: &str = "# The task

Sources: `src/task/mod.rs`, `src/task/`, `task/mod.rs`, `std/thread.rs`, `state.rs`.

| fear | model (`src/task/models.rs`) |
|---|---|
| it is `a_b_c` | `a_fear_that_is_real`, by `finish_in_time` |
";

const CLEAN_FAULTS: &str = "//! Faults. `not_the_name_of_a_model`.

/// What is so. Models: `a_fear_that_is_real` (src/task),
/// `a_fear_of_the_model_itself`. More of `dump()`.
#[test]
fn t01_it_is_so() {}
";

/// What to plant: the rule that must complain, the file, the text.
pub(crate) const VIOLATIONS: &[(&str, &str, &str)] = &[
    ("header", "src/task/cell.rs", "use std::fmt;\n"),
    ("header", "src/task/cell.rs", "// A comment, no header.\n"),
    ("floors", "src/task/cell.rs", "use crate::thread::Pool;\n"),
    (
        "floors",
        "src/task/cell.rs",
        "use crate::{primitive::Mutex, ipc::Queue};\n",
    ),
    (
        "floors",
        "src/task/cell.rs",
        "fn f() { crate::thread::Pool::new() }\n",
    ),
    (
        "floors",
        "src/task/cell.rs",
        "use super::super::thread::Pool;\n",
    ),
    (
        "floors",
        "src/task/mod.rs",
        "mod inner {\n    use super::super::thread::Pool;\n}\n",
    ),
    ("floors", "src/task/cell.rs", "use crate::ThreadPool;\n"),
    (
        "floors",
        "src/wait/mod.rs",
        "use crate::error::TaskError;\n",
    ),
    (
        "floors",
        "src/primitive/native.rs",
        "use crate::wait::Waiter;\n",
    ),
    ("floors", "src/attic/mod.rs", "fn nothing() {}\n"),
    ("door", "src/task/cell.rs", "use std::sync::Mutex;\n"),
    (
        "door",
        "src/task/cell.rs",
        "use std::{sync::{Arc, atomic::AtomicU32}};\n",
    ),
    ("door", "src/task/cell.rs", "use std::sync;\n"),
    (
        "door",
        "src/task/cell.rs",
        "fn f() { std::thread::yield_now() }\n",
    ),
    ("door", "src/task/cell.rs", "use parking_lot::Mutex;\n"),
    ("door", "src/task/cell.rs", "use crossbeam_deque::Worker;\n"),
    ("door", "src/task/cell.rs", "use loom::thread;\n"),
    (
        "door",
        "src/thread/builder.rs",
        "fn f() -> usize { num_cpus::get() }\n",
    ),
    (
        "door",
        "src/task/models.rs",
        "use std::thread;\n#[test]\nfn a_fear_that_is_real() {}\n",
    ),
    (
        "door",
        "src/task/cell.rs",
        "#[cfg(test)]\nmod tests {\n    use loom::model;\n}\n",
    ),
    ("unfinished", "src/task/cell.rs", "fn f() { todo!() }\n"),
    (
        "unfinished",
        "src/task/cell.rs",
        "fn f() { unimplemented!(\"later\") }\n",
    ),
    ("unwrap", "src/task/cell.rs", "fn f() { g().unwrap(); }\n"),
    (
        "unwrap",
        "src/task/cell.rs",
        "#[cfg(test)]\nmod tests;\nfn f() { g().expect(\"g\"); }\n",
    ),
    (
        "safety",
        "src/task/cell.rs",
        "fn f() {\n    unsafe { g() }\n}\n",
    ),
    ("safety", "src/task/cell.rs", "unsafe impl Send for X {}\n"),
    (
        "safety",
        "src/task/cell.rs",
        "// SAFETY: too far.\n\n\n\n\n\n\nunsafe impl Send for X {}\n",
    ),
    (
        "ordering",
        "src/task/cell.rs",
        "fn f() { s.load(Ordering::Acquire); }\n",
    ),
    (
        "ordering",
        "src/task/cell.rs",
        "use crate::primitive::atomic::Ordering::Release;\n\nfn f() { s.store(1, Release); }\n",
    ),
    (
        "ordering",
        "src/primitive/native.rs",
        "fn f() { fence(SeqCst); }\n",
    ),
    ("length", "src/task/cell.rs", ""),
    (
        "models",
        "docs/protocols/task.md",
        "| it is gone | `a_fear_that_is_gone` |\n| it is there | `a_fear_that_is_real` |\n",
    ),
    (
        "models",
        "docs/protocols/task.md",
        "| a helper | `a_helper_of_the_models`, `a_fear_that_is_real` |\n",
    ),
    (
        "models",
        "src/task/models.rs",
        "#[test]\nfn a_fear_that_is_real() {}\n#[test]\n#[ignore]\nfn a_fear_that_no_page_names() {}\n",
    ),
    (
        "models",
        "tests/faults.rs",
        "/// Models: a fear, loosely (src/task).\n#[test]\nfn t02_x() {}\n",
    ),
    (
        "models",
        "tests/faults.rs",
        "/// Models: `a_fear_that_is_real`,\n/// `a_fear_that_is_gone`.\n#[test]\nfn t02_x() {}\n",
    ),
    (
        "models",
        "tests/faults.rs",
        "// Model: none.\nfn t02_x() {}\n/// Of `a_fear_that_is_real`.\nfn t03_x() {}\n",
    ),
    (
        "paths",
        "docs/architecture.md",
        "Gone: `src/task/cell.rs`.\n",
    ),
    ("paths", "docs/guide.md", "Gone: `task/group.rs`.\n"),
    ("paths", "docs/guide.md", "Gone: `tests/house/`.\n"),
];

/// The text of a planted file: everything right but what is planted.
pub(crate) fn with_header(rule: &str, text: &str) -> String {
    match rule {
        "header" => text.to_owned(),
        "length" => format!("//! Long.\n{}", "// on and on\n".repeat(500)),
        _ => format!("//! A file.\n\n{text}"),
    }
}
