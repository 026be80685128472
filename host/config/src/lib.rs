//! Reads migration.yaml, client properties and placeholders, and says exactly what is wrong with them.
