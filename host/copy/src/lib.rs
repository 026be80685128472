//! The data plane: record batches pass from source to target untouched.
