//! The JSON Schema of `migration.yaml`, made from the types that read it.

use crate::migration::MigrationConfig;

/// The schema, as published in `docs/migration.schema.json`.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(MigrationConfig).to_value()
}
