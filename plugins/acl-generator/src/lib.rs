//! The stock plugin acl-generator.
