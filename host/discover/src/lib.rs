//! Reads what both clusters of a migration look like.
