//! The source cluster of the demo and of tests: a company's Kafka, made by code from a seed.
