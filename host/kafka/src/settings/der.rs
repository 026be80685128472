//! The few pieces of DER (ITU-T X.690) that the stores need.

/// The tag of a SEQUENCE.
const SEQUENCE: u8 = 0x30;
/// The tag of an OCTET STRING.
const OCTET_STRING: u8 = 0x04;
/// The tag of an INTEGER.
const INTEGER: u8 = 0x02;
/// The tag of `[0] EXPLICIT`.
const CONTEXT_0: u8 = 0xa0;
/// `data` of PKCS#7 (1.2.840.113549.1.7.1), as a whole element.
const PKCS7_DATA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
/// `pkcs8ShroudedKeyBag` of PKCS#12 (1.2.840.113549.1.12.10.1.2), as a whole element.
const SHROUDED_KEY_BAG: &[u8] = &[
    0x06, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 2,
];

/// An element with `tag` around `parts`.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = vec![tag];
    if length < 0x80 {
        der.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        der.push(0x80 | bytes.len() as u8);
        der.extend_from_slice(bytes);
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

/// A PKCS#12 archive without a MAC around one encrypted private key (`EncryptedPrivateKeyInfo` of
/// PKCS#8): both formats encrypt keys alike, so one reader serves both.
pub(super) fn archive_of_encrypted_key(encrypted: &[u8]) -> Vec<u8> {
    let data = |content: &[u8]| {
        let octets = element(OCTET_STRING, &[content]);
        element(SEQUENCE, &[PKCS7_DATA, &element(CONTEXT_0, &[&octets])])
    };
    let bag = element(
        SEQUENCE,
        &[SHROUDED_KEY_BAG, &element(CONTEXT_0, &[encrypted])],
    );
    let bags = element(SEQUENCE, &[&bag]);
    let safes = element(SEQUENCE, &[&data(&bags)]);
    element(SEQUENCE, &[&element(INTEGER, &[&[3]]), &data(&safes)])
}

/// The content of the OCTET STRING in `SEQUENCE { anything, OCTET STRING }`.
pub(super) fn octets_after_algorithm(der: &[u8]) -> Option<&[u8]> {
    let (content, _) = take(der, SEQUENCE)?;
    let (_, rest) = take(content, SEQUENCE)?;
    take(rest, OCTET_STRING).map(|(content, _)| content)
}

/// The content of the element with `tag` at the start of `der`, and what follows it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_back_what_it_wrote_at_every_length() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![5; length];
            let octets = element(OCTET_STRING, &[&content]);
            let der = element(SEQUENCE, &[&element(SEQUENCE, &[b"alg"]), &octets]);
            assert_eq!(octets_after_algorithm(&der), Some(&content[..]), "{length}");
            assert_eq!(
                octets_after_algorithm(&der[..der.len() - 1]),
                None,
                "cut short"
            );
        }
    }
}
