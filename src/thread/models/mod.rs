//! Models of the thread pool: whole pools, and looking at running tasks.

mod look;
mod pools;
