//! Mistakes that are planted on purpose, for the simulator to find. Without the feature
//! `planted-bugs` nothing of this is compiled in, and no mistake is ever active.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// After an unknown outcome the same batches are sent again at once: the broker will know the
    /// sequence.
    TrustsTheSequence,
    /// The first end of a log that is read is taken for the settled one.
    NeverSettles,
    /// Wherever a batch was appended is fine, and wherever a log ends.
    LooksAtNoOffset,
    /// Five batches are on their way, whether or not the broker can remember us.
    AlwaysFiveDeep,
    /// A padding is not written down before it is sent.
    ForgetsPaddings,
    /// The progress topic is read with what is not committed.
    ReadsUncommitted,
    /// Records of aborted transactions are copied.
    CopiesAborted,
    /// A position moves on before its transaction is committed.
    MovesOnEarly,
    /// A slot is taken over before the lease of its holder has run out.
    TakesLeasesEarly,
    /// A marker is taken to be written once the coordinator has answered.
    TrustsTheCoordinator,
}

impl Bug {
    /// Every mistake.
    pub const ALL: &[Self] = &[
        Self::TrustsTheSequence,
        Self::NeverSettles,
        Self::LooksAtNoOffset,
        Self::AlwaysFiveDeep,
        Self::ForgetsPaddings,
        Self::ReadsUncommitted,
        Self::CopiesAborted,
        Self::MovesOnEarly,
        Self::TakesLeasesEarly,
        Self::TrustsTheCoordinator,
    ];
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Makes one mistake on this thread from now on, or none.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    ACTIVE.set(bug);
}

/// Whether `bug` is made.
#[cfg(feature = "planted-bugs")]
pub(crate) fn made(bug: Bug) -> bool {
    ACTIVE.get() == Some(bug)
}

/// Whether `bug` is made: never.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn made(_bug: Bug) -> bool {
    false
}
