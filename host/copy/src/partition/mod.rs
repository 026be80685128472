//! One partition's copy as a state machine without clock or socket: events go in, wishes come out.

pub mod exact;
pub mod translated;
pub mod voids;
