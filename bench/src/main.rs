//! `./x bench`: measures the copy between two real clusters on this machine.
//!
//! The source is filled once; each run copies it into a new topic, in a process of its own, so that
//! the processor time is that of a whole copying process. Brokers and copier share the processors.

mod copying;
mod filling;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use ferry_copy::batch::codec::Codec;
use ferry_model::identity::Side;
use ferry_model::name::TopicName;
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::io::Write as _;

/// Measures the copy between two real clusters on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// How much is copied in one run, in MB of batches on the wire.
    #[arg(long, default_value_t = 1_000)]
    megabytes: u64,
    /// Counted runs of each kind, after one that is not counted.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// What a copying process is told; for this program itself.
    #[arg(long, hide = true)]
    copy: Option<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match &arguments.copy {
        Some(task) => runtime.block_on(copying::copy(serde_json::from_str(task)?)),
        None => runtime.block_on(bench(&arguments)),
    }
}

fn tell(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let start = |name: &str| {
        Cluster::builder(KafkaVersion::V4_3)
            .name(name)
            .listener(Listener::Plaintext)
            .property("log.retention.check.interval.ms", "3600000")
            .throughput()
            .start()
    };
    let (source, target) = tokio::try_join!(start("bench-source"), start("bench-target"))?;
    let cleaner = filling::connect(&target.bootstrap(Listener::Plaintext), Side::Target).await?;
    tell(
        "kind                    MB    s (min median max)      MB/s  CPU-s per GB (min median max)  peak MiB",
    )?;
    for (kind, codec) in [
        ("64 KiB, uncompressed", Codec::None),
        ("64 KiB, lz4", Codec::Lz4),
    ] {
        let topic = format!("bench-{}", codec.name());
        let bytes = filling::fill(&source, &topic, codec, arguments.megabytes * 1_000_000).await?;
        let mut measured = Vec::new();
        for run in 0..=arguments.runs {
            let task = copying::Task {
                source: source.bootstrap(Listener::Plaintext),
                target: target.bootstrap(Listener::Plaintext),
                topic: topic.clone(),
                copy: format!("{topic}-{run}"),
            };
            let result = one_run(&task).await?;
            // The disk is not what is measured: what was copied goes before the next run.
            let copy = TopicName::parse(&task.copy)?;
            for (_, deleted) in cleaner.admin().delete_topics(&[copy]).await? {
                deleted?;
            }
            if result.bytes != bytes {
                bail!("{} bytes were copied, not {bytes}", result.bytes);
            }
            if run > 0 {
                measured.push(result);
            }
        }
        show(kind, bytes, &measured)?;
    }
    Ok(())
}

/// Copies once, in a process of its own.
async fn one_run(task: &copying::Task) -> Result<copying::Measured> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .arg("--copy")
        .arg(serde_json::to_string(task)?)
        .kill_on_drop(true)
        .output()
        .await?;
    if !output.status.success() {
        bail!("a copy failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("a copy said nothing that can be read")
}

fn show(kind: &str, bytes: u64, measured: &[copying::Measured]) -> Result<()> {
    let sorted = |pick: fn(&copying::Measured) -> f64| {
        let mut values: Vec<f64> = measured.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        let median = values.get(values.len() / 2).copied().unwrap_or_default();
        let ends = (values.first().copied(), values.last().copied());
        (
            ends.0.unwrap_or_default(),
            median,
            ends.1.unwrap_or_default(),
        )
    };
    let (fast, seconds, slow) = sorted(|run| run.seconds);
    let gigabytes = bytes as f64 / 1e9;
    let (least, cpu, most) = sorted(|run| run.cpu_seconds);
    let (_, peak, _) = sorted(|run| run.peak_mib);
    tell(&format!(
        "{kind:<20} {:>5.0}  {fast:>6.2} {seconds:>6.2} {slow:>6.2}  {:>9.0}  {:>12.2} {:>6.2} {:>6.2}  {peak:>14.0}",
        bytes as f64 / 1e6,
        bytes as f64 / 1e6 / seconds.max(1e-9),
        least / gigabytes,
        cpu / gigabytes,
        most / gigabytes,
    ))
}
