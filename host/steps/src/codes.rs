//! The codes of what goes wrong in steps, each with a page in `docs/errors`.

/// A target topic can't be created.
pub const TOPIC_NOT_CREATED: u16 = 250;
/// A target topic that this migration created is gone.
pub const TOPIC_GONE: u16 = 251;
/// An access control list can't be created.
pub const ACL_NOT_CREATED: u16 = 252;
/// Committed offsets can't be set at the target.
pub const OFFSETS_NOT_SET: u16 = 253;
/// A cluster can't be asked.
pub const NOT_ANSWERED: u16 = 254;
/// What is to be undone is not this migration's.
pub const NOT_OURS: u16 = 255;
/// Undoing failed.
pub const NOT_UNDONE: u16 = 256;
/// The final settings of a topic can't be set.
pub const SETTINGS_NOT_SET: u16 = 257;
/// Partitions stopped while they were copied.
pub const PARTITIONS_HALTED: u16 = 230;
/// The copy could not run.
pub const COPY_FAILED: u16 = 231;
/// The source did not fall quiet in time.
pub const NOT_DRAINED: u16 = 232;
/// The source can't be drained while topic groups are paused.
pub const GROUPS_PAUSED: u16 = 233;
/// The file that keeps limits and pauses can't be used.
pub const CONTROLS_UNUSABLE: u16 = 234;
/// Source and target differ.
pub const DIFFERENCES: u16 = 501;
/// The result of a verification can't be written.
pub const RESULT_NOT_WRITTEN: u16 = 502;

/// The codes above, and those of halted partitions ([`ferry_copy::halt::Halt::code`]).
pub const ALL: [u16; 26] = [
    213,
    214,
    215,
    216,
    217,
    218,
    219,
    220,
    221,
    222,
    223,
    TOPIC_NOT_CREATED,
    TOPIC_GONE,
    ACL_NOT_CREATED,
    OFFSETS_NOT_SET,
    NOT_ANSWERED,
    NOT_OURS,
    NOT_UNDONE,
    SETTINGS_NOT_SET,
    PARTITIONS_HALTED,
    COPY_FAILED,
    NOT_DRAINED,
    GROUPS_PAUSED,
    CONTROLS_UNUSABLE,
    DIFFERENCES,
    RESULT_NOT_WRITTEN,
];
