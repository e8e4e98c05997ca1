//! Random programs of submit, cancel, limits, waiting, dropping and shutdown
//! against a sequential model of what each handle may say.
//!
//! The model keeps, for each task, the set of outcomes that are still possible.
//! Where the program leaves no choice (no cancel, no limit, no shutdown that
//! cancels) the set has one element, so the outcome is checked exactly. What is
//! observed (a `Cancel`, a final state, a result) narrows the set for good.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{until, watch_for};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use raddle::{
    Cancel, CancellationToken, Handle, Inline, Shutdown, TaskError, TaskState, ThreadPool,
    block_on, task,
};

use TaskState::{Cancelled, Failed, Finished, Panicked, TimedOut};

#[derive(Clone, Copy, Debug)]
enum Body {
    Value,
    Panics,
    /// Submits a child and waits for it.
    Waits,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    None,
    PastDeadline,
    NoTime,
    Never,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit(Body, Limit, Option<usize>),
    SubmitAfter { now: bool },
    SubmitMany(usize),
    Cancel(usize),
    CancelToken(usize),
    Drop(usize),
    OnDone(usize),
    Look(usize),
    Result(usize),
    TryResult(usize),
    Await(usize),
    Shutdown(Shutdown),
}

/// What the test knows of one task.
struct Known {
    handle: Option<Handle<usize>>,
    number: usize,
    may: Vec<TaskState>,
    /// Its end was seen.
    has_ended: bool,
    token: Option<usize>,
    limit: Limit,
    /// Queued only when due: `Some(false)` is never.
    delayed: Option<bool>,
    runs: Arc<AtomicUsize>,
    calls: Arc<Mutex<Vec<TaskState>>>,
    callbacks: usize,
}

impl Known {
    /// It was seen to end so, or to be unable to end otherwise.
    #[track_caller]
    fn saw(&mut self, state: TaskState) {
        assert!(
            self.may.contains(&state),
            "task {}: {state:?}, not {:?}",
            self.number,
            self.may
        );
        self.may = vec![state];
        self.has_ended = true;
    }

    /// From now on it may have been cancelled as well.
    fn may_be_cancelled(&mut self) {
        if !self.has_ended && !self.may.contains(&Cancelled) {
            self.may.push(Cancelled);
        }
    }

    fn look(&mut self) {
        let state = self.handle.as_ref().map(Handle::state);
        if let Some(state) = state.filter(|state| state.is_final()) {
            self.saw(state);
            let again = self.handle.as_ref().map(Handle::state);
            assert_eq!(again, Some(state), "an end is an end");
        }
    }

    fn outcome(&mut self, outcome: Result<usize, TaskError>) {
        self.saw(match outcome {
            Ok(value) => {
                assert_eq!(value, self.number);
                Finished
            }
            Err(TaskError::Panicked(panic)) => {
                assert_eq!(
                    *panic.into_payload().downcast::<usize>().unwrap(),
                    self.number
                );
                Panicked
            }
            Err(TaskError::Cancelled) => Cancelled,
            Err(TaskError::TimedOut(_)) => TimedOut,
            Err(TaskError::Refused(_)) => Failed,
            Err(other) => panic!("{other}"),
        });
    }
}

struct World {
    pool: Option<Arc<ThreadPool>>,
    is_shut: bool,
    tokens: [CancellationToken; 2],
    tasks: Vec<Known>,
}

impl World {
    fn new(workers: usize) -> Self {
        // The panics of dropped handles are told to nobody.
        let pool = || {
            ThreadPool::builder()
                .workers(workers)
                .on_panic(|_| ())
                .build()
        };
        Self {
            pool: (workers > 0).then(|| Arc::new(pool().unwrap())),
            is_shut: false,
            tokens: Default::default(),
            tasks: Vec::new(),
        }
    }

    fn run(mut self, steps: Vec<Step>) {
        for step in steps {
            self.step(step);
        }
        self.end();
    }

    fn body(&self, body: Body, runs: &Arc<AtomicUsize>) -> impl FnOnce() -> usize + Send + use<> {
        let (number, runs) = (self.tasks.len(), runs.clone());
        let pool = self.pool.as_ref().map(Arc::downgrade);
        move || {
            runs.fetch_add(1, SeqCst);
            match body {
                Body::Value => {}
                Body::Panics => std::panic::resume_unwind(Box::new(number)),
                Body::Waits => {
                    let child = match pool.and_then(|pool| pool.upgrade()) {
                        Some(pool) => pool.submit(|| 1).result(),
                        None => Inline.submit(|| 1).result(),
                    };
                    assert!(child.map_or_else(|e| e.is_refused() || e.is_cancelled(), |n| n == 1));
                }
            }
            number
        }
    }

    fn add(&mut self, handle: Handle<usize>, mut may: Vec<TaskState>, runs: Arc<AtomicUsize>) {
        if self.is_shut {
            may = vec![Failed];
            assert_eq!(handle.state(), Failed);
        } else if self.pool.is_none() {
            assert!(handle.is_finished());
        }
        self.tasks.push(Known {
            handle: Some(handle),
            number: self.tasks.len(),
            may,
            has_ended: false,
            token: None,
            limit: Limit::None,
            delayed: None,
            runs,
            calls: Arc::default(),
            callbacks: 0,
        });
    }

    fn submit(&mut self, body: Body, limit: Limit, token: Option<usize>) {
        let runs = Arc::default();
        let mut work = task(self.body(body, &runs));
        let mut may = vec![match body {
            Body::Panics => Panicked,
            _ => Finished,
        }];
        match limit {
            Limit::None => {}
            Limit::PastDeadline => work = work.deadline(Instant::now()),
            Limit::NoTime => work = work.timeout(Duration::ZERO),
            Limit::Never => work = work.timeout(Duration::MAX),
        }
        if let Limit::PastDeadline | Limit::NoTime = limit {
            may = vec![TimedOut];
        }
        if let Some(token) = token {
            work = work.cancelled_by(&self.tokens[token]);
            if self.tokens[token].is_cancelled() {
                may = vec![Cancelled];
            }
        }
        let handle = match &self.pool {
            Some(pool) => pool.submit(work),
            None => Inline.submit(work),
        };
        self.add(handle, may, runs);
        let new = self.tasks.last_mut().unwrap();
        (new.token, new.limit) = (token, limit);
    }

    fn step(&mut self, step: Step) {
        let count = self.tasks.len();
        let at = |index: usize| index % count.max(1);
        match step {
            Step::Submit(body, limit, token) => self.submit(body, limit, token),
            Step::SubmitAfter { now } => {
                let Some(pool) = self.pool.clone() else {
                    return;
                };
                let runs = Arc::default();
                let work = self.body(Body::Value, &runs);
                let delay = if now { Duration::ZERO } else { Duration::MAX };
                let handle = pool.submit_after(delay, work);
                self.add(handle, if now { vec![Finished] } else { vec![] }, runs);
                self.tasks.last_mut().unwrap().delayed = Some(now);
            }
            Step::SubmitMany(many) => {
                let Some(pool) = self.pool.clone() else {
                    return;
                };
                let first = self.tasks.len();
                let handles = pool.submit_many((first..first + many).map(|number| move || number));
                for handle in handles {
                    // These do not count their runs.
                    self.add(
                        handle,
                        vec![Finished],
                        Arc::new(AtomicUsize::new(usize::MAX)),
                    );
                }
            }
            Step::CancelToken(token) => {
                // What has ended by now cannot change any more.
                self.tasks.iter_mut().for_each(Known::look);
                self.tokens[token].cancel();
                let tied = self
                    .tasks
                    .iter_mut()
                    .filter(|known| known.token == Some(token));
                tied.for_each(Known::may_be_cancelled);
            }
            Step::Shutdown(how) => self.shut_down(how),
            _ if count == 0 => {}
            Step::Cancel(index) => {
                let known = &mut self.tasks[at(index)];
                known.look();
                let Some(handle) = &known.handle else { return };
                let had_ended = handle.is_finished();
                match handle.cancel() {
                    Cancel::Prevented => {
                        assert!(!had_ended);
                        assert_eq!(handle.state(), Cancelled);
                        known.may = vec![Cancelled];
                        known.has_ended = true;
                    }
                    Cancel::Asked => known.may.retain(|state| *state != Cancelled),
                    Cancel::TooLate => {
                        assert!(handle.is_finished());
                        known.look();
                    }
                }
            }
            Step::Drop(index) => {
                let known = &mut self.tasks[at(index)];
                known.look();
                known.handle = None;
            }
            Step::OnDone(index) => {
                let known = &mut self.tasks[at(index)];
                let Some(handle) = &known.handle else { return };
                let calls = known.calls.clone();
                handle.on_done(move |state| calls.lock().unwrap().push(state));
                known.callbacks += 1;
            }
            Step::Look(index) => self.tasks[at(index)].look(),
            Step::Result(index) => self.read(at(index), |handle| Ok(handle.result())),
            Step::TryResult(index) => {
                self.read(at(index), |handle| handle.result_timeout(Duration::ZERO));
            }
            Step::Await(index) => self.read(at(index), |handle| Ok(block_on(handle))),
        }
    }

    fn read(
        &mut self,
        index: usize,
        read: impl FnOnce(Handle<usize>) -> Result<Result<usize, TaskError>, Handle<usize>>,
    ) {
        let known = &mut self.tasks[index];
        // What may never be due is not waited for.
        if known.may.is_empty() {
            return;
        }
        known.look();
        if let Some(handle) = known.handle.take() {
            match read(handle) {
                Ok(outcome) => known.outcome(outcome),
                Err(handle) => known.handle = Some(handle),
            }
        }
    }

    fn shut_down(&mut self, how: Shutdown) {
        let Some(pool) = &self.pool else { return };
        self.tasks.iter_mut().for_each(Known::look);
        let report = pool.shutdown(how);
        if !self.is_shut {
            self.is_shut = true;
            let finishes = matches!(
                how,
                Shutdown::Finish | Shutdown::FinishWithin(Duration::MAX)
            );
            for known in &mut self.tasks {
                if !finishes || known.delayed.is_some() {
                    known.may_be_cancelled();
                }
                if let (Some(false), Some(handle)) = (known.delayed, &known.handle) {
                    assert_eq!(handle.state(), Cancelled, "nothing waits for ever");
                }
            }
            assert!(!finishes || report.still_running.is_empty());
        }
        // The second report is the first.
        let again = pool.shutdown(Shutdown::Kill);
        assert_eq!(
            (again.finished, again.cancelled),
            (report.finished, report.cancelled)
        );
    }

    fn end(mut self) {
        self.shut_down(Shutdown::Finish);
        if let Some(pool) = self.pool.take() {
            // `Kill` does not wait for what runs: we do.
            until(|| pool.stats().threads == 0);
        }
        for mut known in self.tasks {
            known.look();
            if let Some(handle) = known.handle.take() {
                assert!(handle.is_finished(), "task {} is lost", known.number);
                known.outcome(handle.result());
            }
            // The timer's thread, which no pool waits for, may have resolved it.
            until(|| known.calls.lock().unwrap().len() >= known.callbacks);
            let calls = known.calls.lock().unwrap().clone();
            assert_eq!(calls.len(), known.callbacks, "each callback once");
            calls.into_iter().for_each(|state| known.saw(state));
            let runs = known.runs.load(SeqCst);
            if runs == usize::MAX {
                continue;
            }
            assert!(runs <= 1, "task {} ran {runs} times", known.number);
            if let [outcome] = known.may[..] {
                match (outcome, known.limit) {
                    (Finished | Panicked, _) => assert_eq!(runs, 1, "task {}", known.number),
                    (TimedOut, Limit::NoTime) => {}
                    _ => assert_eq!(runs, 0, "task {}: {outcome:?}", known.number),
                }
            }
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let body = prop_oneof![
        4 => Just(Body::Value),
        2 => Just(Body::Panics),
        2 => Just(Body::Waits),
    ];
    let limit = prop_oneof![
        6 => Just(Limit::None),
        1 => Just(Limit::PastDeadline),
        1 => Just(Limit::NoTime),
        1 => Just(Limit::Never),
    ];
    let token = prop_oneof![3 => Just(None), 1 => (0..2_usize).prop_map(Some)];
    let how = prop_oneof![
        Just(Shutdown::Finish),
        Just(Shutdown::FinishWithin(Duration::ZERO)),
        Just(Shutdown::FinishWithin(Duration::MAX)),
        Just(Shutdown::CancelQueued),
        Just(Shutdown::Kill),
    ];
    let index = 0..16_usize;
    prop_oneof![
        12 => (body, limit, token).prop_map(|(body, limit, token)| Step::Submit(body, limit, token)),
        1 => any::<bool>().prop_map(|now| Step::SubmitAfter { now }),
        1 => (0..5_usize).prop_map(Step::SubmitMany),
        4 => index.clone().prop_map(Step::Cancel),
        1 => (0..2_usize).prop_map(Step::CancelToken),
        2 => index.clone().prop_map(Step::Drop),
        3 => index.clone().prop_map(Step::OnDone),
        2 => index.clone().prop_map(Step::Look),
        3 => index.clone().prop_map(Step::Result),
        1 => index.clone().prop_map(Step::TryResult),
        1 => index.prop_map(Step::Await),
        1 => how.prop_map(Step::Shutdown),
    ]
}

#[track_caller]
fn property(workers: usize, cases: u32) {
    watch_for(Duration::from_secs(120), move || {
        let config = ProptestConfig {
            cases,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let programs = prop::collection::vec(step(), 1..20);
        let outcome = TestRunner::new(config).run(&programs, |program| {
            World::new(workers).run(program);
            Ok(())
        });
        if let Err(failure) = outcome {
            panic!("{failure}");
        }
    });
}

#[test]
fn programs_on_a_pool_of_one() {
    property(1, 4_500);
}

#[test]
fn programs_on_a_pool_of_two() {
    property(2, 4_500);
}

#[test]
fn programs_inline() {
    property(0, 2_000);
}
