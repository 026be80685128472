//! What a checksum becomes when only the header in front of the records changes.
//!
//! CRC-32C is linear: of two texts of equal length the checksums differ by something that depends
//! on the difference of the texts alone. So the checksum of a batch with a new header follows from
//! the old one, the two headers and the *length* of the records, without looking at the records
//! again. That costs less than a microsecond for a batch of any size, and it keeps the source's own
//! checksum over the records in force to the target's disk: should a bit fall over in this
//! process's memory after the batch was checked, the target refuses the batch rather than store it.
//!
//! Source: the method of zlib's `crc32_combine`, with the polynomial of CRC-32C (RFC 3720, B.4).

/// The polynomial of CRC-32C, lowest bit first.
const POLYNOMIAL: u32 = 0x82F6_3B78;
/// The polynomial 1 (x to the power of 0), lowest bit first.
const ONE: u32 = 1 << 31;
/// x to the power of 8 times 2^n, for every n: what 2^n more bytes do to a checksum.
const BYTES: [u32; 32] = powers();

const fn powers() -> [u32; 32] {
    // x to the power of 1, squared three times: one byte.
    let mut power = 1 << 30;
    let mut table = [0; 32];
    let mut n = 0;
    while n < 3 {
        power = product(power, power);
        n += 1;
    }
    n = 0;
    while n < 32 {
        table[n] = power;
        power = product(power, power);
        n += 1;
    }
    table
}

/// The product of two polynomials over GF(2), modulo [`POLYNOMIAL`].
const fn product(a: u32, mut b: u32) -> u32 {
    let mut sum = 0;
    let mut bit = 31;
    loop {
        // A mask instead of a branch, as the bits can't be foretold.
        sum ^= b & (a >> bit & 1).wrapping_neg();
        if bit == 0 {
            return sum;
        }
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
        bit -= 1;
    }
}

/// The checksum of a text whose checksum was `whole` before its first bytes, of checksum `before`,
/// were replaced by as many bytes of checksum `after`; `rest_bytes` follow them unchanged.
#[must_use]
pub(crate) fn with_new_front(whole: u32, before: u32, after: u32, rest_bytes: usize) -> u32 {
    debug_assert!(rest_bytes <= u32::MAX as usize, "no batch is as large");
    let mut factor = ONE;
    let mut left = rest_bytes;
    for power in BYTES {
        if left & 1 == 1 {
            factor = product(power, factor);
        }
        left >>= 1;
        if left == 0 {
            break;
        }
    }
    whole ^ product(factor, before ^ after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_front_gives_the_checksum_that_reading_everything_would_give() {
        for rest_bytes in [0, 1, 2, 7, 8, 61, 1_000, 65_535, 65_536, 1_048_577] {
            let front: Vec<u8> = (0..40_u8).map(|n| n.wrapping_mul(37)).collect();
            let rest: Vec<u8> = (0..rest_bytes).map(|n| (n * 31 % 251) as u8).collect();
            let new: Vec<u8> = front.iter().map(|byte| byte ^ 0x5a).collect();
            let whole = crc32c::crc32c(&[&front[..], &rest].concat());
            let expected = crc32c::crc32c(&[&new[..], &rest].concat());
            let found = with_new_front(
                whole,
                crc32c::crc32c(&front),
                crc32c::crc32c(&new),
                rest_bytes,
            );
            assert_eq!(found, expected, "{rest_bytes} bytes behind the front");
        }
    }
}
