//! Amounts for people.

use ferry_model::offset::grouped;

/// `1.9 TiB`, `512 B`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Integers alone: tenths of the unit, to the nearest.
    let mut unit = 0;
    let mut divisor: u64 = 1024;
    while unit + 1 < UNITS.len() && bytes / divisor >= 1024 {
        divisor *= 1024;
        unit += 1;
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(divisor / 2)) / u128::from(divisor);
    match tenths % 10 {
        0 => format!("{} {}", tenths / 10, UNITS[unit]),
        tenth => format!("{}.{tenth} {}", tenths / 10, UNITS[unit]),
    }
}

/// `702 M`, `23.9 M`, `88,120`.
#[must_use]
pub fn count(number: i64) -> String {
    match number {
        10_000_000_000.. => format!("{} G", grouped(number / 1_000_000_000)),
        100_000_000.. => format!("{} M", grouped(number / 1_000_000)),
        1_000_000.. => format!("{}.{} M", number / 1_000_000, number / 100_000 % 10),
        _ => grouped(number),
    }
}

/// `3,012`.
#[must_use]
pub fn whole(number: usize) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

/// `2 h 40 min`, `12 min`, `45 s`.
#[must_use]
pub fn seconds(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) if minutes < 10 => format!("{minutes} min {} s", seconds % 60),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// `1 topic`, `2 topics`.
#[must_use]
pub fn counted(number: usize, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        whole(number),
        if number == 1 { "" } else { "s" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(2_089_072_092_774), "1.9 TiB");
        assert_eq!(bytes(u64::MAX), "16384 PiB");
        assert_eq!(count(88_120), "88,120");
        assert_eq!(count(23_912_345), "23.9 M");
        assert_eq!(count(702_123_456), "702 M");
        assert_eq!(count(73_000_000_000), "73 G");
        assert_eq!(seconds(45), "45 s");
        assert_eq!(seconds(130), "2 min 10 s");
        assert_eq!(seconds(9_600), "2 h 40 min");
        assert_eq!(counted(1, "topic"), "1 topic");
        assert_eq!(counted(3_012, "partition"), "3,012 partitions");
    }
}
