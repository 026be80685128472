//! `cargo xtask simulate --seed N --runs M`: runs so many schedules, beginning with that seed.

use anyhow::{Result, bail};
use clap::Parser;
use ferry_simulator::{Fault, Outcome, describe, run};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Runs the copy through schedules of faults that a seed decides.
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many schedules are run.
    #[arg(long, default_value_t = 1_000)]
    runs: u64,
    /// Threads; each runs schedules of its own.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// Say what the schedules are and what everybody does; meant for a single run.
    #[arg(long)]
    tell: bool,
    /// Go on after a violation, and count them.
    #[arg(long)]
    keep_going: bool,
    /// A file to which seeds with a violation are added.
    #[arg(long)]
    keep: Option<std::path::PathBuf>,
    /// Makes a mistake that has to be found.
    #[cfg(feature = "planted-bugs")]
    #[arg(long, value_parser = bug)]
    bug: Option<ferry_simulator::Bug>,
}

#[derive(Debug, Default)]
struct Sum {
    outcome: Outcome,
    violations: Vec<(u64, String)>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.tell {
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .without_time()
            .with_target(false)
            .init();
        for seed in arguments.seed..arguments.seed + arguments.runs {
            writeln!(std::io::stdout(), "{}", describe(seed))?;
        }
    }
    let began = Instant::now();
    let next = Arc::new(AtomicU64::new(arguments.seed));
    let stop = Arc::new(AtomicBool::new(false));
    let end = arguments.seed + arguments.runs;
    let keep_going = arguments.keep_going;
    let sum = Arc::new(Mutex::new(Sum::default()));
    let threads: Vec<_> = (0..arguments.jobs.max(1))
        .map(|_| {
            let (next, stop, sum) = (next.clone(), stop.clone(), sum.clone());
            #[cfg(feature = "planted-bugs")]
            let bug = arguments.bug;
            std::thread::spawn(move || {
                #[cfg(feature = "planted-bugs")]
                ferry_simulator::plant(bug);
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = run(seed);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.add(seed, &outcome);
                    if outcome.violation.is_some() && !keep_going {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        if thread.join().is_err() {
            bail!("a schedule panicked: see above");
        }
    }
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &arguments.keep {
        keep(path, &sum.violations)?;
    }
    show(
        &mut sum,
        next.load(Ordering::Relaxed).min(end) - arguments.seed,
        began,
    )
}

/// Adds seeds to a file, one a line with what was wrong.
fn keep(path: &std::path::Path, violations: &[(u64, String)]) -> Result<()> {
    if violations.is_empty() {
        return Ok(());
    }
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    for (seed, violation) in violations {
        writeln!(file, "{seed} {violation}")?;
    }
    Ok(())
}

/// The mistake with this name, as the code has it.
#[cfg(feature = "planted-bugs")]
fn bug(name: &str) -> Result<ferry_simulator::Bug, String> {
    let bugs = ferry_simulator::Bug::ALL;
    let found = bugs.iter().find(|bug| format!("{bug:?}") == name);
    found
        .copied()
        .ok_or_else(|| format!("one of {bugs:?} is expected"))
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.outcome.counts.merge(&outcome.counts);
        self.outcome.equal += outcome.equal;
        self.outcome.keeping.merge(&outcome.keeping);
        self.outcome.halted += outcome.halted;
        self.outcome.recopied += outcome.recopied;
        self.outcome.found_by_verification += outcome.found_by_verification;
        if let Some(violation) = &outcome.violation {
            self.violations.push((seed, violation.clone()));
        }
    }
}

fn show(sum: &mut Sum, runs: u64, began: Instant) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let seconds = began.elapsed().as_secs_f64();
    writeln!(out, "{runs} schedules in {seconds:.1} s")?;
    writeln!(
        out,
        "partitions: {} equal, {} halted with a true cause, {} differences found by verification, \
         {} copied again",
        sum.outcome.equal,
        sum.outcome.halted,
        sum.outcome.found_by_verification,
        sum.outcome.recopied
    )?;
    let keeping = sum.outcome.keeping;
    writeln!(
        out,
        "offsets kept in {} partitions: {} with {} transactions that keep some free, {} with {} fillers",
        keeping.partitions,
        keeping.with_voids,
        keeping.voids,
        keeping.with_fillers,
        keeping.fillers
    )?;
    for fault in Fault::ALL {
        writeln!(out, "{:>12}  {fault}", sum.outcome.counts.of(*fault))?;
    }
    sum.violations.sort();
    for (seed, violation) in &sum.violations {
        writeln!(out, "seed {seed}: {violation}")?;
    }
    match sum.violations.len() {
        0 => Ok(()),
        1 => bail!("one violation: run it again with --seed N --runs 1"),
        count => bail!("{count} violations"),
    }
}
