//! The plugins as deciders.

use crate::codes;
use crate::project::Project;
use ferry_config::{PluginChoice, PluginReference};
use ferry_model::decision::{
    AclDecision, AclQuestion, NameDecision, NameQuestion, OffsetDecision, OffsetQuestion, Role,
    TopicDecision,
};
use ferry_model::problem::{Explain as _, Problem};
use ferry_model::topic::TopicFacts;
use ferry_plan::{Deciders, PluginIdentity};
use ferry_plugins::cache::CacheSettings;
use ferry_plugins::{
    AclGenerator, Configuration, DecidingRole, HostSettings, NamingRemapper, OffsetTranslator,
    Plugin, PluginHost, TopicFilter,
};
use std::collections::BTreeMap;
use std::path::Path;

/// A plugin with its configuration.
struct Chosen {
    plugin: Plugin,
    configuration: Configuration,
    identity: PluginIdentity,
}

/// The four plugins of a migration.
pub(crate) struct PluginDeciders {
    chosen: BTreeMap<Role, Chosen>,
}

/// The host of plugins, with the user's cache where there is a home.
pub(crate) fn host() -> Result<PluginHost, Problem> {
    let settings = HostSettings {
        cache: CacheSettings::of_user(),
        ..HostSettings::default()
    };
    PluginHost::new(settings).map_err(|error| error.problem())
}

/// The component that `reference` names: a file, relative to `folder`, or a stock plugin.
pub(crate) fn component(reference: &PluginReference, folder: &Path) -> Result<Vec<u8>, Problem> {
    match reference {
        PluginReference::Named { name, .. } => ferry_stock::component(name)
            .map(<[u8]>::to_vec)
            .map_err(|error| error.problem()),
        PluginReference::File(file) => {
            let path = folder.join(file);
            std::fs::read(&path).map_err(|error| {
                Problem::new(
                    codes::WRONG_PLUGIN,
                    format!("plugin {} can't be read: {error}", path.display()),
                )
                .cause("is the path relative to migration.yaml?")
            })
        }
    }
}

impl PluginDeciders {
    /// Loads and configures the plugins of a project.
    pub(crate) fn load(project: &Project) -> Result<Self, Problem> {
        let host = host()?;
        let mut chosen = BTreeMap::new();
        for role in Role::ALL {
            let choice = project.configuration.settings.plugins.of(role);
            chosen.insert(role, choose(&host, project, role, choice)?);
        }
        Ok(Self { chosen })
    }

    fn ask<R: DecidingRole>(
        &self,
        role: Role,
        questions: &[R::Question],
    ) -> Result<Vec<R::Decision>, Problem> {
        let chosen = &self.chosen[&role];
        let job = chosen.plugin.start::<R>(&chosen.configuration);
        let mut job = job.map_err(|error| error.problem())?;
        let decisions = job.decide(questions).map_err(|error| error.problem());
        for line in job.log().lines() {
            tracing::info!(plugin = %chosen.plugin.label(), level = ?line.level, "{}", line.text);
        }
        decisions
    }
}

fn choose(
    host: &PluginHost,
    project: &Project,
    role: Role,
    choice: &PluginChoice,
) -> Result<Chosen, Problem> {
    let folder = project.configuration.directory();
    let place = || {
        let path = format!("plugins.{}", ferry_config::PluginChoices::key(role));
        project.configuration.place(&path).to_string()
    };
    let located = |problem: Problem| match problem.place {
        Some(_) => problem,
        None => problem.at(place()),
    };
    let bytes = component(&choice.reference, &folder).map_err(located)?;
    let plugin = host
        .load(&bytes)
        .map_err(|error| located(error.problem()))?;
    let manifest = plugin.manifest();
    if manifest.role != role {
        return Err(Problem::new(
            codes::WRONG_PLUGIN,
            format!(
                "plugin {} is a {}, not a {role}",
                plugin.label(),
                manifest.role
            ),
        )
        .at(place()));
    }
    if let PluginReference::Named {
        name,
        version: Some(wanted),
    } = &choice.reference
        && !fits(&manifest.version.to_string(), wanted)
    {
        return Err(Problem::new(
            codes::WRONG_PLUGIN,
            format!(
                "{name}@{wanted} is not to be had: this ferry carries {}",
                manifest.version
            ),
        )
        .at(place())
        .next(format!("use: {name}@{}", manifest.version.major)));
    }
    let with = serde_json::Value::Object(choice.with.clone());
    let configuration = plugin
        .configure(&with, &folder)
        .map_err(|error| located(error.problem()))?;
    let identity = PluginIdentity {
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        digest: plugin.inspection().digest,
        config_digest: configuration.digest(),
    };
    Ok(Chosen {
        plugin,
        configuration,
        identity,
    })
}

/// Whether `version` begins with `wanted`, number by number: `2.1` takes 2.1.7, not 2.10.0.
fn fits(version: &str, wanted: &str) -> bool {
    let mut numbers = version.split(['.', '-', '+']);
    wanted
        .split('.')
        .all(|number| numbers.next() == Some(number))
}

impl Deciders for PluginDeciders {
    fn topics(&mut self, topics: &[TopicFacts]) -> Result<Vec<TopicDecision>, Problem> {
        self.ask::<TopicFilter>(Role::TopicFilter, topics)
    }

    fn names(&mut self, questions: &[NameQuestion]) -> Result<Vec<NameDecision>, Problem> {
        self.ask::<NamingRemapper>(Role::NamingRemapper, questions)
    }

    fn offsets(&mut self, questions: &[OffsetQuestion]) -> Result<Vec<OffsetDecision>, Problem> {
        self.ask::<OffsetTranslator>(Role::OffsetTranslator, questions)
    }

    fn acls(&mut self, questions: &[AclQuestion]) -> Result<Vec<AclDecision>, Problem> {
        self.ask::<AclGenerator>(Role::AclGenerator, questions)
    }

    fn identity(&self, role: Role) -> &PluginIdentity {
        &self.chosen[&role].identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_version_is_compared_number_by_number() {
        assert!(fits("2.1.7", "2"));
        assert!(fits("2.1.7", "2.1"));
        assert!(!fits("2.10.0", "2.1"));
        assert!(!fits("12.0.0", "1"));
    }
}
