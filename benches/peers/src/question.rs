//! A question: contenders that do the same, run in turn, and what they are
//! held to.
//!
//! Where [`Row`](crate::Row) runs for a slice of time, a contender of a question
//! does a fixed piece of work, on a pool that it starts and ends itself: no other
//! pool is alive meanwhile, so none disturbs by what it burns.

use serde::Serialize;

/// What one turn showed.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// In the unit of the question.
    pub value: f64,
    /// Seconds of processor by second, where that is asked as well.
    pub cpu: Option<f64>,
}

impl From<f64> for Sample {
    fn from(value: f64) -> Self {
        Self { value, cpu: None }
    }
}

/// Whether ratios are to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// raddle's.
    Own,
    /// A peer that promises as much.
    Counted,
    /// Something else, for orientation.
    Shown,
}

struct Contender {
    name: &'static str,
    role: Role,
    run: Box<dyn Fn() -> Sample>,
}

/// Who a bar compares with.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// The best peer that is counted.
    Best,
    /// The best whose name begins so, counted or not.
    Named(&'static str),
}

/// What an entrant is held to.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// So many times the other's value, in the median of the rounds.
    Times(f64, Of),
    /// A value.
    AtMost(f64),
    /// So much more than the other.
    Above(f64, Of),
    /// Seconds of processor by second.
    Cpu(f64),
}

/// Contenders, a unit, and bars.
pub struct Question {
    name: &'static str,
    unit: &'static str,
    note: &'static str,
    contenders: Vec<Contender>,
    bars: Vec<(&'static str, Limit)>,
}

impl Question {
    /// A question; `note` says what its contenders promise differently.
    pub fn new(name: &'static str, unit: &'static str, note: &'static str) -> Self {
        Self {
            name,
            unit,
            note,
            contenders: Vec::new(),
            bars: Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// One more contender.
    #[must_use]
    pub fn with<S: Into<Sample>>(
        mut self,
        role: Role,
        name: &'static str,
        run: impl Fn() -> S + 'static,
    ) -> Self {
        let run = Box::new(move || run().into());
        self.contenders.push(Contender { name, role, run });
        self
    }

    /// One of raddle's own.
    #[must_use]
    pub fn own<S: Into<Sample>>(self, name: &'static str, run: impl Fn() -> S + 'static) -> Self {
        self.with(Role::Own, name, run)
    }

    /// A peer that is counted.
    #[must_use]
    pub fn peer<S: Into<Sample>>(self, name: &'static str, run: impl Fn() -> S + 'static) -> Self {
        self.with(Role::Counted, name, run)
    }

    /// For orientation.
    #[must_use]
    pub fn shown<S: Into<Sample>>(self, name: &'static str, run: impl Fn() -> S + 'static) -> Self {
        self.with(Role::Shown, name, run)
    }

    /// What `own` is held to; it may be absent as yet.
    #[must_use]
    pub fn bar(mut self, own: &'static str, bar: Limit) -> Self {
        self.bars.push((own, bar));
        self
    }

    /// Without the contenders whose name does not begin so.
    pub fn only(&mut self, name: &str) {
        self.contenders
            .retain(|contender| contender.name.starts_with(name));
    }

    /// Runs all rounds.
    pub fn ask(&self, rounds: usize, mut before: impl FnMut(&str)) -> Answer {
        let count = self.contenders.len();
        let mut samples = vec![Vec::new(); count];
        for round in 0..rounds {
            for turn in 0..count {
                let at = (round + turn) % count;
                before(self.contenders[at].name);
                crate::settle();
                samples[at].push((self.contenders[at].run)());
            }
        }
        self.answer(&samples)
    }

    fn answer(&self, samples: &[Vec<Sample>]) -> Answer {
        let mut results: Vec<_> = (self.contenders.iter().zip(samples))
            .map(|(contender, samples)| Measured::new(contender, samples))
            .collect();
        let best = best(results.iter().filter(|result| result.role == Role::Counted)).cloned();
        if let Some(best) = &best {
            for result in &mut results {
                result.ratio = Some(result.over(best));
            }
        }
        let bars = (self.bars.iter())
            .map(|&(own, bar)| Verdict::new(&results, own, bar))
            .collect();
        Answer {
            name: self.name,
            unit: self.unit,
            note: self.note,
            best: best.map(|best| best.name),
            results,
            bars,
        }
    }
}

/// What was measured of one contender.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Its name.
    pub name: &'static str,
    /// Whether ratios are to it.
    pub role: Role,
    /// In order of the rounds.
    pub values: Vec<f64>,
    /// The least.
    pub min: f64,
    /// The one in the middle.
    pub median: f64,
    /// The most.
    pub max: f64,
    /// To the best peer: the median of the ratios of each round.
    pub ratio: Option<f64>,
    /// Seconds of processor by second, median.
    pub cpu: Option<f64>,
}

impl Measured {
    fn new(contender: &Contender, samples: &[Sample]) -> Self {
        let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
        let cpu: Vec<f64> = samples.iter().filter_map(|sample| sample.cpu).collect();
        Self {
            name: contender.name,
            role: contender.role,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            median: median(values.clone()),
            max: values.iter().copied().fold(0.0, f64::max),
            ratio: None,
            cpu: (!cpu.is_empty()).then(|| median(cpu)),
            values,
        }
    }

    /// Of the same round each: what disturbs one often disturbs both.
    fn over(&self, other: &Self) -> f64 {
        let pairs = self.values.iter().zip(&other.values);
        median(pairs.map(|(own, other)| own / other).collect())
    }
}

fn best<'a>(results: impl Iterator<Item = &'a Measured>) -> Option<&'a Measured> {
    results.min_by(|a, b| a.median.total_cmp(&b.median))
}

/// How an entrant stands to its bar.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Who is held to it.
    pub own: &'static str,
    /// The bar, in words.
    pub bar: String,
    /// What was measured for it.
    pub measured: Option<f64>,
    /// The same by the least of each: what a busy machine spoils less.
    pub by_minima: Option<f64>,
    /// The most allowed.
    pub most: f64,
    /// `None` when the entrant, or who it compares with, was not there.
    pub is_met: Option<bool>,
}

impl Verdict {
    fn new(results: &[Measured], own: &'static str, bar: Limit) -> Self {
        let entrant = results.iter().find(|result| result.name == own);
        let other = |of| match of {
            Of::Best => best(results.iter().filter(|result| result.role == Role::Counted)),
            Of::Named(name) => {
                let all = results.iter().filter(|result| result.role != Role::Own);
                best(all.filter(|result| result.name.starts_with(name)))
            }
        };
        let name = |of| match of {
            Of::Best => other(of).map_or("the best peer", |other| other.name),
            Of::Named(name) => name,
        };
        let (words, most, measured) = match bar {
            Limit::Times(most, of) => (
                format!("<= {most} x {}", name(of)),
                most,
                entrant.zip(other(of)).map(|(own, other)| own.over(other)),
            ),
            Limit::AtMost(most) => (
                format!("<= {most}"),
                most,
                entrant.map(|entrant| entrant.median),
            ),
            Limit::Above(most, of) => (
                format!("<= {} + {most}", name(of)),
                most,
                (entrant.zip(other(of))).map(|(own, other)| own.median - other.median),
            ),
            Limit::Cpu(most) => (
                format!("<= {most} CPU"),
                most,
                entrant.and_then(|entrant| entrant.cpu),
            ),
        };
        let by_minima = match bar {
            Limit::Times(_, of) => entrant
                .zip(other(of))
                .map(|(own, other)| own.min / other.min),
            _ => None,
        };
        Self {
            own,
            bar: words,
            measured,
            by_minima,
            most,
            is_met: measured.map(|measured| measured <= most),
        }
    }
}

/// A question and what its rounds showed.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The question.
    pub name: &'static str,
    /// Of the values.
    pub unit: &'static str,
    /// What its contenders promise differently.
    pub note: &'static str,
    /// The peer that ratios are to.
    pub best: Option<&'static str>,
    /// What was measured.
    pub results: Vec<Measured>,
    /// How raddle stands.
    pub bars: Vec<Verdict>,
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        _ if values.is_empty() => f64::NAN,
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

impl Answer {
    /// Prints it as a table.
    pub fn print(&self) {
        println!("{}", self.name);
        println!(
            "{:<44} {:>10} {:>10} {:>10} {:>7} {:>6}",
            format!("    {}", self.unit),
            "min",
            "median",
            "max",
            "ratio",
            "cpu"
        );
        for result in &self.results {
            let mark = if result.role == Role::Counted {
                '*'
            } else {
                ' '
            };
            let optional =
                |value: Option<f64>| value.map_or("".into(), |value| format!("{value:.2}"));
            println!(
                "  {mark} {:<40} {} {} {} {:>7} {:>6}",
                result.name,
                number(result.min),
                number(result.median),
                number(result.max),
                optional(result.ratio),
                optional(result.cpu),
            );
        }
        for bar in &self.bars {
            println!("    {}", bar.words());
        }
        if !self.note.is_empty() {
            println!("    ({})", self.note);
        }
        println!();
    }
}

impl Verdict {
    /// One line.
    pub fn words(&self) -> String {
        let how = match self.is_met {
            Some(true) => "met   ",
            Some(false) => "MISSED",
            None => "absent",
        };
        let measured = self
            .measured
            .map_or("-".into(), |measured| format!("{measured:.2}"));
        let minima = self
            .by_minima
            .map_or(String::new(), |ratio| format!(" (by minima {ratio:.2})"));
        format!("bar {how} {}: {measured}{minima}, {}", self.own, self.bar)
    }
}

fn number(value: f64) -> String {
    match value {
        value if value.abs() >= 100.0 => format!("{value:>10.0}"),
        value if value.abs() >= 10.0 => format!("{value:>10.1}"),
        value => format!("{value:>10.2}"),
    }
}
