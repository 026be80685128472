//! The behaviours, one file for each group.

pub(crate) mod connections;
pub(crate) mod deletion;
pub(crate) mod epochs;
pub(crate) mod fencing;
pub(crate) mod fetching;
pub(crate) mod forgetting;
pub(crate) mod idempotence;
pub(crate) mod isolation;
pub(crate) mod leaders;
pub(crate) mod offsets;
pub(crate) mod producers;
pub(crate) mod refusals;
pub(crate) mod rights;
pub(crate) mod timestamps;
pub(crate) mod topics;
pub(crate) mod transactions;
