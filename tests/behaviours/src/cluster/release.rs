//! What differs from release to release.

use ferry_fake_kafka::Release;

/// What each release does, where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerRelease<T> {
    /// 2.8.
    pub v2_8: T,
    /// 3.9.
    pub v3_9: T,
    /// 4.3.
    pub v4_3: T,
}

impl<T> PerRelease<T> {
    /// What `release` does.
    #[must_use]
    pub fn of(self, release: Release) -> T {
        match release {
            Release::V2_8 => self.v2_8,
            Release::V3_9 => self.v3_9,
            Release::V4_3 => self.v4_3,
        }
    }
}
