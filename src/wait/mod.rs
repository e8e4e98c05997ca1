//! Waiting: until when, and who wakes up those whose time has come.
//!
//! | file | gives |
//! |---|---|
//! | `deadline` | a point in time, or never |
//! | `timer` | one thread that fires what is due |

pub(crate) mod deadline;
pub(crate) mod timer;
