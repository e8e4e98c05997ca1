//! Tasks of many items, each of which fails alone.

use std::panic::Location;

use super::frame;
use crate::error::{Panic, TaskError};
use crate::primitive::catch_unwind;

/// Runs one item of the task that runs here: a panic is the item's own.
pub(super) fn run_item<R>(item: impl FnOnce() -> R) -> Result<R, TaskError> {
    catch_unwind(item).map_err(|payload| {
        let task = frame::with_current(|task| {
            let header = task.header();
            (header.site, header.name().map(str::to_owned))
        });
        let (site, name) = task.unwrap_or_else(|| (Location::caller(), None));
        let note = frame::take_note().unwrap_or_default();
        TaskError::Panicked(Box::new(Panic::new(payload, note, site, name, 1)))
    })
}

/// Whether the task that runs here was asked to stop.
pub(super) fn is_asked_to_stop() -> bool {
    let asked = frame::with_current(|task| {
        let header = task.header();
        let extras = header.extras.get();
        header.asks.is_cancel_asked() || extras.is_some_and(|extras| extras.is_token_cancelled())
    });
    asked.unwrap_or(false)
}
