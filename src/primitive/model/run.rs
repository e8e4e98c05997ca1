//! The runner: explores a model, and lets pass only what it explored in full.
//!
//! ```text
//! #[test]
//! fn a_set_racing_with_wait_wakes_the_owner() {
//!     Model::new("latch::a_set_racing_with_wait_wakes_the_owner")
//!         .unbounded()
//!         .check(|| { … });
//! }
//! ```
//!
//! A model passes when loom has tried every execution within its bound. It
//! fails, beside what loom finds, when
//!
//! 1. it states no bound;
//! 2. there was one execution only: nothing in it can happen in another order;
//! 3. a thread panicked and nobody joined it;
//! 4. the environment asks loom to stop early.
//!
//! `RADDLE_MODEL_TIER=full` takes the full bounds instead of the quick ones;
//! `RADDLE_MODEL_RECORD` names a file that gets a line for each model that
//! passed; `RADDLE_MODEL_LOCATION` makes loom say where things happened (slow).

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::context::{self, Mode};
use super::{late, stacks, unwind};

/// A model of something that we fear.
#[must_use = "a model does nothing until `check`"]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    name: &'static str,
    full: Option<Bound>,
    quick: Option<Bound>,
    spurious: bool,
}

/// How many times the scheduler may take the processor from a thread that
/// could go on.
///
/// After the last of them loom changes nothing any more, not even who runs when a
/// thread blocks or ends. So a bound of `n` explores every execution with fewer
/// than `n` preemptions, and of those with `n` the ones that go on in loom's own
/// order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Every execution.
    Unbounded,
    /// The executions with at most so many preemptions.
    Preemptions(u8),
}

/// What an exploration found that was not wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explored {
    /// How many executions loom tried.
    pub(crate) executions: u64,
}

/// Steps in one execution before it counts as endless.
const MAX_STEPS: usize = 20_000;

/// What makes loom stop early as if it had seen everything.
const EARLY_ENDS: [&str; 5] = [
    "LOOM_MAX_PERMUTATIONS",
    "LOOM_MAX_DURATION",
    "LOOM_MAX_PREEMPTIONS",
    "LOOM_MAX_BRANCHES",
    "LOOM_CHECKPOINT_FILE",
];

impl Model {
    /// `name` is the module under test and the fear: `latch::set_is_lost`.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            full: None,
            quick: None,
            spurious: false,
        }
    }

    /// Explores every execution.
    pub(crate) const fn unbounded(mut self) -> Self {
        self.full = Some(Bound::Unbounded);
        self
    }

    /// Explores every execution with at most `count` preemptions.
    pub(crate) const fn preemptions(mut self, count: u8) -> Self {
        self.full = Some(Bound::Preemptions(count));
        self
    }

    /// The bound of the quick tier, in preemptions, where the full one takes
    /// too long to wait for.
    pub(crate) const fn quick(mut self, count: u8) -> Self {
        self.quick = Some(Bound::Preemptions(count));
        self
    }

    /// Explores once more, with spurious wake-ups of condvars.
    pub(crate) const fn spurious(mut self) -> Self {
        self.spurious = true;
        self
    }

    /// Explores `body`.
    ///
    /// # Panics
    ///
    /// When `body` or loom panics, or the exploration says nothing.
    pub(crate) fn check(self, body: impl Fn() + Send + Sync + 'static) -> Explored {
        refuse_early_ends();
        let bound = self.bound();
        let began = Instant::now();
        let body = Arc::new(body);

        let (bare, timed) = self.explore(Mode::default(), bound, &body);
        // With a bound, timed waits would have to pay a preemption for each
        // notification that comes in time. A patient exploration gives it free.
        let patience = timed && bound != Bound::Unbounded;
        let mut counts = vec![bare];
        for (wanted, spurious, patient) in [
            (patience, false, true),
            (self.spurious, true, false),
            (self.spurious && patience, true, true),
        ] {
            if wanted {
                counts.push(self.explore(Mode { spurious, patient }, bound, &body).0);
            }
        }
        assert!(
            counts.iter().any(|&count| count > 1),
            "raddle model {}: a single execution; nothing in it can happen in another order",
            self.name
        );
        let executions = counts.iter().sum();

        println!(
            "model {}: {bound}, {executions} executions, complete, {:.1} s",
            self.name,
            began.elapsed().as_secs_f64()
        );
        self.record(bound, executions);
        Explored { executions }
    }

    fn bound(&self) -> Bound {
        let full = self.full.unwrap_or_else(|| {
            panic!(
                "raddle model {}: say `unbounded` or `preemptions(n)`",
                self.name
            )
        });
        match std::env::var("RADDLE_MODEL_TIER").as_deref() {
            Ok("full") => full,
            Ok("quick") | Err(_) => self.quick.unwrap_or(full),
            Ok(tier) => panic!("RADDLE_MODEL_TIER is `quick` or `full`, not `{tier}`"),
        }
    }

    /// Explores all executions in one mode; how many, and whether some waited
    /// with a deadline.
    fn explore<F>(&self, mode: Mode, bound: Bound, body: &Arc<F>) -> (u64, bool)
    where
        F: Fn() + Send + Sync + 'static,
    {
        unwind::watch_panics();
        assert!(!context::inside(), "a model runs inside another");
        let _stacks = stacks::keep();
        let _leave = context::Leave;
        loop {
            // Again when objects that are decided late were more than expected.
            if let Some(explored) = self.explore_once(mode, bound, body) {
                return explored;
            }
        }
    }

    /// As `explore`; `None` when an execution found the reserve of `late.rs`
    /// too small, and is not worth anything.
    fn explore_once<F>(&self, mode: Mode, bound: Bound, body: &Arc<F>) -> Option<(u64, bool)>
    where
        F: Fn() + Send + Sync + 'static,
    {
        let executions = Arc::new(AtomicU64::new(0));
        let execution = {
            let (executions, body, name) = (Arc::clone(&executions), Arc::clone(body), self.name);
            move || {
                assert!(!late::is_short(), "raddle model: begins again");
                require_joined(name);
                context::begin(mode);
                // ORDERING: Relaxed, all threads of a model are one.
                executions.fetch_add(1, Ordering::Relaxed);
                body();
            }
        };
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            builder(bound).check(execution);
            // From here on there is no execution that could be asked.
            context::doom();
            require_joined(self.name);
        }));
        if late::enlarge_if_short() {
            // What the last execution left behind belongs to no other.
            context::doom();
            return None;
        }
        // ORDERING: Relaxed, as above.
        let count = executions.load(Ordering::Relaxed);
        if let Err(payload) = outcome {
            let said = context::keep_uncaught(None)
                .unwrap_or_else(|| unwind::message(payload.as_ref()).to_owned());
            eprintln!(
                "model {}: fails in execution {count}, {bound}, {mode:?}: {said}",
                self.name
            );
            panic::resume_unwind(payload);
        }
        Some((count, context::has_timed_waits()))
    }

    fn record(&self, bound: Bound, executions: u64) {
        let Some(path) = std::env::var_os("RADDLE_MODEL_RECORD") else {
            return;
        };
        // The run that the line belongs to: the process that started us, so that
        // a later run does not count it.
        let run = std::os::unix::process::parent_id();
        let line = format!("{}\t{bound}\t{executions}\t{run}\n", self.name);
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            panic!("RADDLE_MODEL_RECORD={}: {error}", path.display());
        }
    }
}

/// Tries one order only of what `prepare` does. Other models explore that.
pub(crate) fn in_one_order<R>(prepare: impl FnOnce() -> R) -> R {
    context::in_one_step(prepare)
}

/// Tries one order only of what is left of this execution. Other models explore
/// that; what it ends with is looked at all the same.
pub(crate) fn rest_in_one_order() {
    context::rest_in_one_order();
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbounded => f.write_str("unbounded"),
            Self::Preemptions(count) => write!(f, "up to {count} preemptions"),
        }
    }
}

/// Every field is set, so that the environment sets none.
fn builder(bound: Bound) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.max_threads = 5;
    builder.max_branches = MAX_STEPS;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = match bound {
        Bound::Unbounded => None,
        Bound::Preemptions(count) => Some(count.into()),
    };
    builder.checkpoint_file = None;
    builder.checkpoint_interval = usize::MAX;
    builder.expect_explicit_explore = false;
    builder.location = std::env::var_os("RADDLE_MODEL_LOCATION").is_some();
    builder.log = false;
    builder
}

fn refuse_early_ends() {
    for name in EARLY_ENDS {
        assert!(
            std::env::var_os(name).is_none(),
            "raddle model: {name} is set; a model that ends early would pass; unset it"
        );
    }
}

fn require_joined(name: &str) {
    let lost = context::unjoined_panics();
    assert!(
        lost == 0,
        "raddle model {name}: {lost} thread(s) panicked and nobody joined them"
    );
}
