//! Java properties files, read by the rules of `java.util.Properties.load`: comments, the three
//! separators, escapes, and lines that go on.
//!
//! Files are read as UTF-8, as Connect's `FileConfigProvider` does. (Kafka's own tools read
//! `client.properties` as ISO 8859-1; plain ASCII and `\uXXXX` mean the same in both.)

/// What is wrong with a properties file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PropertiesError {
    /// `\u` without four hexadecimal digits.
    #[error("`\\u` needs four hexadecimal digits")]
    UnicodeEscape,
    /// `\uD83D` and the like without its other half.
    #[error("half of a surrogate pair")]
    LoneSurrogate,
}

/// One entry of a properties file.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    /// The key.
    pub key: String,
    /// The value, often a secret: this type has no `Debug` for that reason.
    pub value: String,
    /// The line on which the entry begins, from 1.
    pub line: usize,
}

/// The entries of `text` in order. A key may stand more than once; the last one counts.
///
/// # Errors
/// The line with the rule that it breaks.
pub fn parse(text: &str) -> Result<Vec<Property>, (usize, PropertiesError)> {
    let mut properties = Vec::new();
    let mut lines = natural_lines(text).into_iter().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim_start_matches(WHITE_SPACE);
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while goes_on(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(WHITE_SPACE));
        }
        let number = index + 1;
        let (key, value) = split(&logical);
        properties.push(Property {
            key: unescape(key).map_err(|error| (number, error))?,
            value: unescape(value).map_err(|error| (number, error))?,
            line: number,
        });
    }
    Ok(properties)
}

const WHITE_SPACE: [char; 3] = [' ', '\t', '\x0c'];

/// Lines end with `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        lines.push(&rest[..end]);
        let ending = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = rest.get(end + ending..).unwrap_or("");
    }
    lines
}

/// Whether the line ends with an odd number of backslashes.
fn goes_on(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

/// Key and value, both still escaped. The key ends at the first `=`, `:` or white space that no
/// backslash hides; one `=` or `:` with the white space around it separates.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let mut key_end = line.len();
    for (index, c) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if matches!(c, '=' | ':') || WHITE_SPACE.contains(&c) {
            key_end = index;
            break;
        }
    }
    let after = line[key_end..].trim_start_matches(WHITE_SPACE);
    let value = after.strip_prefix(['=', ':']).unwrap_or(after);
    (&line[..key_end], value.trim_start_matches(WHITE_SPACE))
}

fn unescape(text: &str) -> Result<String, PropertiesError> {
    let mut result = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            result.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => result.push('\t'),
            Some('n') => result.push('\n'),
            Some('r') => result.push('\r'),
            Some('f') => result.push('\x0c'),
            Some('u') => result.push(unicode(&mut chars)?),
            Some(other) => result.push(other),
            None => {}
        }
    }
    Ok(result)
}

/// The character of `\uXXXX`, after the `u`; two of them make a character beyond U+FFFF.
fn unicode(chars: &mut std::str::Chars<'_>) -> Result<char, PropertiesError> {
    let first = code_unit(chars)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Ok(c);
    }
    if chars.next() != Some('\\') || chars.next() != Some('u') {
        return Err(PropertiesError::LoneSurrogate);
    }
    let second = code_unit(chars)?;
    match char::decode_utf16([first, second]).next() {
        Some(Ok(c)) => Ok(c),
        _ => Err(PropertiesError::LoneSurrogate),
    }
}

fn code_unit(chars: &mut std::str::Chars<'_>) -> Result<u16, PropertiesError> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = chars.next().and_then(|c| c.to_digit(16));
        let digit = digit.and_then(|digit| u16::try_from(digit).ok());
        unit = unit * 16 + digit.ok_or(PropertiesError::UnicodeEscape)?;
    }
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        let properties = parse(text).map_err(|(line, error)| format!("{line}: {error}"));
        properties
            .expect("legal")
            .into_iter()
            .map(|p| (p.key, p.value, p.line))
            .collect()
    }

    fn pair(text: &str) -> (String, String) {
        let (key, value, _) = pairs(text).remove(0);
        (key, value)
    }

    #[test]
    fn the_three_separators_and_the_white_space_around_them_mean_one_thing() {
        for text in [
            "a=b c ",
            "a = b c ",
            "a:b c ",
            "  a\t:  b c ",
            "a b c ",
            "a\x0cb c ",
        ] {
            assert_eq!(pair(text), ("a".into(), "b c ".into()), "{text:?}");
        }
        assert_eq!(pair("a"), ("a".into(), String::new()));
        assert_eq!(
            pair("a==b"),
            ("a".into(), "=b".into()),
            "only one separator is taken"
        );
        assert_eq!(pair("=b"), (String::new(), "b".into()));
    }

    #[test]
    fn comments_and_blank_lines_are_left_out_and_lines_are_counted() {
        assert_eq!(
            pairs("# one\r\n! two\r\n\r\n  # three\r\na=1\r\rb=2"),
            [("a".into(), "1".into(), 5), ("b".into(), "2".into(), 7)]
        );
    }

    #[test]
    fn a_line_goes_on_after_an_odd_number_of_backslashes() {
        assert_eq!(
            pairs("jaas=Login required \\\n    username=\"u\" \\\n\tpassword=\"p\";\nb=2\\\\\nc=3"),
            [
                (
                    "jaas".into(),
                    "Login required username=\"u\" password=\"p\";".into(),
                    1
                ),
                ("b".into(), "2\\".into(), 4),
                ("c".into(), "3".into(), 5),
            ]
        );
        assert_eq!(
            pair("a=b\\"),
            ("a".into(), "b".into()),
            "nothing to go on with"
        );
        assert_eq!(
            pair("a=b\\\n# no comment"),
            ("a".into(), "b# no comment".into())
        );
    }

    #[test]
    fn escapes_are_those_of_java() {
        assert_eq!(
            pair(r"a\ b\=c\:d=\t\n\r\f\q\\"),
            ("a b=c:d".into(), "\t\n\r\x0cq\\".into())
        );
        assert_eq!(pair(r"a=\u00e9\ud83d\ude00!"), ("a".into(), "é😀!".into()));
        assert_eq!(
            parse("x=1\na=\\u12").err(),
            Some((2, PropertiesError::UnicodeEscape))
        );
        assert_eq!(
            parse(r"a=\ud83dx").err(),
            Some((1, PropertiesError::LoneSurrogate))
        );
        assert_eq!(
            parse(r"a=\ud83d\u0041").err(),
            Some((1, PropertiesError::LoneSurrogate))
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_escaped_is_read_back(key in ".{1,20}", value in ".{0,40}") {
            let escape = |text: &str| -> String {
                text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
            };
            let line = format!("{}={}", escape(&key), escape(&value));
            proptest::prop_assert_eq!(pair(&line), (key, value));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[a\\\\u0-9d=: \t\r\n#!é]{0,60}") {
            let _ = parse(&text);
        }
    }
}
