//! The stock plugin topic-filter.
