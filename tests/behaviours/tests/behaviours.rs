//! Every behaviour on every cluster: `BROKERS::GROUP::SENTENCE`.
//!
//! A real cluster is started for the first behaviour that needs it, and shared by all; the fake ones
//! are made for each behaviour. When all have been tried, every real one is dropped, and gone.

use ferry_behaviours::Release;
use ferry_behaviours::cluster::{FakeBrokers, RealBrokers};
use ferry_behaviours::suite::{Behaviour, behaviours};
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use tokio::runtime::{Builder, Runtime};

/// Behaviours that run side by side: most of the time each of them waits for a broker. So many that
/// all of those that want a restart, which come first, have one together.
const SIDE_BY_SIDE: usize = 80;

const RELEASES: [Release; 3] = [Release::V4_3, Release::V3_9, Release::V2_8];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(SIDE_BY_SIDE));
    let stages: Vec<Arc<Stage>> = RELEASES
        .into_iter()
        .flat_map(|release| [1, 3].map(|count| Arc::new(Stage::new(release, count))))
        .collect();
    let mut trials = Vec::new();
    for behaviour in behaviours() {
        for release in RELEASES {
            trials.push(on_fake_brokers(behaviour, release));
        }
        let fitting = stages
            .iter()
            .filter(|stage| stage.count == behaviour.needs.brokers(stage.release));
        trials.extend(fitting.map(|stage| on_real_brokers(behaviour, stage)));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.has_failed() {
        stages.iter().for_each(|stage| stage.keep_logs());
    }
    drop(stages);
    conclusion.exit_code()
}

fn name(release: Release) -> &'static str {
    match release {
        Release::V2_8 => "2.8",
        Release::V3_9 => "3.9",
        Release::V4_3 => "4.3",
    }
}

/// In a runtime of its own, whose clock stands still unless everybody waits.
fn on_fake_brokers(behaviour: Behaviour, release: Release) -> Trial {
    let name = format!("fake_{}::{}", name(release), behaviour.name);
    Trial::test(name, move || {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()?;
        runtime.block_on(async {
            let brokers = FakeBrokers::new(release, behaviour.needs.brokers(release));
            behaviour.holds(Arc::new(brokers)).await;
        });
        Ok(())
    })
}

fn on_real_brokers(behaviour: Behaviour, stage: &Arc<Stage>) -> Trial {
    let name = format!("kafka_{}::{}", name(stage.release), behaviour.name);
    let stage = Arc::clone(stage);
    let ignored = stage.is_dear();
    let trial = Trial::test(name, move || {
        let (brokers, runtime) = stage.set()?;
        runtime.block_on(async {
            let tried = behaviour.holds(brokers.clone());
            match behaviour.needs.alone() {
                false => brokers.shared(behaviour.needs.restarts(), tried).await,
                true => brokers.alone(tried).await,
            }
        });
        Ok(())
    });
    trial.with_ignored_flag(ignored)
}

/// A real cluster that is started when it is needed.
struct Stage {
    release: Release,
    count: i32,
    brokers: OnceLock<Result<(Arc<RealBrokers>, Runtime), String>>,
}

impl Stage {
    fn new(release: Release, count: i32) -> Self {
        Self {
            release,
            count,
            brokers: OnceLock::new(),
        }
    }

    /// Whether it costs more than it is likely to find: three nodes of the release in the middle. What
    /// they would be tried on is tried with `--include-ignored`.
    fn is_dear(&self) -> bool {
        (self.release, self.count) == (Release::V3_9, 3)
    }

    /// The brokers, which are started now if they are not there, and where to talk to them.
    fn set(&self) -> Result<(Arc<RealBrokers>, &Runtime), Failed> {
        let set = || {
            let brokers = RealBrokers::start_blocking(self.release, self.count);
            let brokers = brokers.map_err(|error| error.to_string())?;
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            Ok((Arc::new(brokers), runtime))
        };
        match self.brokers.get_or_init(set) {
            Ok((brokers, runtime)) => Ok((Arc::clone(brokers), runtime)),
            Err(error) => Err(error.into()),
        }
    }

    fn keep_logs(&self) {
        if let Some(Ok((brokers, _))) = self.brokers.get() {
            brokers.keep_logs();
        }
    }
}
