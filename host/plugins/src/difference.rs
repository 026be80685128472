//! What differs between the decisions that were expected and those that came, for people.

use serde_json::Value;

/// The most differences that are shown.
const SHOWN_MAX: usize = 20;

/// Lines that say what differs; empty where nothing does. `subjects` names the questions.
pub(crate) fn decisions(subjects: &[String], expected: &Value, found: &Value) -> Vec<String> {
    if expected == found {
        return Vec::new();
    }
    let (Value::Array(expected), Value::Array(found)) = (expected, found) else {
        return vec![format!("- {expected}"), format!("+ {found}")];
    };
    let mut lines = Vec::new();
    let mut differences = 0;
    for index in 0..expected.len().max(found.len()) {
        let (wanted, came) = (expected.get(index), found.get(index));
        if wanted == came {
            continue;
        }
        differences += 1;
        if differences > SHOWN_MAX {
            continue;
        }
        let number = format!("question {}", index + 1);
        lines.push(subjects.get(index).unwrap_or(&number).clone());
        lines.extend(wanted.map(|value| format!("  - {value}")));
        lines.extend(came.map(|value| format!("  + {value}")));
    }
    if differences > SHOWN_MAX {
        lines.push(format!("and {} more", differences - SHOWN_MAX));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_shown_under_the_name_of_its_question() {
        let subjects = ["a".to_owned(), "b".to_owned()];
        let lines = decisions(&subjects, &json!([1, 2]), &json!([1, 3, 4]));
        assert_eq!(lines, ["b", "  - 2", "  + 3", "question 3", "  + 4"]);
        assert!(decisions(&subjects, &json!([1]), &json!([1])).is_empty());
    }

    #[test]
    fn many_differences_are_counted() {
        let expected = json!(vec![0; 100]);
        let found = json!(vec![1; 100]);
        let lines = decisions(&[], &expected, &found);
        assert_eq!(lines.len(), 61);
        assert_eq!(lines[60], "and 80 more");
    }
}
