//! What a dependant gets: no loom in its lock file unless it asks, and only
//! the files that belong into the package.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cargo(folder: &Path, arguments: &[&str]) -> Output {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(folder)
        .args(arguments)
        .env("CARGO_TERM_COLOR", "never");
    cargo.output().expect("cargo runs")
}

/// Makes a crate that depends on raddle with `features`; returns its lock file,
/// or `None` when the registry cannot be reached and holds too little.
fn lock_file_of_a_dependant(name: &str, features: &str) -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(folder.join("src")).expect("a scratch folder");
    fs::write(folder.join("src/lib.rs"), "").expect("a scratch file");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nraddle = {{ path = {:?}, features = [{features}] }}\n",
        root()
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("a scratch manifest");
    // What cargo finds in its cache decides first; the network only then.
    fs::remove_file(folder.join("Cargo.lock")).ok();
    let mut output = cargo(&folder, &["generate-lockfile", "--offline"]);
    if !output.status.success() {
        output = cargo(&folder, &["generate-lockfile"]);
    }
    if !output.status.success() {
        println!(
            "skipped: no registry: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        return None;
    }
    Some(fs::read_to_string(folder.join("Cargo.lock")).expect("the lock file"))
}

#[test]
fn a_dependants_lock_file_holds_no_loom_unless_it_turns_on_model() {
    let holds_loom = |lock: &str| lock.contains("name = \"loom\"");
    let Some(plain) = lock_file_of_a_dependant("dependant-plain", "") else {
        return;
    };
    assert!(plain.contains("name = \"raddle\"") && plain.contains("name = \"parking_lot\""));
    assert!(
        !holds_loom(&plain),
        "loom is in a plain dependant's lock file"
    );
    if let Some(checking) = lock_file_of_a_dependant("dependant-checking", "\"model\"") {
        assert!(
            holds_loom(&checking),
            "the feature `model` did not bring loom"
        );
    }
}

#[test]
fn the_package_holds_what_belongs_into_it() {
    if !root().join(".git").exists() {
        println!("skipped: this is the package itself, not the repository");
        return;
    }
    let output = cargo(root(), &["package", "--list", "--allow-dirty", "--offline"]);
    let list = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let files: Vec<&str> = list.lines().collect();
    let wanted = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "src/lib.rs",
        ".cargo/config.toml",
    ];
    for file in wanted {
        assert!(files.contains(&file), "{file} is missing from the package");
    }
    let made_by_cargo = [".cargo_vcs_info.json", "Cargo.toml.orig"];
    for file in &files {
        let top = file.split(['/', '\\']).next().unwrap_or(file);
        let belongs = ["src", "tests", "examples", "benches", "docs"].contains(&top)
            || wanted.contains(&file.replace('\\', "/").as_str())
            || made_by_cargo.contains(file);
        let ends = [
            ".rs",
            ".toml",
            ".md",
            ".lock",
            ".orig",
            ".json",
            ".txt",
            ".stderr",
            "LICENSE-MIT",
            "LICENSE-APACHE",
        ];
        let text = ends.iter().any(|end| file.ends_with(end));
        assert!(belongs && text, "{file} does not belong into the package");
    }
}
