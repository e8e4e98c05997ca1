//! What a whole run showed, as a page to keep.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::machine::describe;
use crate::plot::file_name;
use crate::question::Verdict;
use crate::{Answer, Curve, Options, Role, Summary};

impl Summary {
    /// Writes the page and its plots into `folder`.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write_page(&self, options: &Options, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        self.plot(folder)?;
        let path = folder.join("threads.md");
        fs::write(&path, self.page(options))?;
        println!("page: {}", path.display());
        Ok(())
    }

    fn page(&self, options: &Options) -> String {
        let mut page = String::from("# The thread pool beside its peers\n\n");
        let rounds = options.rounds;
        page += &format!(
            "Written by `cargo peers threads -- --page docs/benchmarks`: {rounds} rounds, in each \
             of which all contenders of a row have their turn, one after the other, in changing \
             order. A *ratio* is the median of the rounds' ratios to the best peer that is \
             counted (\\*); *cpu* is seconds of processor by second. Bars are lines from the \
             least to the most round.\n\n"
        );
        for line in describe() {
            page += &format!("- {line}\n");
        }
        page += &format!(
            "- {}\n- {}\n\n",
            self.others(),
            crate::summary::versions().join(", ")
        );
        page += "| row | bar | measured | by the least | |\n|---|---|---|---|---|\n";
        for answer in self.answers() {
            for bar in &answer.bars {
                page += &verdict(answer, bar);
            }
        }
        self.answers()
            .iter()
            .for_each(|answer| page += &section(answer));
        self.curves().iter().for_each(|curve| page += &lines(curve));
        page
    }
}

fn verdict(answer: &Answer, bar: &Verdict) -> String {
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let is_met = match bar.is_met {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "-",
    };
    format!(
        "| {} | {}: {} | {} | {} | {is_met} |\n",
        answer.name,
        bar.own,
        bar.bar,
        figure(bar.measured),
        figure(bar.by_minima)
    )
}

fn section(answer: &Answer) -> String {
    let name = answer.name;
    let mut text = format!("\n## {name}\n\n![{name}]({})\n\n", file_name(name));
    if !answer.note.is_empty() {
        let _ = writeln!(text, "{}\n", answer.note);
    }
    let _ = writeln!(
        text,
        "| {} | min | median | max | ratio | cpu |",
        answer.unit
    );
    text += "|---|---|---|---|---|---|\n";
    for result in &answer.results {
        let mark = if result.role == Role::Counted {
            "\\* "
        } else {
            ""
        };
        let optional = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.2}"));
        let _ = writeln!(
            text,
            "| {mark}{} | {:.3} | {:.3} | {:.3} | {} | {} |",
            result.name,
            result.min,
            result.median,
            result.max,
            optional(result.ratio),
            optional(result.cpu)
        );
    }
    text
}

fn lines(curve: &Curve) -> String {
    let name = curve.name;
    let mut text = format!("\n## {name}\n\n![{name}]({})\n\n", file_name(name));
    let _ = write!(text, "| {} |", curve.unit);
    for threads in &curve.threads {
        let _ = write!(text, " {threads} |");
    }
    text += "\n|---|";
    text += &"---|".repeat(curve.threads.len());
    text += "\n";
    for (who, values) in &curve.lines {
        let _ = write!(text, "| {who} |");
        for value in values {
            let _ = write!(text, " {value:.3} |");
        }
        text += "\n";
    }
    text
}
