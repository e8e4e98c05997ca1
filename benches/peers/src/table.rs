//! Rows of entrants, run in turn, and what is shown of them.

use crate::machine::Others;
use crate::{Options, Slice};

/// One who is measured: a name, and a slice of work that says nanoseconds by
/// operation.
pub struct Entrant {
    name: &'static str,
    run: Box<dyn Fn(Slice) -> f64>,
    is_reference: bool,
}

impl Entrant {
    /// One of raddle's own.
    pub fn own(name: &'static str, run: impl Fn(Slice) -> f64 + 'static) -> Self {
        Self {
            is_reference: false,
            ..Self::peer(name, run)
        }
    }

    /// A peer that promises as much: ratios are to the best of these.
    pub fn peer(name: &'static str, run: impl Fn(Slice) -> f64 + 'static) -> Self {
        Self {
            name,
            run: Box::new(run),
            is_reference: true,
        }
    }

    /// A peer that promises something else, shown for orientation.
    pub fn shown(name: &'static str, run: impl Fn(Slice) -> f64 + 'static) -> Self {
        Self::own(name, run)
    }
}

/// So much of the best peer's time an entrant may take.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// The entrant.
    pub entrant: &'static str,
    /// The ratio at most.
    pub most: f64,
}

/// Entrants that do the same, and how their promises differ.
pub struct Row {
    name: &'static str,
    note: &'static str,
    entrants: Vec<Entrant>,
    bar: Option<Bar>,
}

impl Row {
    /// A row; `note` says where what its entrants promise differs.
    pub fn new(name: &'static str, note: &'static str, entrants: Vec<Entrant>) -> Self {
        Self {
            name,
            note,
            entrants,
            bar: None,
        }
    }

    /// The first entrant may take `most` times what the best peer takes.
    #[must_use]
    pub fn bar(mut self, most: f64) -> Self {
        let entrant = self.entrants[0].name;
        self.bar = Some(Bar { entrant, most });
        self
    }

    /// Runs all rounds: for each entrant, its times in order of the rounds.
    fn measure(&self, options: &Options) -> Vec<Vec<f64>> {
        let count = self.entrants.len();
        let mut times = vec![Vec::new(); count];
        for round in 0..options.rounds {
            for turn in 0..count {
                let at = (round + turn) % count;
                crate::settle();
                times[at].push((self.entrants[at].run)(Slice::new(options.slice)));
            }
        }
        times
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// Runs the rows and prints them; the bars come last.
pub fn report(rows: &[Row], options: &Options) {
    println!(
        "{} rounds of {} ms for each; medians. `ratio`: to the best peer that is counted (*).\n",
        options.rounds,
        options.slice.as_millis()
    );
    let (mut bars, others) = (Vec::new(), Others::start());
    for row in rows.iter().filter(|row| row.name.contains(&options.filter)) {
        let times = row.measure(options);
        let median_of = |at: usize| median(times[at].clone());
        let best = (0..times.len())
            .filter(|&at| row.entrants[at].is_reference)
            .min_by(|&a, &b| median_of(a).total_cmp(&median_of(b)))
            .expect("a row has a peer that is counted");
        println!("{:<46} {:>10} {:>7}", row.name, "ns/op", "ratio");
        for (at, entrant) in row.entrants.iter().enumerate() {
            // Of the same round each: what disturbs one often disturbs both.
            let ratios = times[at].iter().zip(&times[best]);
            let ratio = median(ratios.map(|(own, best)| own / best).collect());
            let mark = if entrant.is_reference { '*' } else { ' ' };
            println!(
                "  {mark} {:<42} {:>10.1} {ratio:>7.2}",
                entrant.name,
                median_of(at)
            );
            if let Some(bar) = row.bar.filter(|bar| bar.entrant == entrant.name) {
                let end = if ratio <= bar.most { "held" } else { "missed" };
                bars.push(format!(
                    "{end:<6} {}: {ratio:.2} x {}, at most {:.2}",
                    row.name, row.entrants[best].name, bar.most
                ));
            }
        }
        if !row.note.is_empty() {
            println!("    ({})", row.note);
        }
        println!();
    }
    println!("{others}");
    for bar in bars {
        println!("bar {bar}");
    }
}
