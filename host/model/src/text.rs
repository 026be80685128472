//! Text from outside made fit for a terminal.

/// `text` with every character escaped that could move a cursor, hide something or turn the
/// direction of writing: control characters, formatting characters, line separators. Names of
/// groups and principals, and the reasons of plugins, may hold any of them.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        if hostile(c) {
            result.extend(c.escape_unicode());
        } else {
            result.push(c);
        }
    }
    result
}

fn hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_or_turns_writing_is_escaped_and_letters_are_not() {
        assert_eq!(escaped("orders-é漢"), "orders-é漢");
        assert_eq!(escaped("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(
            escaped("a\u{202e}b\u{200b}\u{9b}"),
            "a\\u{202e}b\\u{200b}\\u{9b}"
        );
    }
}
