//! One world with one journal, through any number of processes.

use super::World;
use super::script::Script;
use crate::engine::Engine;
use crate::graph::Graph;
use crate::rollback::{RollbackEnd, RollbackError};
use crate::run::{RunEnd, RunError, RunOptions};
use ferry_journal::{EffectState, Journal, MigrationIdentity, Recorded, StateDirectory};
use ferry_model::digest::Digest;
use ferry_model::identity::ClusterId;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// One world with one journal, through any number of processes.
pub(super) struct Session<W> {
    pub(super) world: W,
    above: TempDir,
}

impl<W: World> Session<W> {
    pub(super) fn new(world: W) -> Self {
        let above = TempDir::new().unwrap_or_else(|error| panic!("no directory: {error}"));
        Self { world, above }
    }

    fn directory(&self) -> PathBuf {
        self.above.path().join("state")
    }

    pub(super) async fn state(&self) -> Value {
        self.world.state().await
    }

    fn open(&self, script: &Arc<Script>) -> (Engine, Graph) {
        let journal = Journal::open(self.directory())
            .unwrap_or_else(|error| panic!("the journal does not open: {error:?}"));
        let identity = MigrationIdentity {
            migration: "trial".to_owned(),
            plan: Digest::of(b"trial"),
            source: ClusterId("trial-source".to_owned()),
            target: ClusterId("trial-target".to_owned()),
        };
        let graph = Graph::new(self.world.steps())
            .unwrap_or_else(|error| panic!("the steps are no graph: {error}"));
        let faults: Arc<Script> = Arc::clone(script);
        (
            Engine::new(journal, identity, "0.0.0").faults(faults),
            graph,
        )
    }

    /// Runs everything, as one process.
    pub(super) async fn run(&self, script: Script) -> (Result<RunEnd, RunError>, Arc<Script>) {
        let script = Arc::new(script);
        let (engine, graph) = self.open(&script);
        let report = engine.run(&graph, &RunOptions::default()).await;
        (report.map(|report| report.end), script)
    }

    /// Rolls everything back, as one process.
    pub(super) async fn rollback(
        &self,
        script: Script,
    ) -> (Result<RollbackEnd, RollbackError>, Arc<Script>) {
        let script = Arc::new(script);
        let (engine, graph) = self.open(&script);
        let end = engine.rollback(&graph, &self.world.inverses()).await;
        (end, script)
    }

    /// The bytes of the journal.
    pub(super) fn journal(&self) -> Vec<u8> {
        std::fs::read(StateDirectory::at(self.directory()).journal()).unwrap_or_default()
    }

    /// Puts other bytes in the place of the journal.
    pub(super) fn set_journal(&self, bytes: &[u8]) {
        let directory = StateDirectory::create(self.directory())
            .unwrap_or_else(|error| panic!("no directory: {error}"));
        std::fs::write(directory.journal(), bytes)
            .unwrap_or_else(|error| panic!("no journal: {error}"));
    }

    /// How many effects the journal says this migration made.
    pub(super) fn effects_done(&self) -> usize {
        let recorded = Recorded::read(&StateDirectory::at(self.directory()))
            .unwrap_or_else(|error| panic!("the journal is not whole: {error:?}"));
        let steps = recorded.status.steps().values();
        steps
            .flat_map(|step| step.effects.values())
            .filter(|effect| matches!(effect.state, EffectState::Done { .. }))
            .count()
    }
}
