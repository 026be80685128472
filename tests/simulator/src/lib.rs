//! Runs the copy through schedules of faults that a seed decides.
//!
//! The whole data plane runs as it is, wire client included, against fake brokers in the same
//! thread; the clock stands still unless everybody waits, so that a schedule of many seconds takes
//! milliseconds, and a seed has the same schedule every time. At the end of each the logs of both
//! sides are compared by rules that share nothing with the copier.
//!
//! What must hold: nothing is lost, doubled, misplaced or out of order without being found; where
//! one worker writes and nobody meddles, it never is; a partition that stops says why, truly, and is
//! equal once it is copied again; all others come to their end.

mod contents;
mod fault;
mod history;
mod network;
mod oracle;
mod process;
mod run;
mod schedule;
mod source;
mod treatment;
mod verification;
mod worker;

pub use fault::{Fault, FaultCounts};
#[cfg(feature = "planted-bugs")]
pub use ferry_copy::planted::{Bug, plant};
pub use run::{Outcome, describe, run};
