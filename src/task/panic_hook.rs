//! Where a task panicked: noted by a hook, since the payload does not say.
//!
//! Installed once, when the first pool starts, and chained to the hook found
//! there. If the program replaces it later, errors come without location and
//! backtrace.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;

use super::frame;
use crate::error::PanicNote;
use crate::primitive::unmodelled::OnceLock;

/// Makes sure that the hook is installed.
pub(crate) fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let found = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            frame::leave_note(|| PanicNote {
                location: info.location().map(ToString::to_string),
                backtrace: Some(Backtrace::capture())
                    .filter(|trace| trace.status() == BacktraceStatus::Captured),
            });
            found(info);
        }));
    });
}
