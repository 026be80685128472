//! Creates the access control lists of the target.

use crate::codes;
use crate::names::{effect, step_name};
use crate::undertaking::Undertaking;
use ferry_engine::{
    Context, Effect, Effected, Outcome, Past, Readiness, Step, StepError, StepName, View,
    async_trait,
};
use ferry_model::acl::AclBinding;
use ferry_model::problem::{Explain, Problem};
use ferry_model::snapshot::AclFacts;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bindings that are created by one request, and journaled together.
const BINDINGS_AT_ONCE: usize = 200;

/// How long a created binding may take to be seen by every broker.
const SEEN_LIMIT: Duration = Duration::from_secs(30);
/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The kind of inverse that deletes a binding.
pub(crate) const DELETE_ACL: &str = "delete-acl";

/// Creates the access control lists of the target.
pub struct AclsStep {
    undertaking: Arc<Undertaking>,
}

impl AclsStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }

    async fn existing(&self) -> Result<BTreeSet<AclBinding>, Problem> {
        existing(&self.undertaking.target).await
    }

    fn wanted(&self) -> BTreeSet<AclBinding> {
        self.undertaking
            .plan_as_made()
            .acls_to_create()
            .into_iter()
            .cloned()
            .collect()
    }
}

/// The bindings of the target; none where it has no authorizer.
pub(crate) async fn existing(
    target: &ferry_kafka::Client,
) -> Result<BTreeSet<AclBinding>, Problem> {
    let facts = target
        .admin()
        .describe_acls()
        .await
        .map_err(|error| error.problem())?;
    match facts {
        AclFacts::NotAllowed => Err(Problem::new(
            codes::ACL_NOT_CREATED,
            "the access control lists of the target can't be read",
        )
        .cause("Ferry's principal at the target lacks DESCRIBE on CLUSTER?")
        .next("grant it, or leave access control lists out of the migration")),
        facts => Ok(facts.bindings().iter().cloned().collect()),
    }
}

#[async_trait]
impl Step for AclsStep {
    fn name(&self) -> StepName {
        step_name("acls")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![step_name("topics")]
    }

    async fn check(&self, _view: &View) -> Result<Readiness, Problem> {
        let wanted = self.wanted();
        if wanted.is_empty() || self.existing().await?.is_superset(&wanted) {
            return Ok(Readiness::AlreadyDone);
        }
        Ok(Readiness::Ready)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let existing = self.existing().await?;
        let mut wanted = Vec::new();
        for binding in self.wanted() {
            let id = effect("acl", &binding.to_string())?;
            if existing.contains(&binding) && context.past(&id) == Past::Never {
                context
                    .found(id, format!("{binding} is there already"))
                    .await?;
            } else {
                wanted.push((id, binding));
            }
        }
        for chunk in wanted.chunks(BINDINGS_AT_ONCE) {
            context.safe_point()?;
            let effects = chunk
                .iter()
                .map(|(id, binding)| {
                    Effect::new(id.clone(), format!("create ACL {binding}"))
                        .undone_by(DELETE_ACL, json!({ "binding": binding }))
                })
                .collect();
            let bindings: Vec<_> = chunk.iter().map(|(_, binding)| binding.clone()).collect();
            let target = self.undertaking.target.clone();
            let outcomes = context
                .effects(effects, move |pasts| async move {
                    create(&target, bindings, pasts).await
                })
                .await?;
            for outcome in outcomes {
                outcome?;
            }
        }
        Ok(Outcome::Finished)
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        let wanted = self.wanted();
        let began = Instant::now();
        // A created binding is in the controller's log at once, and in the authorizer of the broker
        // that is asked a moment later.
        let missing = loop {
            let existing = self.existing().await?;
            let missing: Vec<_> = wanted.difference(&existing).cloned().collect();
            if missing.is_empty() {
                return Ok(());
            }
            if began.elapsed() > SEEN_LIMIT {
                break missing;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let mut problem = Problem::new(
            codes::ACL_NOT_CREATED,
            format!(
                "{} access control lists are not at the target",
                missing.len()
            ),
        )
        .next("ferry apply again");
        for binding in missing.iter().take(20) {
            problem = problem.detail(binding.to_string());
        }
        Err(problem)
    }
}

async fn create(
    target: &ferry_kafka::Client,
    bindings: Vec<AclBinding>,
    pasts: Vec<Past>,
) -> Result<Vec<Result<Effected, Problem>>, Problem> {
    // Creating a binding that is there changes nothing: no need to look first.
    let mut created = target
        .admin()
        .create_acls(&bindings)
        .await
        .map_err(|error| error.problem())?;
    Ok(bindings
        .iter()
        .zip(pasts)
        .map(|(binding, past)| match (created.remove(binding), past) {
            (Some(Ok(())), Past::Done { result, .. }) => Ok(Effected::MadeBefore(result)),
            (Some(Ok(())), _) => Ok(Effected::Made(Value::Null)),
            (Some(Err(error)), _) => {
                let mut problem = error.problem();
                problem.what = format!("ACL {binding} can't be created: {}", problem.what);
                Err(problem)
            }
            (None, _) => Err(Problem::new(
                codes::ACL_NOT_CREATED,
                format!("the target did not answer for ACL {binding}"),
            )),
        })
        .collect())
}
