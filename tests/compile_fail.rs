//! What must not compile, and what the compiler says then: the programs of
//! `tests/compile_fail`, each beside its message. They are compiled in a package that
//! depends on raddle as a user's does. `RADDLE_BLESS=1 cargo test --test compile_fail`
//! writes the messages anew; read them as one who does not know raddle.
//!
//! WHY NOT trybuild: it compiles serde, syn and toml, and checks all that raddle's own
//! tests depend on once more, which takes longer than the rest of the tests.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The compiler whose messages these are; others word them differently.
const RUSTC: &str = "rustc 1.95.";

/// This one must compile, or nothing is shown by those that do not.
const CONTROL: &str = "\
pub fn sort(slice: &mut [u32]) {
    let (low, high) = slice.split_at_mut(slice.len() / 2);
    raddle::join(|| low.sort(), || high.sort());
    raddle::scope(|s| s.submit(|| slice.sort()).result().unwrap());
}
";

#[test]
fn c132_racy_borrows_do_not_compile() {
    compile_all("c132_");
}

#[test]
fn c133_what_is_not_send_and_what_escapes_does_not_compile() {
    compile_all("c133_");
}

#[test]
fn a_misused_pool_is_explained() {
    compile_all("misuse_");
}

fn compile_all(prefix: &str) {
    let Some(package) = package() else { return };
    let same_compiler = program("RUSTC", "rustc")
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with(RUSTC));
    if !same_compiler {
        common::skipped(&format!(
            "the texts of {prefix}*: they are those of {RUSTC}x"
        ));
    }
    let names: Vec<String> = cases().filter(|name| name.starts_with(prefix)).collect();
    assert!(!names.is_empty(), "no case is named {prefix}*");
    let mut wrong = String::new();
    for name in names {
        let output = check(package, &["--offline", "--quiet", "--bin", &name]);
        let said = plain(&String::from_utf8_lossy(&output.stderr));
        let file = folder().join(&name).with_extension("stderr");
        let wanted = fs::read_to_string(&file).unwrap_or_default();
        if output.status.success() {
            wrong += &format!("{name}.rs compiles\n");
        } else if !same_compiler || said == wanted {
            // As it should be.
        } else if std::env::var_os("RADDLE_BLESS").is_some() {
            fs::write(&file, said).expect("the message can be written");
        } else {
            wrong += &format!("{name}.rs: wanted\n{wanted}\nand the compiler said\n{said}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compile_fail"))
}

fn cases() -> impl Iterator<Item = String> {
    let files = fs::read_dir(folder()).expect("the folder of the cases");
    let paths = files.map(|entry| entry.expect("a case").path());
    let cases = paths.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let mut names: Vec<String> = cases
        .map(|path| {
            path.file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into()
        })
        .collect();
    names.sort();
    names.into_iter()
}

/// A package that depends on raddle, one program for each case; `None` without a
/// registry that holds what raddle depends on.
fn package() -> Option<&'static PathBuf> {
    static PACKAGE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let make = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let package = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compile-fail");
        let programs = package.join("src/bin");
        fs::remove_dir_all(&programs).ok();
        fs::create_dir_all(&programs).expect("a scratch folder");
        let manifest = format!(
            "[package]\nname = \"misuse\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\nraddle = {{ path = {root:?} }}\n"
        );
        fs::write(package.join("Cargo.toml"), manifest).expect("a scratch manifest");
        fs::write(package.join("src/lib.rs"), CONTROL).expect("a scratch file");
        fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).expect("the lock file");
        for name in cases() {
            let file = format!("{name}.rs");
            fs::copy(folder().join(&file), programs.join(&file)).expect("a copy of the case");
        }
        let mut output = check(&package, &["--offline", "--lib"]);
        if !output.status.success() {
            output = check(&package, &["--lib"]);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("could not compile"), "{said}");
        if !output.status.success() {
            common::skipped(&format!("compile_fail: no registry: {said}"));
            return None;
        }
        Some(package)
    };
    PACKAGE.get_or_init(make).as_ref()
}

fn check(package: &Path, arguments: &[&str]) -> Output {
    program("CARGO", "cargo")
        .current_dir(package)
        .args(["check", "--target-dir", "target"])
        .args(arguments)
        .env("CARGO_TERM_COLOR", "never")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs")
}

fn program(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| name.into()))
}

/// The messages alone, without what changes with the place of this repository or with
/// any edit of raddle: line numbers of its files, and the margin that they widen.
fn plain(said: &str) -> String {
    let root = format!("{}/", env!("CARGO_MANIFEST_DIR"));
    let mut in_raddle = false;
    let mut plain = String::new();
    for line in said.lines() {
        if line.starts_with("error: could not compile")
            || line.starts_with("For more information about")
            || line.starts_with("Some errors have detailed")
        {
            continue;
        }
        let bare = line.trim_start();
        let after_number = bare.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = &bare[..bare.len() - after_number.len()];
        if let Some(place) = bare.strip_prefix("--> ") {
            let ours = place.strip_prefix(&root);
            in_raddle = ours.is_some();
            let ours = ours.map(|place| place.split(':').next().unwrap_or(place));
            plain += &match ours {
                Some(file) => format!("   --> raddle/{file}"),
                None => format!("   --> {place}"),
            };
        } else if !number.is_empty() && after_number.starts_with(' ') {
            let number = if in_raddle { "" } else { number };
            plain += &format!("{number:>3}{after_number}");
        } else if line.starts_with(' ') && bare.starts_with(['|', '=']) {
            plain += &format!("    {bare}");
        } else {
            plain += line;
        }
        plain.push('\n');
    }
    plain.trim_end().to_owned() + "\n"
}
