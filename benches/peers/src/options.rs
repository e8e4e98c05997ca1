//! What the caller of a benchmark may choose.

use std::time::Duration;

const USAGE: &str = "\
usage: [--quick] [--rounds N] [TEXT]

  --quick      few and short rounds: shows that all runs, not how fast
  --rounds N   so many rounds (9; 3 with --quick)
  TEXT         only rows whose name contains it";

/// How long, how often, and what.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often each entrant of a row has its turn.
    pub rounds: usize,
    /// How long a turn is.
    pub slice: Duration,
    /// A part of the names of the rows that run.
    pub filter: String,
}

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    ///
    /// What to tell the caller, when they make no sense or ask for help.
    pub fn from_arguments() -> Result<Self, String> {
        let mut options = Self {
            rounds: 9,
            slice: Duration::from_millis(40),
            filter: String::new(),
        };
        let mut rounds = None;
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => {
                    options.rounds = 3;
                    options.slice = Duration::from_millis(5);
                }
                "--rounds" => {
                    let count = arguments.next().and_then(|text| text.parse().ok());
                    rounds = Some(count.filter(|&count| count > 0).ok_or(USAGE)?);
                }
                text if text.starts_with('-') => return Err(USAGE.into()),
                text => options.filter = text.into(),
            }
        }
        options.rounds = rounds.unwrap_or(options.rounds);
        Ok(options)
    }
}
