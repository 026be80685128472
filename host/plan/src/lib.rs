//! The plan: a pure function of configuration, snapshot and decisions.
