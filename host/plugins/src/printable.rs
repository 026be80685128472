//! Text from a guest, made fit for people and terminals.

/// `text` in one line of at most `bytes_max` bytes: control characters and those that turn the
/// direction of writing are escaped, so that no text can drive a terminal or hide what it says.
pub(crate) fn line(text: &str, bytes_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes_max));
    for character in text.trim_end().chars() {
        let escaped: String = if hostile(character) {
            character.escape_default().collect()
        } else {
            character.to_string()
        };
        if line.len() + escaped.len() > bytes_max {
            line.push_str("...");
            return line;
        }
        line.push_str(&escaped);
    }
    line
}

/// Whether a character may not reach a terminal.
pub(crate) fn hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_neither_drive_a_terminal_nor_turn_its_direction() {
        assert_eq!(line("a\u{1b}[2Jb\n", 99), "a\\u{1b}[2Jb");
        assert_eq!(line("a\u{202e}b", 99), "a\\u{202e}b");
        assert_eq!(line("naïve → 日本", 99), "naïve → 日本");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(line("äää", 5), "ää...");
    }
}
