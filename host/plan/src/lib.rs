//! The plan: a pure function of configuration, snapshot and decisions.
//!
//! [`plan()`] asks the deciders (topics, names, offsets, access control lists), checks every answer,
//! and puts together a [`Plan`]: what becomes of each topic, partition, group and binding, why, and
//! who decided it. What only a person may decide becomes a [`Decision`] that stays open until the
//! configuration answers it. [`PlanFile`] pins a plan by its digest; [`Plan::drift`] says how the
//! world has moved since.
//!
//! Nothing here opens a connection, reads a clock or runs a plugin; files are read and written by
//! [`PlanFile`] only.

mod acls;
pub mod circumstances;
pub mod codes;
mod configs;
pub mod deciders;
pub mod decision;
mod drift;
pub mod error;
mod estimate;
mod file;
mod groups;
mod growth;
mod modes;
mod names;
pub mod offsets;
pub mod plan;
mod planner;
pub mod render;
pub mod retention;
mod target_version;
pub mod text;
mod topics;
mod widening;

pub use circumstances::{Circumstances, SampledRate};
pub use deciders::{Deciders, PluginIdentity};
pub use decision::{Answer, Decision, DecisionKind};
pub use drift::Drift;
pub use error::PlanError;
pub use file::{PLAN_FORMAT, PlanFile, PlanFileError};
pub use growth::Growth;
pub use plan::{
    AclPlan, AclState, BindingState, ClusterIdentity, CopyMode, CopyPartition, Creation, DecidedBy,
    Estimate, Expiring, GroupAction, GroupOffsets, GroupPlan, Keeping, MovingTopic, PartitionPlan,
    Plan, PlannedBinding, Protection, SettingChange, TopicOutcome, TopicPlan, TranslateReason,
};
pub use planner::{plan, plan_under};
