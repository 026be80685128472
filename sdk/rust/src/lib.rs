//! What a plugin author needs to write a Ferry plugin in Rust.
