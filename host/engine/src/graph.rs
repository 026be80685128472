//! Steps in an order in which each comes after those it needs.

use crate::step::Step;
use ferry_journal::StepName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Steps in an order in which each comes after those it needs. Steps that don't depend on each
/// other stay in the order in which they were given.
#[derive(Clone)]
pub struct Graph {
    steps: Vec<Arc<dyn Step>>,
    names: Vec<StepName>,
    needs: BTreeMap<StepName, Vec<StepName>>,
}

/// The steps don't form a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two steps have one name.
    #[error("two steps are called {step}")]
    Double {
        /// The name.
        step: StepName,
    },
    /// A step needs one that is not there.
    #[error("step {step} needs {need}, which is not among the steps")]
    UnknownNeed {
        /// The step.
        step: StepName,
        /// What it needs.
        need: StepName,
    },
    /// Steps need each other in a circle.
    #[error("steps need each other in a circle: {}", circle(.path))]
    Cycle {
        /// The circle: each needs the next, the last the first.
        path: Vec<StepName>,
    },
}

fn circle(path: &[StepName]) -> String {
    let names: Vec<_> = path
        .iter()
        .chain(path.first())
        .map(StepName::as_str)
        .collect();
    names.join(" needs ")
}

impl Graph {
    /// Puts the steps in order.
    ///
    /// # Errors
    /// [`GraphError`] where two steps have one name, or one needs a step that is not there, or that
    /// needs it in turn.
    pub fn new(given: Vec<Arc<dyn Step>>) -> Result<Self, GraphError> {
        let mut needs = BTreeMap::new();
        for step in &given {
            let name = step.name();
            if needs.insert(name.clone(), step.needs()).is_some() {
                return Err(GraphError::Double { step: name });
            }
        }
        for (step, needed) in &needs {
            if let Some(need) = needed.iter().find(|need| !needs.contains_key(need)) {
                return Err(GraphError::UnknownNeed {
                    step: step.clone(),
                    need: need.clone(),
                });
            }
        }
        let mut waiting = given;
        let mut steps = Vec::with_capacity(waiting.len());
        let mut names = Vec::with_capacity(waiting.len());
        let mut placed = BTreeSet::new();
        while !waiting.is_empty() {
            let free = waiting
                .iter()
                .position(|step| needs[&step.name()].iter().all(|need| placed.contains(need)));
            let Some(free) = free else {
                return Err(GraphError::Cycle {
                    path: find_cycle(&needs, &placed),
                });
            };
            let step = waiting.remove(free);
            placed.insert(step.name());
            names.push(step.name());
            steps.push(step);
        }
        Ok(Self {
            steps,
            names,
            needs,
        })
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Arc<dyn Step>] {
        &self.steps
    }

    /// Their names, in order.
    #[must_use]
    pub fn names(&self) -> &[StepName] {
        &self.names
    }

    /// What a step needs directly.
    #[must_use]
    pub fn needs(&self, step: &StepName) -> &[StepName] {
        self.needs.get(step).map_or(&[], Vec::as_slice)
    }

    /// A step by its name.
    #[must_use]
    pub fn step(&self, name: &StepName) -> Option<&Arc<dyn Step>> {
        let place = self.names.iter().position(|known| known == name)?;
        self.steps.get(place)
    }
}

/// A circle among the steps that could not be placed: each of those needs another of them, so that
/// going from need to need comes back to a step seen before.
fn find_cycle(
    needs: &BTreeMap<StepName, Vec<StepName>>,
    placed: &BTreeSet<StepName>,
) -> Vec<StepName> {
    let mut path: Vec<&StepName> = Vec::new();
    let mut next = needs.keys().find(|step| !placed.contains(step));
    while let Some(step) = next {
        if let Some(start) = path.iter().position(|seen| *seen == step) {
            return path[start..].iter().map(|step| (*step).clone()).collect();
        }
        path.push(step);
        next = needs[step].iter().find(|need| !placed.contains(need));
    }
    path.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Context, View};
    use crate::step::{Outcome, Readiness, StepError};
    use async_trait::async_trait;
    use ferry_model::problem::Problem;
    use proptest::prelude::*;

    struct Named(StepName, Vec<StepName>);

    #[async_trait]
    impl Step for Named {
        fn name(&self) -> StepName {
            self.0.clone()
        }
        fn needs(&self) -> Vec<StepName> {
            self.1.clone()
        }
        async fn check(&self, _: &View) -> Result<Readiness, Problem> {
            Ok(Readiness::AlreadyDone)
        }
        async fn run(&self, _: &Context) -> Result<Outcome, StepError> {
            Ok(Outcome::Finished)
        }
        async fn verify(&self, _: &View) -> Result<(), Problem> {
            Ok(())
        }
    }

    fn graph(steps: &[(&str, &[&str])]) -> Result<Graph, GraphError> {
        let name = |text: &str| StepName::parse(text).expect("legal");
        Graph::new(
            steps
                .iter()
                .map(|(step, needs)| {
                    let needs = needs.iter().map(|need| name(need)).collect();
                    Arc::new(Named(name(step), needs)) as Arc<dyn Step>
                })
                .collect(),
        )
    }

    fn order(graph: &Graph) -> Vec<&str> {
        graph.names().iter().map(StepName::as_str).collect()
    }

    #[test]
    fn each_step_comes_after_what_it_needs_and_otherwise_stays_where_it_was() {
        let graph = graph(&[
            ("verify", &["copy", "offsets"]),
            ("acls", &[]),
            ("offsets", &["copy"]),
            ("copy", &["topics"]),
            ("topics", &[]),
        ])
        .expect("a graph");
        assert_eq!(
            order(&graph),
            ["acls", "topics", "copy", "offsets", "verify"]
        );
        let copy = StepName::parse("copy").expect("legal");
        assert_eq!(graph.step(&copy).expect("there").name(), copy);
        assert_eq!(graph.needs(&copy)[0].as_str(), "topics");
    }

    #[test]
    fn what_is_no_graph_is_refused_with_the_names() {
        let text = |steps| graph(steps).err().expect("no graph").to_string();
        assert_eq!(text(&[("a", &[]), ("a", &[])]), "two steps are called a");
        assert_eq!(
            text(&[("a", &["b"])]),
            "step a needs b, which is not among the steps"
        );
        assert_eq!(
            text(&[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"])]),
            "steps need each other in a circle: a needs b needs c needs a"
        );
        assert_eq!(
            text(&[("a", &["a"])]),
            "steps need each other in a circle: a needs a"
        );
    }

    proptest! {
        #[test]
        fn any_steps_are_either_put_in_order_or_refused_with_a_true_circle(
            needs in prop::collection::vec(prop::collection::vec(0..8_usize, 0..3), 8)
        ) {
            let names: Vec<_> = (0..8).map(|index| format!("s{index}")).collect();
            let needed: Vec<Vec<&str>> = needs
                .iter()
                .map(|needs| needs.iter().map(|index| names[*index].as_str()).collect())
                .collect();
            let steps: Vec<_> = names
                .iter()
                .zip(&needed)
                .map(|(name, needs)| (name.as_str(), needs.as_slice()))
                .collect();
            match graph(&steps) {
                Ok(graph) => {
                    let order = order(&graph);
                    for (name, needs) in &steps {
                        let place = |of: &str| order.iter().position(|step| *step == of);
                        prop_assert!(needs.iter().all(|need| place(need) < place(name)));
                    }
                }
                Err(GraphError::Cycle { path }) => {
                    for (step, next) in path.iter().zip(path.iter().cycle().skip(1)) {
                        let (_, needs) = steps
                            .iter()
                            .find(|(name, _)| *name == step.as_str())
                            .expect("a step");
                        prop_assert!(needs.contains(&next.as_str()));
                    }
                    prop_assert!(!path.is_empty());
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
