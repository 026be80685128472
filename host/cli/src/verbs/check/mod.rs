//! `ferry check`: looks whether everything that a migration needs is there.

mod rights;

use crate::arguments::OutputForm;
use crate::clients::{connect, settings};
use crate::codes;
use crate::deciders::PluginDeciders;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use ferry_kafka::Client;
use ferry_kafka::admin::configs::ConfigResource;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_model::identity::Side;
use ferry_model::name::TopicName;
use ferry_model::problem::{Explain as _, Problem};
use serde::Serialize;
use std::collections::BTreeMap;

/// What one check came to.
#[derive(Debug, Serialize)]
struct Checked {
    name: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum Outcome {
    /// As it should be.
    Ok { found: String },
    /// Works, but a person should know.
    Warning { found: String },
    /// In the way.
    Failed { problem: String },
}

struct Checks<'o> {
    only: Option<&'o str>,
    done: Vec<Checked>,
}

impl Checks<'_> {
    fn wanted(&self, name: &str) -> bool {
        self.only
            .is_none_or(|only| name.starts_with(only) || only.starts_with(name))
    }

    fn add(&mut self, name: &str, result: Result<Outcome, Problem>) {
        if !self.only.is_none_or(|only| name.starts_with(only)) {
            return;
        }
        let outcome = result.unwrap_or_else(|problem| Outcome::Failed {
            problem: problem.to_string(),
        });
        self.done.push(Checked {
            name: name.to_owned(),
            outcome,
        });
    }
}

fn ok(found: impl Into<String>) -> Result<Outcome, Problem> {
    Ok(Outcome::Ok {
        found: found.into(),
    })
}

fn warning(found: impl Into<String>) -> Result<Outcome, Problem> {
    Ok(Outcome::Warning {
        found: found.into(),
    })
}

pub(super) async fn run(
    project: &Project,
    only: Option<&str>,
    form: OutputForm,
) -> Result<Exit, Problem> {
    let mut checks = Checks {
        only,
        done: Vec::new(),
    };
    if checks.wanted("plugins") {
        checks.add(
            "plugins",
            PluginDeciders::load(project).and_then(|_| ok("four roles filled")),
        );
    }
    for side in [Side::Source, Side::Target] {
        if checks.wanted(&side.to_string()) {
            check_side(project, side, &mut checks).await;
        }
    }
    if checks.done.is_empty() {
        return Err(Problem::new(
            codes::NO_SUCH_PART,
            format!("no check begins with `{}`", only.unwrap_or("")),
        )
        .next("ferry check  shows all of them"));
    }
    output::show(form, &checks.done, || table(&checks.done))?;
    let failed = checks
        .done
        .iter()
        .any(|c| matches!(c.outcome, Outcome::Failed { .. }));
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

async fn check_side(project: &Project, side: Side, checks: &mut Checks<'_>) {
    let name = |what: &str| format!("{side}.{what}");
    let client = match connect(project, side).await {
        Ok(client) => client,
        Err(problem) => return checks.add(&name("login"), Err(problem)),
    };
    let principal = settings(project, side)
        .ok()
        .and_then(|settings| settings.principal());
    let version = client.admin().kafka_version().await;
    checks.add(
        &name("login"),
        version
            .map_err(|error| error.problem())
            .and_then(|version| {
                let who = principal.map_or(String::new(), |principal| format!(" as {principal}"));
                ok(format!("Kafka {version}, {}{who}", counted(&client)))
            }),
    );
    checks.add(&name("brokers"), brokers(&client).await);
    checks.add(&name("topics"), rights::topics(&client, side).await);
    checks.add(&name("groups"), rights::groups(&client).await);
    checks.add(&name("acls"), rights::acls(&client, side).await);
    if side == Side::Target {
        checks.add(&name("create"), create(project, &client).await);
        checks.add(&name("replicas"), replicas(&client).await);
    }
}

async fn brokers(client: &Client) -> Result<Outcome, Problem> {
    let mut reached = Vec::new();
    for (broker, dialled) in client.check_brokers().await {
        dialled.map_err(|error| error.problem())?;
        reached.push(format!("{}:{}", broker.host, broker.port));
    }
    ok(format!("reached at {}", reached.join(", ")))
}

/// Asks the target to create a topic, without creating it.
async fn create(project: &Project, client: &Client) -> Result<Outcome, Problem> {
    let name = TopicName::parse(format!("ferry-progress-{}", project.name()))
        .map_err(|error| Problem::new(codes::ILLEGAL_NAME, error.to_string()))?;
    let brokers = i16::try_from(client.brokers().len()).unwrap_or(i16::MAX);
    let topic = NewTopic {
        name: name.clone(),
        partitions: 1,
        replication_factor: brokers.min(3),
        configs: BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
    };
    let created = client
        .admin()
        .create_topics(&[topic], Mode::ValidateOnly)
        .await;
    match created.map_err(|error| error.problem())?.remove(&name) {
        Some(Err(error)) if error.code() == Some(ferry_kafka::ErrorCode::TOPIC_ALREADY_EXISTS) => {
            ok("allowed (this migration has created topics already)")
        }
        Some(Err(error)) => Err(error.problem()),
        _ => ok("topics can be created"),
    }
}

fn counted(client: &Client) -> String {
    match client.brokers().len() {
        1 => "1 broker".to_owned(),
        brokers => format!("{brokers} brokers"),
    }
}

/// What a copy relies on at the target: replicas that acknowledge, and no unclean elections.
async fn replicas(client: &Client) -> Result<Outcome, Problem> {
    let brokers = client.brokers();
    if brokers.len() < 3 {
        return warning(format!(
            "{}: what one of them loses may be lost for good",
            counted(client)
        ));
    }
    let Some(broker) = brokers.first() else {
        return ok("");
    };
    let resource = ConfigResource::Broker(broker.id);
    let mut described = client
        .admin()
        .describe_configs(std::slice::from_ref(&resource))
        .await;
    let Some(Ok(entries)) = described.remove(&resource) else {
        return warning("min.insync.replicas can't be read: grant DESCRIBE_CONFIGS on CLUSTER");
    };
    let value = |key: &str| {
        entries
            .iter()
            .find(|entry| entry.name == key)
            .and_then(|entry| entry.value.clone())
    };
    let insync = value("min.insync.replicas")
        .and_then(|v| v.parse::<i32>().ok())
        .unwrap_or(1);
    if value("unclean.leader.election.enable").as_deref() == Some("true") {
        return warning("unclean.leader.election.enable is on: acknowledged records may be lost");
    }
    if insync < 2 {
        return warning("min.insync.replicas is 1: acknowledged records may be lost");
    }
    ok(format!(
        "min.insync.replicas {insync}, unclean elections off"
    ))
}

fn table(checks: &[Checked]) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let (word, text) = match &check.outcome {
            Outcome::Ok { found } => ("ok", found),
            Outcome::Warning { found } => ("warn", found),
            Outcome::Failed { problem } => ("FAILED", problem),
        };
        let mut text = text.lines();
        lines.push(format!(
            "{word:<7} {:<16} {}",
            check.name,
            text.next().unwrap_or("")
        ));
        lines.extend(text.map(|line| format!("        {:<16} {line}", "")));
    }
    lines.join("\n")
}
