//! What the caller of a benchmark may choose.

use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str = "\
usage: [--quick] [--rounds N] [--json PATH] [--page DIR] [--only NAME] [TEXT]

  --quick      few and short rounds: shows that all runs, not how fast
  --rounds N   so many rounds (9; 3 with --quick)
  --json PATH  where `threads` writes its figures (target/peers/threads.json,
               with --quick threads-quick.json); its plots go to a folder beside
               it, of the same name
  --page DIR   of `threads`: writes a page of all that was measured, and its plots
  --only NAME  of `threads`: only contenders whose name begins so, for a profiler
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
    /// Whether only to show that all runs.
    pub is_quick: bool,
    /// Where the figures go; plots lie in a folder beside it.
    pub json: Option<PathBuf>,
    /// Where a page goes.
    pub page: Option<PathBuf>,
    /// How the names of the contenders begin that run.
    pub only: String,
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
            is_quick: false,
            json: None,
            page: None,
            only: String::new(),
        };
        let mut rounds = None;
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => {
                    options.is_quick = true;
                    options.rounds = 3;
                    options.slice = Duration::from_millis(5);
                }
                "--rounds" => {
                    let count = arguments.next().and_then(|text| text.parse().ok());
                    rounds = Some(count.filter(|&count| count > 0).ok_or(USAGE)?);
                }
                "--only" => options.only = arguments.next().ok_or(USAGE)?,
                "--page" => options.page = Some(arguments.next().ok_or(USAGE)?.into()),
                "--json" => options.json = Some(arguments.next().ok_or(USAGE)?.into()),
                text if text.starts_with('-') => return Err(USAGE.into()),
                text => options.filter = text.into(),
            }
        }
        options.rounds = rounds.unwrap_or(options.rounds);
        Ok(options)
    }

    /// The first, or with `--quick` the second.
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        if self.is_quick { quick } else { full }
    }
}
