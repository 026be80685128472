//! Workers are killed, brokers restart.

use crate::hosts::Host;
use crate::room::Room;
use crate::{compare, say};
use anyhow::{Result, bail, ensure};
use clap::Args;
use ferry_demo::Ferry;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// How long the copy may take once nothing is killed any more.
const REST_LIMIT: Duration = Duration::from_secs(600);

/// How much is killed and copied.
#[derive(Debug, Clone, Args)]
pub struct Kills {
    /// SIGKILLs, one worker at a time.
    #[arg(long, default_value_t = 100)]
    pub kills: u32,
    /// Records at the source.
    #[arg(long, default_value_t = 5_000_000)]
    pub records: u64,
    /// The longest time between two kills, in milliseconds.
    #[arg(long, default_value_t = 2_500)]
    pub pause_ms: u64,
    /// Kills between restarts of brokers.
    #[arg(long, default_value_t = 8)]
    pub per_restart: u32,
    /// Bytes a second that each worker copies while it is killed, as in `migration.yaml`.
    #[arg(long, default_value = "4 MiB/s")]
    pub bandwidth: String,
    /// Do not mind if the copy is over before the last fault.
    #[arg(long)]
    pub may_end_early: bool,
    /// What the moments follow from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Two workers copy while one after the other is killed with SIGKILL and started again, and the brokers
/// of the target restart in turn. In the end everything is equal, in order, once, and at its offset
/// where offsets are kept.
///
/// # Errors
/// What is not as it should be.
pub async fn kills(options: &Kills) -> Result<()> {
    let slow = [
        "workers: 2".to_owned(),
        "lease-seconds: 2".to_owned(),
        format!("bandwidth: {}", options.bandwidth),
    ];
    let room = Room::set("chaos-kills", options.records, &slow).await?;
    let mut hosts = [
        Host::new(&room, "host-1", "1/2")?,
        Host::new(&room, "host-2", "2/2")?,
    ];
    for host in &mut hosts {
        host.start()?;
    }
    let mut random = fastrand::Rng::with_seed(options.seed);
    let (mut restarts, mut ended, mut lag_at_last) = (0_u32, 0_u32, i64::MAX);
    for number in 1..=options.kills {
        let pause = random.u64(200..=options.pause_ms.max(201));
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let host = &mut hosts[random.usize(..2)];
        if host.ended()?.is_some() {
            // It may give up where brokers are away for too long; whoever runs it starts it again.
            ended += 1;
        }
        host.kill().await?;
        host.start()?;
        if number % options.per_restart == 0 {
            let nodes: Vec<_> = room.target_cluster.nodes().collect();
            let node = &nodes[restarts as usize % nodes.len()];
            restarts += 1;
            node.restart().await?;
        }
        if number % 10 == 0 || number == options.kills {
            lag_at_last = room.lag().await.unwrap_or(lag_at_last);
            say(&format!(
                "{number} kills, {restarts} restarts of brokers, lag {lag_at_last}"
            ));
        }
    }
    ensure!(
        lag_at_last > 0 || options.may_end_early,
        "the copy was over before the last kill: write more, or copy slower"
    );
    say(&format!(
        "killed {} times ({ended} had ended by themselves), {restarts} restarts; now without",
        options.kills
    ));
    finish(&room, &mut hosts).await
}

/// Lets the copy come to its end, and compares.
pub(crate) async fn finish(room: &Room, hosts: &mut [Host]) -> Result<()> {
    for host in hosts.iter_mut() {
        host.signal(Signal::TERM).ok();
    }
    for host in hosts.iter_mut() {
        if let Some(mut child) = host.child.take() {
            child.wait().await?;
        }
    }
    // The operator goes on without a limit.
    let [first, second, ..] = hosts else {
        bail!("two hosts");
    };
    for host in [&*first, &*second] {
        let path = host.ferry.folder().join("migration.yaml");
        let text = std::fs::read_to_string(&path)?;
        let text: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("bandwidth:"))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(path, text)?;
    }
    second.start()?;
    let ferry: &Ferry = &first.ferry;
    let plan = ferry_demo::operator::plan(ferry, say).await?;
    let plan = plan.display().to_string();
    let began = Instant::now();
    loop {
        let run = ferry.run(&["apply", &plan]).await?;
        match run.code {
            Some(0 | 7) => break,
            _ if began.elapsed() < REST_LIMIT && run.narration.contains("recopy") => {
                let topic = recopy_topic(&run.narration);
                say(&format!(
                    "{}\nrecopying {topic}",
                    last_lines(&run.narration)
                ));
                second.signal(Signal::TERM).ok();
                if let Some(mut child) = second.child.take() {
                    child.wait().await?;
                }
                let again = ferry.run(&["copy", "recopy", &topic, "--yes"]).await?;
                ensure!(again.code == Some(0), "recopy: {}", again.narration);
                second.start()?;
            }
            code => bail!("ferry apply ended with {code:?}: {}", run.narration),
        }
    }
    say(&format!(
        "applied {:.0} s after the last fault",
        began.elapsed().as_secs_f64()
    ));
    let (source, target) = room.bootstraps();
    let records = compare::equal(&source, &target, &Room::partitions()).await?;
    say(&format!(
        "equal: {records} committed records in {} partitions, read by librdkafka",
        Room::partitions().len()
    ));
    Ok(())
}

/// The topic that `ferry copy recopy` is proposed for.
fn recopy_topic(narration: &str) -> String {
    let after = narration.split("ferry copy recopy ").nth(1).unwrap_or("");
    after
        .split(|c: char| c.is_whitespace())
        .next()
        .unwrap_or("")
        .to_owned()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}
