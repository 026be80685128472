//! The stock plugins, carried inside the binary.
