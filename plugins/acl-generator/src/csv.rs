//! Tables of two columns in a text: source and target.

/// The most lines of a table.
const LINES_MAX: usize = 200_000;

/// The rows of a CSV text with their line numbers. Empty lines and those that start with `#` are
/// left out. Fields that hold commas or quotes stand in quotes, and a quote in them is doubled.
pub(crate) fn rows(text: &str) -> Result<Vec<(usize, String, String)>, String> {
    let mut rows = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if number > LINES_MAX {
            return Err(format!("there are more than {LINES_MAX} lines"));
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fields = fields(line)
            .map_err(|why| format!("line {number}: {why}"))?
            .into_iter();
        match (fields.next(), fields.next(), fields.next()) {
            (Some(source), Some(target), None) => rows.push((number, source, target)),
            _ => {
                return Err(format!(
                    "line {number}: two columns are needed, source and target"
                ));
            }
        }
    }
    Ok(rows)
}

fn fields(line: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = field(rest.trim_start())?;
        fields.push(field);
        match after.trim_start().strip_prefix(',') {
            Some(next) => rest = next,
            None if after.trim().is_empty() => return Ok(fields),
            None => return Err("after a quote comes a comma"),
        }
    }
}

fn field(text: &str) -> Result<(String, &str), &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Ok((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (before, behind) = rest.split_once('"').ok_or("a quote is not closed")?;
        field.push_str(before);
        match behind.strip_prefix('"') {
            Some(behind) => {
                field.push('"');
                rest = behind;
            }
            None => return Ok((field, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_stand_in_quotes() {
        let text = "\u{feff}# who\nUser:a, User:sa-1\n\n\"User:CN=a,OU=\"\"b\"\"\" ,User:sa-2\r\n";
        assert_eq!(
            rows(text).expect("rows"),
            [
                (2, "User:a".to_owned(), "User:sa-1".to_owned()),
                (4, "User:CN=a,OU=\"b\"".to_owned(), "User:sa-2".to_owned()),
            ]
        );
    }

    #[test]
    fn a_line_that_is_wrong_is_named_with_its_number() {
        for (text, why) in [
            ("a,b\nc", "line 2: two columns"),
            ("a,b,c", "line 1: two columns"),
            ("\"a,b", "line 1: a quote is not closed"),
            ("\"a\"b,c", "line 1: after a quote"),
        ] {
            assert!(rows(text).expect_err(text).starts_with(why), "{text}");
        }
    }
}
