//! What we fear of a future that a pool drives, and loom's answer.
