//! `ferry plugin bench`: what a plugin costs.

use crate::configuration::Configuration;
use crate::host::Plugin;
use crate::job::Job;
use crate::job_error::JobError;
use crate::role::{AclGenerator, DecidingRole, NamingRemapper, OffsetTranslator, TopicFilter};
use ferry_model::decision::Role;
use ferry_model::offset::grouped;
use std::fmt;
use std::time::{Duration, Instant};

/// Questions of the bench: as many topics as large clusters have.
pub const QUESTIONS: usize = 100_000;

/// Instances that are made to measure how long one takes.
const INSTANCES: usize = 200;

/// How often the questions are asked; the median counts.
const ROUNDS: usize = 5;

/// What a plugin costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchReport {
    /// The role that was measured.
    pub role: Role,
    /// Making a fresh instance, without its configuration: the median.
    pub instantiate: Duration,
    /// Making a fresh instance and configuring it: the median.
    pub start: Duration,
    /// How many questions were asked.
    pub questions: usize,
    /// Asking them all, from the host's values and back: the median.
    pub decide: Duration,
    /// The processor time of that, which a busy machine does not stretch: the median.
    pub decide_processor: Duration,
    /// Linear memory that the instance had taken at the end.
    pub memory_bytes: usize,
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let questions = i64::try_from(self.questions).unwrap_or(i64::MAX);
        writeln!(f, "instantiate   {:>9.1} us", micros(self.instantiate))?;
        writeln!(f, "and configure {:>9.1} us", micros(self.start))?;
        writeln!(
            f,
            "decide        {:>9.1} ms  {:.1} ms of processor time, {} questions of a {}",
            micros(self.decide) / 1_000.0,
            micros(self.decide_processor) / 1_000.0,
            grouped(questions),
            self.role
        )?;
        write!(
            f,
            "memory        {:>9.1} MiB",
            self.memory_bytes as f64 / (1024.0 * 1024.0)
        )
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000_000.0
}

/// Measures a plugin with this configuration on 100,000 made-up questions of its role. For a topic
/// filter these are topics with three configurations of their own each.
///
/// # Errors
/// [`JobError`] where the plugin fails.
pub fn bench(plugin: &Plugin, configuration: &Configuration) -> Result<BenchReport, JobError> {
    match plugin.manifest().role {
        Role::TopicFilter => bench_role::<TopicFilter>(plugin, configuration),
        Role::NamingRemapper => bench_role::<NamingRemapper>(plugin, configuration),
        Role::OffsetTranslator => bench_role::<OffsetTranslator>(plugin, configuration),
        Role::AclGenerator => bench_role::<AclGenerator>(plugin, configuration),
    }
}

fn bench_role<R: DecidingRole>(
    plugin: &Plugin,
    configuration: &Configuration,
) -> Result<BenchReport, JobError> {
    let questions: Vec<R::Question> = (0..QUESTIONS).map(R::sample).collect();
    let mut instantiate = Vec::with_capacity(INSTANCES);
    let mut start = Vec::with_capacity(INSTANCES);
    for _ in 0..INSTANCES {
        let began = Instant::now();
        let mut job = Job::<R>::instantiate(plugin)?;
        instantiate.push(began.elapsed());
        job.configure(configuration)?;
        start.push(began.elapsed());
    }
    let mut decide = Vec::with_capacity(ROUNDS);
    let mut decide_processor = Vec::with_capacity(ROUNDS);
    let mut memory_bytes = 0;
    for _ in 0..ROUNDS {
        let mut job = Job::<R>::start(plugin, configuration)?;
        let (began, processor) = (Instant::now(), processor_time());
        let decisions = job.decide(&questions)?;
        decide.push(began.elapsed());
        decide_processor.push(processor_time().saturating_sub(processor));
        drop(decisions);
        memory_bytes = job.memory_bytes();
    }
    Ok(BenchReport {
        role: R::ROLE,
        instantiate: median(instantiate),
        start: median(start),
        questions: questions.len(),
        decide: median(decide),
        decide_processor: median(decide_processor),
        memory_bytes,
    })
}

/// The processor time of this thread, on which guests run too.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
