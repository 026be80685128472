//! The codes of this crate. Each has a page in `docs/errors`.

/// The file can't be read.
pub const UNREADABLE: u16 = 1;
/// The file is not UTF-8.
pub const NOT_UTF8: u16 = 2;
/// The file is not YAML.
pub const SYNTAX: u16 = 3;
/// The file holds no settings.
pub const EMPTY: u16 = 4;
/// A line is indented with a tab.
pub const TAB: u16 = 5;
/// A key stands twice in one mapping.
pub const DOUBLED_KEY: u16 = 6;
/// A value has the wrong type.
pub const WRONG_TYPE: u16 = 7;
/// A key is missing.
pub const MISSING_KEY: u16 = 8;
/// A value is not one of those that are allowed.
pub const ILLEGAL_VALUE: u16 = 9;
/// The file is larger or nested deeper than a configuration ever is.
pub const TOO_LARGE: u16 = 10;
/// A part of YAML that configurations may not use: anchors, aliases, tags, several documents.
pub const UNSUPPORTED_YAML: u16 = 11;
/// A properties file breaks the rules of Java properties.
pub const PROPERTIES_SYNTAX: u16 = 20;
/// A placeholder is malformed or names an unknown provider.
pub const PLACEHOLDER_MALFORMED: u16 = 30;
/// The environment lacks the variable of a placeholder.
pub const PLACEHOLDER_ENVIRONMENT: u16 = 31;
/// The file or the key of a placeholder is not there.
pub const PLACEHOLDER_FILE: u16 = 32;
/// A placeholder needs a Kubernetes cluster.
pub const PLACEHOLDER_CLUSTER: u16 = 33;
/// A placeholder stands where none may stand.
pub const PLACEHOLDER_PLACE: u16 = 34;
/// A key is not known.
pub const UNKNOWN_KEY: u16 = 42;

/// Every code of this crate, in order.
pub const ALL: [u16; 18] = [
    UNREADABLE,
    NOT_UTF8,
    SYNTAX,
    EMPTY,
    TAB,
    DOUBLED_KEY,
    WRONG_TYPE,
    MISSING_KEY,
    ILLEGAL_VALUE,
    TOO_LARGE,
    UNSUPPORTED_YAML,
    PROPERTIES_SYNTAX,
    PLACEHOLDER_MALFORMED,
    PLACEHOLDER_ENVIRONMENT,
    PLACEHOLDER_FILE,
    PLACEHOLDER_CLUSTER,
    PLACEHOLDER_PLACE,
    UNKNOWN_KEY,
];
