//! What the estate shall be like.

/// What the estate shall be like.
#[derive(Debug, Clone, PartialEq)]
pub struct EstateOptions {
    /// What all contents come from.
    pub seed: u64,
    /// How large it is: 1.0 is about 200 topics, 700 partitions, 1.8 million records and 400 MB.
    /// At 0.1 and below only the topics with something special about them are left, each with a
    /// tenth of its records.
    pub scale: f64,
    /// The time that its records end at, in milliseconds since 1970; the present unless set. Two
    /// estates are equal only if this is.
    pub now_ms: i64,
}

impl EstateOptions {
    /// The whole estate.
    #[must_use]
    pub fn full() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            seed: 7,
            scale: 1.0,
            now_ms: now.map_or(0, |since| since.as_millis() as i64),
        }
    }

    /// A small one for tests, with every special case in it.
    #[must_use]
    pub fn small() -> Self {
        Self {
            scale: 0.1,
            ..Self::full()
        }
    }

    /// So many of `count` at this scale, at least `least`.
    pub(crate) fn scaled(&self, count: u32, least: u32) -> u32 {
        let scaled = (f64::from(count) * self.scale.max(0.0)).round();
        (scaled as u32).max(least)
    }

    /// Which part of the ordinary topics and groups there is, from 0 to 1.
    pub(crate) fn ordinary_share(&self) -> f64 {
        ((self.scale - 0.1) / 0.9).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_estate_has_a_tenth_of_the_records_and_none_of_the_ordinary_topics() {
        let small = EstateOptions::small();
        assert_eq!(small.scaled(1_000, 20), 100);
        assert_eq!(small.scaled(100, 20), 20);
        assert!(small.ordinary_share().abs() < f64::EPSILON);
        let full = EstateOptions::full();
        assert_eq!(full.scaled(1_000, 20), 1_000);
        assert!((full.ordinary_share() - 1.0).abs() < f64::EPSILON);
    }
}
