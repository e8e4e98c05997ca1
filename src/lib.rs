//! The concurrency toolkit that Python programmers know, made for Rust.

mod primitive;
