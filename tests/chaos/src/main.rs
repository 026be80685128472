//! `cargo xtask chaos`: the long runs.

use anyhow::Result;
use clap::{Parser, Subcommand};
use ferry_chaos::{Kills, Stops, kills, stops};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask chaos", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Two workers are killed again and again while they copy, and brokers restart in turn.
    Kills(Kills),
    /// A worker is stopped, replaced by one of another host, and woken up again and again.
    Stops(Stops),
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().what {
        What::Kills(options) => kills(&options).await,
        What::Stops(options) => stops(&options).await,
    }
}
