//! What becomes of access control lists.

use crate::deciders::Deciders;
use crate::decision::{DecisionKind, Questions};
use crate::error::PlanError;
use crate::names::Names;
use crate::plan::{AclPlan, AclState, BindingState, PlannedBinding};
use crate::topics::BROKER_TOPICS;
use crate::widening::{EVERYTHING, Reach, covers, illegal, weakens, widens};
use ferry_model::acl::{AclBinding, PatternType, ResourceType};
use ferry_model::decision::{AclDecision, AclQuestion, NameKind, NameQuestion, Role};
use ferry_model::snapshot::{AclFacts, Snapshot};
use std::collections::{BTreeMap, BTreeSet};

/// How many covered names a question holds.
const COVERED_MAX: usize = 1_000;

/// The kinds of names that stand for a resource and for the beginning of its name; none where
/// resources of this type have names that mean the same everywhere.
fn name_kinds(resource: ResourceType) -> Option<(NameKind, NameKind)> {
    match resource {
        ResourceType::Topic => Some((NameKind::Topic, NameKind::TopicPrefix)),
        ResourceType::Group => Some((NameKind::Group, NameKind::GroupPrefix)),
        ResourceType::TransactionalId => {
            Some((NameKind::TransactionalId, NameKind::TransactionalIdPrefix))
        }
        ResourceType::Cluster | ResourceType::User | ResourceType::DelegationToken => None,
    }
}

/// Whether access control lists can be planned, and those of the source, sorted and once each.
pub(crate) fn of_source(snapshot: &Snapshot) -> (AclState, BTreeSet<AclBinding>) {
    let state = match (&snapshot.source.acls, &snapshot.target.acls) {
        (AclFacts::NoAuthorizer, _) => AclState::SourceWithoutAuthorizer,
        (AclFacts::NotAllowed, _) => AclState::SourceUnreadable,
        (AclFacts::Bindings(_), AclFacts::NoAuthorizer) => AclState::TargetWithoutAuthorizer,
        (AclFacts::Bindings(_), AclFacts::NotAllowed) => AclState::TargetUnreadable,
        (AclFacts::Bindings(_), AclFacts::Bindings(_)) => AclState::Planned,
    };
    (
        state,
        snapshot.source.acls.bindings().iter().cloned().collect(),
    )
}

/// The names that have to be known before bindings can be translated. A topic is asked for only
/// where it moves, which is not for this module to say.
pub(crate) fn name_questions(bindings: &BTreeSet<AclBinding>) -> BTreeSet<NameQuestion> {
    let mut questions = BTreeSet::new();
    for binding in bindings {
        let Some((whole, prefix)) = name_kinds(binding.resource_type) else {
            continue;
        };
        let kind = match binding.pattern_type {
            PatternType::Prefixed => prefix,
            PatternType::Literal => whole,
        };
        if kind != NameKind::Topic && binding.resource_name != EVERYTHING {
            questions.insert(NameQuestion {
                kind,
                name: binding.resource_name.clone(),
            });
        }
    }
    questions
}

/// Plans every binding of the source.
pub(crate) fn decide(
    bindings: &BTreeSet<AclBinding>,
    state: AclState,
    snapshot: &Snapshot,
    names: &Names,
    deciders: &mut dyn Deciders,
    questions: &mut Questions<'_>,
) -> Result<Vec<AclPlan>, PlanError> {
    if !can_be_kept(bindings, state, questions)? {
        return Ok(Vec::new());
    }
    let translations: Vec<Translation<'_>> = bindings
        .iter()
        .map(|binding| Translation::new(binding, names))
        .collect();
    let asked: Vec<AclQuestion> = translations.iter().map(Translation::question).collect();
    let answers = if asked.is_empty() {
        Vec::new()
    } else {
        deciders.acls(&asked)?
    };
    let plugin = deciders.identity(Role::AclGenerator).to_string();
    if answers.len() != asked.len() {
        return Err(PlanError::AnswersMissing {
            plugin,
            questions: "access control lists",
            asked: asked.len(),
            answered: answers.len(),
        });
    }
    let existing: BTreeSet<&AclBinding> = snapshot.target.acls.bindings().iter().collect();
    let world = World::new(snapshot, names);
    translations
        .iter()
        .zip(answers)
        .map(|(translation, answer)| {
            plan(translation, answer, &plugin, &existing, &world, questions)
        })
        .collect()
}

/// Asks a person where bindings can't be read, compared or kept, and whether there is anything to
/// plan.
fn can_be_kept(
    bindings: &BTreeSet<AclBinding>,
    state: AclState,
    questions: &mut Questions<'_>,
) -> Result<bool, PlanError> {
    let (subject, why) = match state {
        AclState::Planned => return Ok(true),
        AclState::SourceWithoutAuthorizer => return Ok(false),
        AclState::TargetWithoutAuthorizer | AclState::TargetUnreadable if bindings.is_empty() => {
            return Ok(false);
        }
        AclState::SourceUnreadable => (
            "access control lists of the source",
            "the principal may not read them (it lacks DESCRIBE on the cluster)",
        ),
        AclState::TargetWithoutAuthorizer => (
            "access control lists of the target",
            "its brokers run without an authorizer and keep none: what the source forbids would be allowed",
        ),
        AclState::TargetUnreadable => (
            "access control lists of the target",
            "the principal may not read them (it lacks DESCRIBE on the cluster), so nothing can be compared",
        ),
    };
    questions.ask(
        DecisionKind::AclsUnavailable,
        subject.to_owned(),
        why.to_owned(),
        &[(
            "without",
            "the migration goes on without access control lists",
        )],
    )?;
    Ok(false)
}

/// A binding of the source with what its pattern means at the target.
struct Translation<'b> {
    binding: &'b AclBinding,
    renamed: Option<String>,
    covered: BTreeSet<String>,
}

impl<'b> Translation<'b> {
    fn new(binding: &'b AclBinding, names: &Names) -> Self {
        let name = binding.resource_name.as_str();
        let everything = binding.pattern_type == PatternType::Literal && name == EVERYTHING;
        let same = || Some(name.to_owned());
        let Some((whole, prefix)) = name_kinds(binding.resource_type) else {
            // A delegation token is bound to the cluster that gave it.
            let token = binding.resource_type == ResourceType::DelegationToken;
            let renamed = if token && !everything { None } else { same() };
            return Self {
                binding,
                renamed,
                covered: BTreeSet::new(),
            };
        };
        let renamed = match binding.pattern_type {
            _ if everything => same(),
            PatternType::Literal => names.new_name(whole, name).map(str::to_owned),
            PatternType::Prefixed => names.new_name(prefix, name).map(str::to_owned),
        };
        let covered = if everything || binding.pattern_type == PatternType::Prefixed {
            names
                .of_kind(whole)
                .filter(|(old, _)| covers(binding.pattern_type, name, old))
                .map(|(_, new)| new.to_owned())
                .collect()
        } else {
            BTreeSet::new()
        };
        Self {
            binding,
            renamed,
            covered,
        }
    }

    fn question(&self) -> AclQuestion {
        AclQuestion {
            binding: self.binding.clone(),
            renamed: self.renamed.clone(),
            covered: self.covered.iter().take(COVERED_MAX).cloned().collect(),
        }
    }
}

/// Names that the target has or will have, by type of resource.
struct World(BTreeMap<ResourceType, BTreeSet<String>>);

impl World {
    fn new(snapshot: &Snapshot, names: &Names) -> Self {
        let mut world: BTreeMap<ResourceType, BTreeSet<String>> = BTreeMap::new();
        let existing = snapshot.target.topics.keys().map(ToString::to_string);
        let topics = existing.filter(|name| !BROKER_TOPICS.contains(&name.as_str()));
        world.entry(ResourceType::Topic).or_default().extend(topics);
        let groups = snapshot.target.groups.keys().map(|id| id.0.clone());
        world.entry(ResourceType::Group).or_default().extend(groups);
        for (resource, kind) in [
            (ResourceType::Topic, NameKind::Topic),
            (ResourceType::Group, NameKind::Group),
            (ResourceType::TransactionalId, NameKind::TransactionalId),
        ] {
            let planned = names.of_kind(kind).map(|(_, new)| new.to_owned());
            world.entry(resource).or_default().extend(planned);
        }
        Self(world)
    }

    fn of(&self, resource: ResourceType) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.0.get(&resource).unwrap_or(&NONE)
    }
}

fn plan(
    translation: &Translation<'_>,
    answer: AclDecision,
    plugin: &str,
    existing: &BTreeSet<&AclBinding>,
    world: &World,
    questions: &mut Questions<'_>,
) -> Result<AclPlan, PlanError> {
    let source = translation.binding;
    let given: BTreeSet<AclBinding> = answer.bindings.into_iter().collect();
    if let Some((binding, what)) = given.iter().find_map(|b| Some((b, illegal(b)?))) {
        let binding = binding.to_string();
        return Err(PlanError::IllegalBinding {
            plugin: plugin.to_owned(),
            binding,
            what,
        });
    }
    let reach = Reach {
        renamed: translation.renamed.as_deref(),
        covered: &translation.covered,
        there: world.of(source.resource_type),
    };
    let given: Vec<AclBinding> = given.into_iter().collect();
    // What the target has already is no news.
    let wider = || {
        given
            .iter()
            .filter(|b| !existing.contains(b))
            .find_map(|b| widens(source, b, &reach))
    };
    let why = answer
        .undecided
        .or_else(wider)
        .or_else(|| weakens(source, &given, &reach));
    let mut withheld = false;
    let mut decision = None;
    if let Some(why) = why {
        let proposal = match given.as_slice() {
            [] => "the target gets nothing for it".to_owned(),
            [only] => format!("the target gets {only}"),
            [first, rest @ ..] => format!("the target gets {first} and {} more", rest.len()),
        };
        let skip = ("skip", "the target gets nothing for it");
        let answers = if given.is_empty() {
            vec![("accept", proposal.as_str())]
        } else {
            vec![("accept", proposal.as_str()), skip]
        };
        let asked = questions.ask(DecisionKind::Acl, source.to_string(), why, &answers)?;
        withheld = asked.answer.as_deref() != Some("accept");
        decision = Some(asked.id);
    }
    let planned = |binding: AclBinding| {
        let state = if existing.contains(&binding) {
            BindingState::Exists
        } else if withheld {
            BindingState::Withheld
        } else {
            BindingState::Create
        };
        PlannedBinding { binding, state }
    };
    Ok(AclPlan {
        source: source.clone(),
        bindings: given.into_iter().map(planned).collect(),
        reason: answer.reason,
        decision,
    })
}

/// Target principals that stand for several principals of the source: each of these gets the
/// rights of the others.
pub(crate) fn shared_principals(plans: &[AclPlan]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut shared: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for plan in plans {
        for planned in &plan.bindings {
            let sources = shared.entry(&planned.binding.principal).or_default();
            sources.insert(&plan.source.principal);
        }
    }
    shared.retain(|_, sources| sources.len() > 1);
    shared
}
