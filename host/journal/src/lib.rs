//! The append-only, hash-chained record of what a migration did.
