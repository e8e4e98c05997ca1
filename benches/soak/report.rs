//! The one line that a programme prints, and the numbers that it draws.

use std::process::ExitCode;
use std::time::Instant;

use crate::Order;

/// Gathers what a programme has to say. What is said last comes last.
pub(crate) struct Report {
    start: Instant,
    fields: Vec<(&'static str, String)>,
    missed: Vec<String>,
    skipped: Vec<String>,
}

impl Report {
    pub(crate) fn new(order: &Order) -> Self {
        let id = match order.programme.as_str() {
            "queues" => "F12",
            "permits" => "F14",
            "pool" => "F10",
            "cancels" => "F13",
            "overload" => "F16",
            "starve" => "F17",
            "ends" => "F20",
            _ => "F19",
        };
        let mut report = Self {
            start: Instant::now(),
            fields: Vec::new(),
            missed: Vec::new(),
            skipped: Vec::new(),
        };
        report.text("programme", &order.programme);
        report.text("id", id);
        report.number("scale", order.scale);
        report.number("seed", order.seed as f64);
        report
    }

    pub(crate) fn text(&mut self, name: &'static str, text: &str) {
        self.fields.push((name, quoted(text)));
    }

    pub(crate) fn number(&mut self, name: &'static str, number: f64) {
        self.fields.push((name, format!("{number}")));
    }

    pub(crate) fn count(&mut self, name: &'static str, count: u64) {
        self.fields.push((name, count.to_string()));
    }

    /// Counts by name, as an object.
    pub(crate) fn counts(&mut self, name: &'static str, counts: &[(&str, u64)]) {
        let fields: Vec<String> = (counts.iter())
            .map(|(name, count)| format!("{}:{count}", quoted(name)))
            .collect();
        self.fields
            .push((name, format!("{{{}}}", fields.join(","))));
    }

    /// Something did not hold.
    pub(crate) fn missed(&mut self, why: impl Into<String>) {
        self.missed.push(why.into());
    }

    /// Something could not be tried here.
    pub(crate) fn skipped(&mut self, why: impl Into<String>) {
        self.skipped.push(why.into());
    }

    /// One line, whatever is in the texts.
    fn line(&self) -> String {
        let list = |texts: &[String]| {
            let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            format!("[{}]", texts.join(","))
        };
        let mut fields: Vec<String> = (self.fields.iter())
            .map(|(name, value)| format!("{}:{value}", quoted(name)))
            .collect();
        fields.push(format!(
            "\"seconds\":{:.1}",
            self.start.elapsed().as_secs_f64()
        ));
        fields.push(format!("\"skipped\":{}", list(&self.skipped)));
        fields.push(format!("\"missed\":{}", list(&self.missed)));
        fields.push(format!("\"held\":{}", self.missed.is_empty()));
        format!("{{{}}}", fields.join(","))
    }

    pub(crate) fn print(&self) -> ExitCode {
        println!("{}", self.line());
        match self.missed.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

fn quoted(text: &str) -> String {
    let escaped: String = (text.chars())
        .map(|c| match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            c if c.is_control() => format!("\\u{:04x}", c as u32),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

/// Random enough to choose by: xorshift of Marsaglia.
pub(crate) struct Dice(u64);

impl Dice {
    /// Different for each `who` of the same seed.
    pub(crate) fn new(seed: u64, who: u64) -> Self {
        // The finalizer of MurmurHash3 tells neighbours apart; zero is a dead end.
        let mut mixed = seed ^ who.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Self((mixed ^ mixed >> 33) | 1)
    }

    /// Below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}
