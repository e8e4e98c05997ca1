//! Whose panic is it? loom's own end the model; a user's is data.
//!
//! loom reports a deadlock, a race or an endless loop by a panic inside the
//! code that it explores. A `catch_unwind` that keeps such a panic would turn a
//! found bug into a passed model. The two are told apart by the place that
//! panicked: a hook compares its file with the directory of loom's sources,
//! learned by provoking a panic of loom's once. Should somebody have replaced
//! the hook, what the panic says decides.

use std::any::Any;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{self, PanicHookInfo};
use std::sync::{Once, OnceLock};

use super::{context, late};
use crate::primitive::native;

static LOOM_SOURCES: OnceLock<String> = OnceLock::new();

thread_local! {
    static PROBING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread of the model unwinds.
static UNWINDING: loom::thread::LocalKey<Cell<bool>> = loom::thread::LocalKey {
    init: || Cell::new(false),
    _p: PhantomData,
};

/// How the panics begin that end a model: ours, and, should the hook not be in
/// place, loom's.
const LOOM_SAYS: [&str; 8] = [
    "raddle model: ",
    "deadlock; threads = ",
    "Causality violation: ",
    "\nCausality violation: ",
    "Model exceeded maximum number of branches.",
    "[loom internal bug]",
    "Allocation leaked.",
    "cannot access Loom execution state",
];

/// Runs `f`; a panic becomes its payload, unless it is one of loom's own.
pub(crate) fn catch_unwind<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let result = native::catch_unwind(f);
    if !context::inside() {
        return result;
    }
    if let Err(payload) = &result {
        if context::doomed() || is_looms(payload.as_ref()) {
            context::doom();
            panic::resume_unwind(result.err().expect("it was an error just now"));
        }
        context::keep_uncaught(None);
        let _ = UNWINDING.try_with(|unwinding| unwinding.set(false));
    }
    result
}

/// Whether this thread unwinds. Another thread of the model may, in between.
pub(crate) fn panicking() -> bool {
    std::thread::panicking()
        && (!context::inside()
            || context::doomed()
            || UNWINDING.try_with(Cell::get).unwrap_or(true))
}

/// What a panic says.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("(a payload that is no text)")
}

fn is_looms(payload: &(dyn Any + Send)) -> bool {
    let said = message(payload);
    LOOM_SAYS
        .iter()
        .any(|beginning| said.starts_with(beginning))
}

/// Puts the hook in place, once for the process.
pub(crate) fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if PROBING.get() {
                learn(info);
            } else if context::inside() {
                note(info);
            } else {
                before(info);
            }
        }));
        PROBING.set(true);
        let outcome = panic::catch_unwind(loom::thread::yield_now);
        PROBING.set(false);
        assert!(
            outcome.is_err() && LOOM_SOURCES.get().is_some(),
            "raddle model: loom no longer panics outside of its models; unwind.rs has to learn \
             in another way where its sources are"
        );
    });
}

/// Learns where loom's sources are from a panic in `<sources>/rt/scheduler.rs`.
fn learn(info: &PanicHookInfo<'_>) {
    if let Some(root) = info
        .location()
        .and_then(|place| place.file().strip_suffix("scheduler.rs"))
        .and_then(|rest| rest.get(..rest.len() - "/rt/".len()))
    {
        let _ = LOOM_SOURCES.set(root.to_owned());
    }
}

/// Notes a panic inside a model. Backtraces do not fit on a coroutine's stack,
/// and panics that a model provokes on purpose would fill the log.
fn note(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or("", |place| place.file());
    let from_loom = LOOM_SOURCES
        .get()
        .is_some_and(|root| place.starts_with(root))
        || place.contains("/generator-");
    let text = match info.location() {
        Some(at) => format!("panicked at {at}: {}", message_of(info)),
        None => format!("panicked: {}", message_of(info)),
    };
    if from_loom {
        context::doom();
        // An execution that will be made again may fail for no reason.
        if !late::is_short() {
            eprintln!("raddle model: loom {text}");
        }
    }
    // A second panic before the first was caught may be the last words of this
    // process: say both.
    if let Some(first) = context::keep_uncaught(Some(text.clone())) {
        eprintln!("raddle model: {first}\nraddle model: and meanwhile {text}");
    }
    if !context::doomed() {
        let _ = UNWINDING.try_with(|unwinding| unwinding.set(true));
    }
}

fn message_of<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    info.payload_as_str()
        .unwrap_or("(a payload that is no text)")
}
