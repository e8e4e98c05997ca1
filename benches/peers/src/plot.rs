//! Plots: bars for an answer, lines for a curve.

use std::error::Error;
use std::path::{Path, PathBuf};

use plotters::prelude::*;
use serde::Serialize;

use crate::{Answer, Role};

/// How contenders scale: the best time by the number of threads.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// What is measured.
    pub name: &'static str,
    /// Of the values.
    pub unit: &'static str,
    /// How many threads.
    pub threads: Vec<usize>,
    /// By contender, a value for each of `threads`.
    pub lines: Vec<(&'static str, Vec<f64>)>,
}

const WIDTH: u32 = 760;
/// Of one bar and what is around it.
const LINE: u32 = 24;
/// Of the names at the left.
const NAMES: i32 = 230;
/// Of the figures at the right.
const FIGURES: i32 = 110;
const TOP: i32 = 40;
const COLOURS: [RGBColor; 6] = [
    RGBColor(200, 60, 40),
    RGBColor(40, 90, 170),
    RGBColor(40, 140, 80),
    RGBColor(140, 80, 160),
    RGBColor(190, 140, 20),
    RGBColor(90, 90, 90),
];

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(file_name(name))
}

/// Of a plot.
pub(crate) fn file_name(name: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let mut file: String = name.chars().map(plain).collect();
    while file.contains("--") {
        file = file.replace("--", "-");
    }
    file.to_lowercase() + ".svg"
}

impl Answer {
    /// A bar for each contender's median with a line from its least to its most,
    /// the best on top. A bar that would make the others invisible is cut.
    pub(crate) fn plot(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let mut results: Vec<_> = self.results.iter().collect();
        results.sort_by(|a, b| a.median.total_cmp(&b.median));
        let path = path(folder, self.name);
        let height = TOP as u32 + LINE * results.len() as u32 + 8;
        let area = SVGBackend::new(&path, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        let title = format!("{} ({})", self.name, self.unit);
        area.draw(&Text::new(title, (10, 12), ("sans-serif", 16)))?;
        // Ten times the median of all: more than that is told by its figure.
        let middle = results
            .get(results.len() / 2)
            .map_or(1.0, |result| result.median);
        let most = (results.iter().map(|result| result.median)).fold(0.0, f64::max);
        let most = most.min(middle * 10.0).max(f64::MIN_POSITIVE);
        let room = f64::from(WIDTH as i32 - NAMES - FIGURES);
        let at = |value: f64| NAMES + (value / most * room).min(room) as i32;
        for (line, result) in results.iter().enumerate() {
            let y = TOP + LINE as i32 * line as i32;
            let colour = match result.role {
                Role::Own => COLOURS[0],
                Role::Counted => COLOURS[1],
                Role::Shown => RGBColor(170, 170, 170),
            };
            let bar = [(NAMES, y), (at(result.median), y + LINE as i32 - 8)];
            area.draw(&Rectangle::new(bar, colour.filled()))?;
            let middle = y + LINE as i32 / 2 - 4;
            let span = vec![(at(result.min), middle), (at(result.max), middle)];
            area.draw(&PathElement::new(span, BLACK))?;
            let font = ("sans-serif", 13);
            area.draw(&Text::new(result.name, (10, y + 2), font))?;
            let cut = if result.median > most { " (cut)" } else { "" };
            let digits = if result.median < 100.0 { 2 } else { 0 };
            let figure = format!("{:.digits$}{cut}", result.median);
            area.draw(&Text::new(
                figure,
                (WIDTH as i32 - FIGURES + 6, y + 2),
                font,
            ))?;
        }
        area.present()?;
        Ok(())
    }
}

impl Curve {
    /// Prints it as a table.
    pub fn print(&self) {
        print!("{:<44}", format!("{}, {}", self.name, self.unit));
        self.threads
            .iter()
            .for_each(|threads| print!(" {threads:>8}"));
        println!();
        for (name, values) in &self.lines {
            print!("    {name:<40}");
            values.iter().for_each(|value| print!(" {value:>8.2}"));
            println!();
        }
        println!();
    }

    /// A line for each contender.
    pub(crate) fn plot(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let path = path(folder, self.name);
        let area = SVGBackend::new(&path, (WIDTH, 420)).into_drawing_area();
        area.fill(&WHITE)?;
        let values = self.lines.iter().flat_map(|line| &line.1);
        let most = values.copied().fold(0.0, f64::max) * 1.1;
        let last = self.threads.last().copied().unwrap_or(1).max(2);
        let title = format!("{} ({})", self.name, self.unit);
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(1..last, 0.0..most)?;
        chart
            .configure_mesh()
            .x_desc("threads")
            .y_desc(self.unit)
            .draw()?;
        for (at, (name, values)) in self.lines.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let points = self.threads.iter().copied().zip(values.iter().copied());
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(3))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperMiddle)
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()?;
        area.present()?;
        Ok(())
    }
}
