//! PEM text (RFC 7468): splitting it into sections, and writing it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One section: its label, such as `CERTIFICATE`, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// What stands after `BEGIN`.
    pub(super) label: String,
    /// The DER bytes.
    pub(super) der: Vec<u8>,
}

/// The sections of `text`, in order. Kafka allows a PEM text on one line of a properties file, with
/// spaces for line ends, and text around the sections.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn sections(text: &str) -> Result<Vec<Section>, String> {
    let mut sections = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after
            .split_once("-----")
            .ok_or("a BEGIN line is not closed by `-----`")?;
        let end = format!("-----END {label}-----");
        let (body, after) = after
            .split_once(&end)
            .ok_or_else(|| format!("`{end}` is missing"))?;
        let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let der = STANDARD
            .decode(&body)
            .map_err(|_| format!("the section {label} is not base64"))?;
        sections.push(Section {
            label: label.to_owned(),
            der,
        });
        rest = after;
    }
    Ok(sections)
}

/// One section as text, in lines of 64 characters.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_several_sections_with_text_around_and_on_one_line() {
        let first = write("CERTIFICATE", &[7; 100]);
        let second = write("PRIVATE KEY", &[9; 10]);
        let text = format!("Bag Attributes\n  x: y\n{first}\n{second}");
        for text in [text.clone(), text.replace('\n', " ")] {
            let read = sections(&text).expect("reads");
            assert_eq!(read.len(), 2);
            assert_eq!(
                (read[0].label.as_str(), &read[0].der[..]),
                ("CERTIFICATE", &[7; 100][..])
            );
            assert_eq!(
                (read[1].label.as_str(), &read[1].der[..]),
                ("PRIVATE KEY", &[9; 10][..])
            );
        }
    }

    #[test]
    fn says_what_is_broken() {
        for (text, what) in [
            ("-----BEGIN CERTIFICATE", "not closed"),
            ("-----BEGIN A-----\nAAAA\n", "`-----END A-----` is missing"),
            ("-----BEGIN A-----\n%%%\n-----END A-----", "not base64"),
        ] {
            assert!(sections(text).expect_err(text).contains(what), "{text}");
        }
        assert_eq!(sections("nothing").expect("no section"), []);
    }
}
