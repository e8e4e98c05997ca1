//! What we fear of the locks, and loom's answer.
