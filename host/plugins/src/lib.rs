//! Loads, contains and calls plugins.
