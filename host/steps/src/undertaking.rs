//! What every step of one migration works with.

use crate::slots::Workers;
use ferry_copy::controls::Controls;
use ferry_copy::lease::{LeaseSettings, Slot};
use ferry_kafka::Client;
use ferry_model::digest::Digest;
use ferry_model::identity::TopicId;
use ferry_model::name::TopicName;
use ferry_model::problem::Problem;
use ferry_plan::{Deciders, Growth, Plan};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// The deciders of a migration, shared by its steps.
pub type SharedDeciders = Arc<Mutex<dyn Deciders + Send>>;

/// What every step of one migration works with.
pub struct Undertaking {
    /// The cluster that is left.
    pub source: Client,
    /// The cluster that is moved to.
    pub target: Client,
    /// The plan, as it was made and as it is with what the source's topics have grown by.
    pub plans: Plans,
    /// The plugins.
    pub deciders: SharedDeciders,
    /// The state directory of the migration.
    pub directory: PathBuf,
    /// Bytes of batches that may be in memory at once.
    pub memory_bytes: usize,
    /// How fast the source is read, as the configuration says.
    pub controls: Controls,
    /// The rack that the source is read from where it can be.
    pub rack: Option<Arc<str>>,
    /// Who copies what.
    pub workers: Workers,
    /// How long a worker may write after it last heard of the target.
    pub lease: Duration,
    /// How long the end of a target partition must stand still before it is trusted.
    pub settling: Duration,
    /// How long the source must be quiet at the end.
    pub quiet: Duration,
    /// How long it is waited for the source to fall quiet.
    pub drain_limit: Duration,
    /// Whether final settings may let records expire that groups have not read yet.
    pub expire_unread: bool,
}

/// A plan as it was made, and as it is by now.
pub struct Plans {
    made: Arc<Plan>,
    now: RwLock<Arc<Plan>>,
}

impl Plans {
    /// `made`, with the partitions that topics were given since.
    #[must_use]
    pub fn new(made: Plan, growth: &Growth) -> Self {
        let now = RwLock::new(Arc::new(made.grown(growth)));
        let made = Arc::new(made);
        Self { made, now }
    }
}

/// The ids of the topics that this migration created, by name at the target.
pub type TopicIds = BTreeMap<TopicName, TopicId>;

/// The key of the fact that holds [`TopicIds`].
pub(crate) const TOPIC_IDS: &str = "topics/ids";

impl Undertaking {
    /// The plan, with the partitions that the source's topics were given since it was made.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        let now = self.plans.now.read();
        Arc::clone(&now.unwrap_or_else(PoisonError::into_inner))
    }

    /// The plan as it was made: who copies what follows from it on every host.
    #[must_use]
    pub fn plan_as_made(&self) -> &Plan {
        &self.plans.made
    }

    /// From now on the plan has as many partitions as `growth` says.
    pub(crate) fn grow(&self, growth: &Growth) {
        let grown = Arc::new(self.plans.made.grown(growth));
        let mut now = self
            .plans
            .now
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *now = grown;
    }

    /// The digest of the plan as it was made.
    ///
    /// # Errors
    /// A [`Problem`] where it has no JSON form; no plan of a file is so.
    pub fn digest(&self) -> Result<Digest, Problem> {
        self.plan_as_made()
            .digest()
            .map_err(|error| Problem::new(crate::codes::NOT_ANSWERED, error.to_string()))
    }

    /// The transactional id of worker `number`.
    #[must_use]
    pub fn transactional_id(&self, number: u32) -> String {
        format!("ferry-{}-{number}", self.plans.made.migration)
    }

    /// Worker `number` of all.
    #[must_use]
    pub fn slot(&self, number: u32) -> Slot {
        Slot {
            number,
            of: self.workers.count(),
        }
    }

    /// How leases are held.
    #[must_use]
    pub fn lease_settings(&self) -> LeaseSettings {
        LeaseSettings {
            holder: crate::holder::this_process(),
            duration: self.lease,
            request_timeout: self.target.settings().request_timeout,
            gone: crate::holder::is_gone,
        }
    }

    /// The file with the results of the last verification.
    #[must_use]
    pub fn verification(&self) -> PathBuf {
        self.directory.join("verification.json")
    }
}
