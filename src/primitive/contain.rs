//! Destructors that panic, contained.

use std::any::Any;

use super::catch_unwind;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Drops `value`; a panic in its destructor becomes its payload.
#[inline]
pub(crate) fn drop_contained<T>(value: T) -> Result<(), Payload> {
    if std::mem::needs_drop::<T>() {
        catch_unwind(|| drop(value))
    } else {
        Ok(())
    }
}

/// Drops what a panic carried. A payload whose destructor panics may carry
/// another such payload: the second one is leaked rather than followed.
pub(crate) fn drop_payload(payload: Payload) {
    if let Err(second) = drop_contained(payload) {
        std::mem::forget(second);
    }
}
