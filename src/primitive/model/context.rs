//! Where this code runs: inside which execution of a model, if any.
//!
//! All threads of a model are coroutines of one system thread, so one
//! thread-local state serves them all, and models in parallel tests do not
//! meet.
//!
//! ```text
//!             begin               loom panics
//!   OUTSIDE ─────────► EXECUTION ─────────────► DOOMED
//!      ▲                │  ▲  │ next execution    │
//!      │                │  └──┘                   │
//!      └──── leave ─────┴────────── leave ────────┘
//! ```
//!
//! A doomed execution only unwinds. What destructors do then must neither ask
//! loom, which would panic again and so abort the process, nor block.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};

use super::late;

/// The number of an execution of a model; no two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Execution(u64);

/// What an exploration adds to the bare model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mode {
    /// The first wait of each thread on each condvar ends without a reason.
    pub(crate) spurious: bool,
    /// Timed waits let the others run before they look whether they are over.
    pub(crate) patient: bool,
}

const OUTSIDE: u64 = 0;

thread_local! {
    static EXECUTION: Cell<u64> = const { Cell::new(OUTSIDE) };
    static DOOMED: Cell<bool> = const { Cell::new(false) };
    static MODE: Cell<Mode> = const { Cell::new(Mode { spurious: false, patient: false }) };
    static TIMED_WAITS: Cell<bool> = const { Cell::new(false) };
    static ONE_ORDER: Cell<bool> = const { Cell::new(false) };
    static UNJOINED_PANICS: Cell<usize> = const { Cell::new(0) };
    static UNCAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Begins an execution on this system thread.
pub(crate) fn begin(mode: Mode) {
    static LAST: AtomicU64 = AtomicU64::new(OUTSIDE);
    // ORDERING: Relaxed, the number only has to be new.
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    EXECUTION.set(number);
    // What is left of the execution before is dropped as if that was doomed.
    DOOMED.set(true);
    late::end();
    DOOMED.set(false);
    MODE.set(mode);
    ONE_ORDER.set(false);
    UNJOINED_PANICS.set(0);
    UNCAUGHT.set(None);
    late::begin();
}

/// Leaves the model; drop it on the system thread that began.
#[derive(Debug)]
pub(crate) struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        DOOMED.set(true);
        late::leave();
        EXECUTION.set(OUTSIDE);
        DOOMED.set(false);
        TIMED_WAITS.set(false);
        UNJOINED_PANICS.set(0);
        UNCAUGHT.set(None);
    }
}

/// Whether this code runs inside a model.
pub(crate) fn inside() -> bool {
    EXECUTION.get() != OUTSIDE
}

/// The execution that an object made now belongs to, if it is not native.
pub(crate) fn current() -> Option<Execution> {
    // An object made while a doomed execution unwinds can only be native.
    (inside() && !doomed()).then(|| Execution(EXECUTION.get()))
}

/// Whether loom has given this execution up.
pub(crate) fn doomed() -> bool {
    DOOMED.get()
}

/// Says that loom has given this execution up.
pub(crate) fn doom() {
    DOOMED.set(true);
}

/// Panics unless `made` is the present execution.
pub(super) fn require(made: Execution) {
    assert!(
        EXECUTION.get() == made.0,
        "raddle model: this was made inside an execution of a model and is used outside of it; \
         make it anew in each execution"
    );
}

/// Panics unless a `what` that was first used in `made` is used there.
pub(super) fn require_for(made: Execution, what: &str) {
    assert!(
        EXECUTION.get() == made.0,
        "raddle model: this {what} belongs to another execution of a model: make it inside, \
         or, if it is a static, use `lazy!`"
    );
}

/// Panics inside a model, where a native `what` would block the only thread.
pub(super) fn refuse_native(what: &str) {
    assert!(
        !inside() || doomed(),
        "raddle model: this {what} was made outside this model: make it inside, or use `lazy!`"
    );
}

/// Panics in a doomed execution, where nobody else will ever run.
pub(super) fn refuse_to_block_if_doomed() {
    assert!(
        !doomed(),
        "raddle model: a destructor blocks although loom has already failed"
    );
}

/// Does `body` in one step with what was done before: loom lets nobody in. Whom
/// it would let in there, it lets in before that step.
pub(super) fn in_one_step<R>(body: impl FnOnce() -> R) -> R {
    if ONE_ORDER.replace(true) {
        return body();
    }
    /// Also where `body` unwinds: what follows is explored again.
    struct Explore;
    impl Drop for Explore {
        fn drop(&mut self) {
            if !doomed() {
                loom::explore();
            }
            ONE_ORDER.set(false);
        }
    }
    loom::stop_exploring();
    let _explore = Explore;
    body()
}

/// From here on this execution is one of many that end in the same way: loom
/// tries no other order of what is left.
pub(super) fn rest_in_one_order() {
    if !doomed() && !ONE_ORDER.replace(true) {
        loom::skip_branch();
    }
}

/// What this exploration adds.
pub(super) fn mode() -> Mode {
    MODE.get()
}

/// Begins a timed wait: in a patient exploration the others run first.
pub(super) fn timed_wait() {
    TIMED_WAITS.set(true);
    if mode().patient && !doomed() {
        loom::thread::yield_now();
    }
}

/// Whether the model has waited with a deadline so far.
pub(crate) fn has_timed_waits() -> bool {
    TIMED_WAITS.get()
}

/// A thread ended with a panic.
pub(super) fn panic_to_join() {
    UNJOINED_PANICS.set(UNJOINED_PANICS.get() + 1);
}

/// Somebody learned of the panic of a thread.
pub(super) fn panic_joined() {
    UNJOINED_PANICS.set(UNJOINED_PANICS.get() - 1);
}

/// How many threads of the last execution panicked without anybody noticing.
pub(crate) fn unjoined_panics() -> usize {
    UNJOINED_PANICS.get()
}

/// Keeps what a panic said until it is caught; gives back what was kept before.
pub(super) fn keep_uncaught(message: Option<String>) -> Option<String> {
    UNCAUGHT.replace(message)
}
