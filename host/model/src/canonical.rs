//! One spelling for one value: JSON with sorted keys and no spaces, so that equal values have equal
//! digests.

use crate::digest::Digest;
use serde::Serialize;

/// A value that JSON can't hold, such as a map whose keys are no strings.
#[derive(Debug, thiserror::Error)]
#[error("the value has no JSON form")]
pub struct NotJson(#[from] serde_json::Error);

/// The canonical JSON of `value`: keys of objects sorted by their bytes, no white space.
///
/// # Errors
/// [`NotJson`] where JSON can't hold the value.
pub fn to_string(value: &impl Serialize) -> Result<String, NotJson> {
    let mut text = String::new();
    write(&serde_json::to_value(value)?, &mut text)?;
    Ok(text)
}

/// Sorts by itself: whether `serde_json::Map` does depends on a feature that any crate of the build
/// may switch on.
fn write(value: &serde_json::Value, text: &mut String) -> Result<(), NotJson> {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_bytes());
            text.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&serde_json::to_string(key)?);
                text.push(':');
                write(value, text)?;
            }
            text.push('}');
        }
        serde_json::Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text)?;
            }
            text.push(']');
        }
        scalar => text.push_str(&serde_json::to_string(scalar)?),
    }
    Ok(())
}

/// The digest of the canonical JSON of `value`.
///
/// # Errors
/// [`NotJson`] where JSON can't hold the value.
pub fn digest(value: &impl Serialize) -> Result<Digest, NotJson> {
    Ok(Digest::of(to_string(value)?.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_change_the_digest() {
        let one: serde_json::Value =
            serde_json::from_str(r#"{"b": 1, "a": [2, 3]}"#).expect("JSON");
        let two: serde_json::Value = serde_json::from_str(r#"{"a":[2,3],"b":1}"#).expect("JSON");
        assert_eq!(to_string(&one).expect("JSON"), r#"{"a":[2,3],"b":1}"#);
        assert_eq!(digest(&one).expect("JSON"), digest(&two).expect("JSON"));
    }
}
