//! Real clusters, real processes: workers of a migration are killed, stopped and replaced while the
//! brokers of the target restart in turn, and a reader that is not Ferry's own compares both sides
//! in the end.
//!
//! Every record is 40 days old, and the target looks every second which producers it may forget: no
//! sequence number protects anything, and what a worker does has to be right by itself.

mod compare;
mod fill;
mod hosts;
mod kills;
mod room;
mod stops;

pub use kills::{Kills, kills};
pub use stops::{Stops, stops};

/// Shows a line.
#[allow(clippy::print_stdout, reason = "the result of a program for people")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
