//! What a plugin is configured with: from what the operator wrote to the text that the guest gets.

use crate::host::PluginLabel;
use crate::schema::{Schema, join};
use ferry_model::canonical;
use ferry_model::digest::Digest;
use ferry_model::problem::{Explain, Problem};
use serde_json::Value;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes of one file that is inlined.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The most bytes of a configuration, files inlined.
pub const CONFIGURATION_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most complaints that are listed.
const COMPLAINTS_MAX: usize = 20;

/// Kinds of placeholders, which have no place in a role's configuration.
const PLACEHOLDERS: [&str; 3] = ["${env:", "${file:", "${secret:"];

/// The configuration that a plugin gets: canonical JSON, defaults filled in, valid against the
/// plugin's schema, files inlined. Never holds a secret: placeholders are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    text: String,
    files: Vec<InlinedFile>,
}

/// A file whose contents stand in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlinedFile {
    /// The key that names it: `principals`.
    pub key: String,
    /// The file as the operator wrote it.
    pub path: PathBuf,
    /// The digest of its contents.
    pub digest: Digest,
}

impl Configuration {
    /// The text that the guest gets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The digest of that text: it covers the contents of all files.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// The files whose contents stand in it.
    #[must_use]
    pub fn files(&self) -> &[InlinedFile] {
        &self.files
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[error("the configuration of plugin {plugin} is refused: {fault}")]
pub struct ConfigurationError {
    /// Which plugin.
    pub plugin: Arc<PluginLabel>,
    /// What is wrong.
    #[source]
    pub fault: ConfigurationFault,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationFault {
    /// It does not fit the plugin's schema.
    #[error("{}", .0.first().map_or("it does not fit the schema", String::as_str))]
    Unfit(
        /// What does not fit: key and reason.
        Vec<String>,
    ),
    /// A file that it names can't be inlined.
    #[error("{key}: {path}: {why}", path = path.display())]
    File {
        /// The key that names it.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It holds a placeholder, which would put a secret into a plan.
    #[error("{key}: a placeholder has no place in the configuration of a role")]
    Placeholder {
        /// The key that holds it.
        key: String,
    },
    /// It is too large.
    #[error("it has {bytes} bytes with its files; {CONFIGURATION_BYTES_MAX} are allowed")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The plugin's schema can't be used.
    #[error("the plugin's own schema can't be used: {0}")]
    Schema(String),
}

/// See [`Plugin::configure`](crate::Plugin::configure).
pub(crate) fn prepare(
    plugin: &Arc<PluginLabel>,
    schema: &Value,
    with: &Value,
    folder: &Path,
) -> Result<Configuration, ConfigurationError> {
    prepare_against(schema, with, folder).map_err(|fault| ConfigurationError {
        plugin: Arc::clone(plugin),
        fault,
    })
}

fn prepare_against(
    schema: &Value,
    with: &Value,
    folder: &Path,
) -> Result<Configuration, ConfigurationFault> {
    let checked = Schema::check(schema).map_err(ConfigurationFault::Schema)?;
    refuse_placeholders("", with)?;
    // No `with` at all is an empty one: every default counts.
    let mut value = match with {
        Value::Null => Value::Object(serde_json::Map::new()),
        given => given.clone(),
    };
    checked.fill_defaults(&mut value);
    validate(schema, &value)?;
    let mut files = Vec::new();
    checked.replace_files(&mut value, &mut |key, path| {
        let contents = read_file(folder, path).map_err(|why| ConfigurationFault::File {
            key: key.to_owned(),
            path: PathBuf::from(path),
            why,
        })?;
        files.push(InlinedFile {
            key: key.to_owned(),
            path: PathBuf::from(path),
            digest: Digest::of(contents.as_bytes()),
        });
        Ok(contents)
    })?;
    let text =
        canonical::to_string(&value).map_err(|e| ConfigurationFault::Unfit(vec![e.to_string()]))?;
    if text.len() > CONFIGURATION_BYTES_MAX {
        return Err(ConfigurationFault::TooLarge { bytes: text.len() });
    }
    Ok(Configuration { text, files })
}

fn validate(schema: &Value, value: &Value) -> Result<(), ConfigurationFault> {
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .offline()
        // Patterns of the schema run in linear time, whatever the plugin's author wrote.
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(schema)
        .map_err(|e| ConfigurationFault::Schema(e.to_string()))?;
    let complaints: Vec<String> = validator
        .iter_errors(value)
        .take(COMPLAINTS_MAX)
        .map(|error| complaint(schema, &error))
        .collect();
    if complaints.is_empty() {
        return Ok(());
    }
    Err(ConfigurationFault::Unfit(complaints))
}

/// One complaint: the key as people write it, what is wrong, and the nearest key that exists.
fn complaint(schema: &Value, error: &jsonschema::ValidationError<'_>) -> String {
    let pointer = error.instance_path().to_string();
    let key = pointer.trim_start_matches('/').replace('/', ".");
    if let jsonschema::error::ValidationErrorKind::AdditionalProperties { unexpected } =
        error.kind()
    {
        let lines = unexpected.iter().map(|name| {
            let key = join(&key, name);
            match nearest_key(schema, name) {
                Some(near) => format!("{key}: unknown key; did you mean `{near}`?"),
                None => format!("{key}: unknown key"),
            }
        });
        return crate::printable::line(&lines.collect::<Vec<_>>().join("; "), 1_024);
    }
    let text = if key.is_empty() {
        error.to_string()
    } else {
        format!("{key}: {error}")
    };
    crate::printable::line(&text, 1_024)
}

/// The name of a property of the schema that looks like `name`.
fn nearest_key(schema: &Value, name: &str) -> Option<String> {
    let mut names = Vec::new();
    let mut open = vec![schema];
    while let Some(node) = open.pop() {
        match node {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    names.extend(properties.keys());
                }
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    names
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= known.len().max(name.len()) / 3)
        .min()
        .map(|(_, known)| known.clone())
}

fn refuse_placeholders(key: &str, value: &Value) -> Result<(), ConfigurationFault> {
    match value {
        Value::String(text) if PLACEHOLDERS.iter().any(|p| text.contains(p)) => {
            Err(ConfigurationFault::Placeholder {
                key: key.to_owned(),
            })
        }
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            refuse_placeholders(&join(key, &index.to_string()), item)
        }),
        Value::Object(map) => map
            .iter()
            .try_for_each(|(name, value)| refuse_placeholders(&join(key, name), value)),
        _ => Ok(()),
    }
}

/// Reads a file that a configuration names: a plain file of text, not too large.
fn read_file(folder: &Path, path: &str) -> Result<String, String> {
    let file = std::fs::File::open(folder.join(path)).map_err(|e| e.to_string())?;
    let metadata = file.metadata().map_err(|e| e.to_string())?;
    if !metadata.is_file() {
        return Err("it is no plain file".to_owned());
    }
    let mut contents = Vec::new();
    // Reads one byte more than allowed: the size may change after it was told.
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut contents)
        .map_err(|e| e.to_string())?;
    if contents.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(contents).map_err(|_| "it is not UTF-8".to_owned())
}

impl Explain for ConfigurationError {
    fn problem(&self) -> Problem {
        let what = self.to_string();
        let inspect = "see its schema: ferry plugin inspect FILE";
        match &self.fault {
            ConfigurationFault::Unfit(complaints) => {
                let mut problem = Problem::new(310, what).next(inspect);
                problem.details = complaints.iter().skip(1).cloned().collect();
                problem
            }
            ConfigurationFault::File { .. } => {
                Problem::new(311, what).next("paths are relative to the file that names them")
            }
            ConfigurationFault::Placeholder { .. } => Problem::new(312, what)
                .cause("what a plugin is configured with stands in the plan, for all to read")
                .next("write the value itself; roles need no secrets"),
            ConfigurationFault::TooLarge { .. } => {
                Problem::new(311, what).next("make the files smaller")
            }
            ConfigurationFault::Schema(_) => {
                Problem::new(313, what).next("report it to the plugin's author")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "exclude": {"type": "array", "items": {"type": "string"}, "default": []},
                "principals": {"type": "string", "format": "ferry-file"}
            }
        })
    }

    fn prepared(with: &Value) -> Result<Configuration, ConfigurationFault> {
        prepare_against(&schema(), with, Path::new("."))
    }

    #[test]
    fn nothing_at_all_becomes_the_defaults() {
        let configuration = prepared(&Value::Null).expect("fits");
        assert_eq!(configuration.as_str(), r#"{"exclude":[]}"#);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_nearest_neighbour() {
        let error = prepared(&json!({"exlude": []})).expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "exlude: unknown key; did you mean `exclude`?"
        );
    }

    #[test]
    fn a_wrong_type_is_named_with_its_path() {
        let error = prepared(&json!({"exclude": ["a", 5]})).expect_err("wrong");
        assert_eq!(error.to_string(), r#"exclude.1: 5 is not of type "string""#);
    }

    #[test]
    fn a_placeholder_is_refused_wherever_it_stands() {
        let error = prepared(&json!({"exclude": ["${env:HOME}"]})).expect_err("placeholder");
        assert!(matches!(error, ConfigurationFault::Placeholder { key } if key == "exclude.0"));
    }

    #[test]
    fn a_file_is_inlined_and_its_digest_is_known() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("p.csv"), "a,b\n").expect("written");
        let with = json!({"principals": "p.csv"});
        let configuration = prepare_against(&schema(), &with, folder.path()).expect("fits");
        assert_eq!(
            configuration.as_str(),
            r#"{"exclude":[],"principals":"a,b\n"}"#
        );
        assert_eq!(configuration.files()[0].digest, Digest::of(b"a,b\n"));
        let before = configuration.digest();
        std::fs::write(folder.path().join("p.csv"), "a,c\n").expect("written");
        let after = prepare_against(&schema(), &with, folder.path()).expect("fits");
        assert_ne!(before, after.digest());
    }

    #[test]
    fn a_file_that_is_missing_too_large_or_no_text_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let large = vec![b'x'; FILE_BYTES_MAX as usize + 1];
        std::fs::write(folder.path().join("large"), large).expect("written");
        std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).expect("written");
        for (path, text) in [
            ("missing", "No such file"),
            ("large", "more than"),
            ("binary", "not UTF-8"),
            (".", "no plain file"),
        ] {
            let with = json!({ "principals": path });
            let error = prepare_against(&schema(), &with, folder.path()).expect_err(path);
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn a_schema_with_a_pattern_that_backtracks_is_refused_or_quick() {
        let schema = json!({"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}});
        let with = json!({"a": format!("{}b", "a".repeat(10_000))});
        let error = prepare_against(&schema, &with, Path::new(".")).expect_err("does not match");
        assert!(matches!(error, ConfigurationFault::Unfit(_)));
        let schema = json!({"properties": {"a": {"pattern": "(?=x)"}}});
        let error = prepare_against(&schema, &with, Path::new(".")).expect_err("look-around");
        assert!(matches!(error, ConfigurationFault::Schema(_)), "{error}");
    }
}
