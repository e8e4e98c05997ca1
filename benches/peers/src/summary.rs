//! What a whole run showed: a file, plots, and which bars were met.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::machine::{Others, describe};
use crate::{Answer, Curve, Options};

/// Answers and curves of one run.
pub struct Summary {
    others: Others,
    answers: Vec<Answer>,
    curves: Vec<Curve>,
}

#[derive(Serialize)]
struct File<'a> {
    machine: Vec<String>,
    others: String,
    versions: Vec<String>,
    rounds: usize,
    is_quick: bool,
    answers: &'a [Answer],
    curves: &'a [Curve],
}

impl Summary {
    /// A run begins.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            others: Others::start(),
            answers: Vec::new(),
            curves: Vec::new(),
        }
    }

    /// One more answer.
    pub fn add(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// The curves, in place of those that were there.
    pub fn set_curves(&mut self, curves: Vec<Curve>) {
        self.curves = curves;
    }

    /// Writes the figures to `json` and the plots into the folder of the same name.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write(&self, options: &Options, json: &Path) -> io::Result<()> {
        let plots = json.with_extension("");
        fs::create_dir_all(&plots)?;
        let file = File {
            machine: describe(),
            others: self.others.to_string(),
            versions: versions(),
            rounds: options.rounds,
            is_quick: options.is_quick,
            answers: &self.answers,
            curves: &self.curves,
        };
        fs::write(json, serde_json::to_string_pretty(&file)?)?;
        self.plot(&plots)?;
        println!(
            "figures: {}; plots: {}/*.svg",
            json.display(),
            plots.display()
        );
        Ok(())
    }

    /// Draws all plots.
    pub(crate) fn plot(&self, folder: &Path) -> io::Result<()> {
        let drawn = |drawn: Result<(), Box<dyn std::error::Error>>| {
            drawn.map_err(|error| io::Error::other(error.to_string()))
        };
        (self.answers.iter()).try_for_each(|answer| drawn(answer.plot(folder)))?;
        (self.curves.iter()).try_for_each(|curve| drawn(curve.plot(folder)))
    }

    pub(crate) fn answers(&self) -> &[Answer] {
        &self.answers
    }

    pub(crate) fn curves(&self) -> &[Curve] {
        &self.curves
    }

    pub(crate) fn others(&self) -> &Others {
        &self.others
    }

    /// Which bars were met and which missed, the worst first.
    pub fn print(&self) {
        for line in describe() {
            println!("{line}");
        }
        println!("{}", self.others);
        let mut bars: Vec<_> = (self.answers.iter())
            .flat_map(|answer| answer.bars.iter().map(move |bar| (answer.name, bar)))
            .collect();
        let over = |measured: f64, most: f64| measured / most - 1.0;
        bars.sort_by(|(_, a), (_, b)| {
            let key = |measured: Option<f64>, most| {
                measured.map_or(-9.0, |measured| over(measured, most))
            };
            key(b.measured, b.most).total_cmp(&key(a.measured, a.most))
        });
        let count = |state| bars.iter().filter(|(_, bar)| bar.is_met == state).count();
        println!(
            "bars: {} met, {} missed, {} of what is not there yet\n",
            count(Some(true)),
            count(Some(false)),
            count(None)
        );
        for (name, bar) in bars {
            let by = match bar.measured {
                Some(measured) => format!("{:+.0} %", over(measured, bar.most) * 100.0),
                None => String::new(),
            };
            println!("{by:>8}  {name}: {}", bar.words());
        }
    }
}

/// The peers and their versions, from the lock file that this was built with.
pub(crate) fn versions() -> Vec<String> {
    let lock = include_str!("../Cargo.lock");
    let packages: Vec<(&str, &str)> = (lock.split("[[package]]"))
        .filter_map(|package| Some((field(package, "name")?, field(package, "version")?)))
        .collect();
    let manifest = include_str!("../Cargo.toml");
    let wanted = manifest
        .split_once("[dependencies]")
        .map_or("", |parts| parts.1);
    (wanted
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('[')))
    .filter_map(|line| Some(line.split_once(" = ")?.0))
    .flat_map(|name| packages.iter().filter(move |package| package.0 == name))
    .map(|(name, version)| format!("{name} {version}"))
    .collect()
}

fn field<'a>(package: &'a str, name: &str) -> Option<&'a str> {
    let line = package
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    Some(line?.trim_matches('"'))
}
