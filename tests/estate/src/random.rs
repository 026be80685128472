//! Numbers that look random and are the same every time.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Numbers for what `name` and `number` stand for, so that it does not matter in which order
    /// things are made.
    pub(crate) fn new(seed: u64, name: &str, number: u64) -> Self {
        // FNV-1a.
        let mut state = 0xcbf2_9ce4_8422_2325 ^ seed;
        for byte in name.bytes().chain(number.to_le_bytes()) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self { state }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit` less one; 0 where `limit` is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // The bias is of no matter for limits far below 2^64.
        self.next().checked_rem(limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_name_gives_others() {
        let take = |seed, name| {
            let mut random = Random::new(seed, name, 3);
            [random.next(), random.next(), random.below(10)]
        };
        assert_eq!(take(7, "orders"), take(7, "orders"));
        assert_ne!(take(7, "orders"), take(7, "payments"));
        assert_ne!(take(7, "orders"), take(8, "orders"));
    }
}
