//! The chores of the project: build plugins, run tests and the demo.

fn main() {}
