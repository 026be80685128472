//! Sizes and days, as people write them.

use crate::config::Bytes;

/// Units of sizes, as powers of 1,024.
const UNITS: [(&str, u32); 5] = [("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The number of bytes behind `10 GiB`.
pub(crate) fn bytes(bytes: &Bytes) -> Result<u64, String> {
    let text = match bytes {
        Bytes::Number(number) => return Ok(*number),
        Bytes::Text(text) => text,
    };
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim_start());
    let number: Option<u64> = number.parse().ok();
    number
        .zip(unit)
        .and_then(|(number, (_, power))| number.checked_mul(1 << power))
        .ok_or_else(|| format!("`{text}` is not a size, such as `10 GiB`"))
}

/// The start of a day in UTC, in milliseconds since 1970.
///
/// Counts days by the civil calendar: years start in March, so that the leap day is the last one.
pub(crate) fn day_ms(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a day, such as `2026-01-31`");
    let mut numbers = text.splitn(3, '-').map(str::parse::<i64>);
    let mut next = || numbers.next().and_then(Result::ok).ok_or_else(wrong);
    let (year, month, day) = (next()?, next()?, next()?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(wrong()),
    };
    if !(1970..=9999).contains(&year) || !(1..=length).contains(&day) {
        return Err(wrong());
    }
    let march_year = if month > 2 { year } else { year - 1 };
    let era = march_year / 400;
    let year_of_era = march_year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Ok((era * 146_097 + day_of_era - 719_468) * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970_with_leap_years() {
        assert_eq!(day_ms("1970-01-01"), Ok(0));
        assert_eq!(day_ms("2000-02-29"), Ok(951_782_400_000));
        assert_eq!(day_ms("2000-03-01"), Ok(951_868_800_000));
        assert_eq!(day_ms("2024-02-29"), Ok(1_709_164_800_000));
        assert_eq!(day_ms("2026-01-31"), Ok(1_769_817_600_000));
        for text in [
            "2026-02-29",
            "2100-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "1900-01-01",
            "x",
        ] {
            assert!(day_ms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(bytes(&Bytes::Number(7)), Ok(7));
        assert_eq!(bytes(&Bytes::Text("10 GiB".to_owned())), Ok(10 << 30));
        assert_eq!(bytes(&Bytes::Text("1KiB".to_owned())), Ok(1024));
        assert!(bytes(&Bytes::Text("10 GB".to_owned())).is_err());
        assert!(bytes(&Bytes::Text("99999999999 TiB".to_owned())).is_err());
    }
}
