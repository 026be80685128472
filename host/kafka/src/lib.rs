//! A Kafka wire client for moving clusters.
