//! The native steps of a migration.
