//! The codes of this crate. Each has a page in `docs/errors`.

/// A plugin gave several things one name.
pub const ONE_NAME: u16 = 305;
/// A plugin answered another number of questions than it was asked.
pub const ANSWERS_MISSING: u16 = 350;
/// A plugin gave a name that Kafka does not allow.
pub const ILLEGAL_NAME: u16 = 351;
/// Source and target are one cluster.
pub const ONE_CLUSTER: u16 = 352;
/// A new name collides with a topic that the target has.
pub const TARGET_NAME_TAKEN: u16 = 353;
/// A plugin gave no name.
pub const NAME_MISSING: u16 = 354;
/// A plugin gave a prefix that does not cover what it renamed.
pub const PREFIX_BROKEN: u16 = 355;
/// A plugin gave an offset outside of what was copied.
pub const OFFSET_OUTSIDE: u16 = 356;
/// A plugin gave an illegal name of a topic group.
pub const ILLEGAL_TOPIC_GROUP: u16 = 357;
/// The configuration answers a decision with a word that is no answer.
pub const NO_SUCH_ANSWER: u16 = 358;
/// The snapshot has a format that this version does not read.
pub const SNAPSHOT_FORMAT: u16 = 359;
/// A plan file can't be read or written.
pub const PLAN_FILE_UNREADABLE: u16 = 360;
/// A file is not a plan.
pub const NOT_A_PLAN: u16 = 361;
/// A plan file was edited.
pub const PLAN_EDITED: u16 = 362;
/// A plan file has a format that this version does not read.
pub const PLAN_FORMAT: u16 = 363;
/// The world no longer matches the plan.
pub const DRIFT: u16 = 364;
/// Decisions of the plan are open.
pub const DECISIONS_OPEN: u16 = 365;
/// A plugin gave an access control list that Kafka does not allow.
pub const ILLEGAL_BINDING: u16 = 366;

/// Every code of this crate, in order.
pub const ALL: [u16; 18] = [
    ONE_NAME,
    ANSWERS_MISSING,
    ILLEGAL_NAME,
    ONE_CLUSTER,
    TARGET_NAME_TAKEN,
    NAME_MISSING,
    PREFIX_BROKEN,
    OFFSET_OUTSIDE,
    ILLEGAL_TOPIC_GROUP,
    NO_SUCH_ANSWER,
    SNAPSHOT_FORMAT,
    PLAN_FILE_UNREADABLE,
    NOT_A_PLAN,
    PLAN_EDITED,
    PLAN_FORMAT,
    DRIFT,
    DECISIONS_OPEN,
    ILLEGAL_BINDING,
];
