//! The client properties of one cluster from all their sources, and their resolution.

use crate::cluster::ClusterSettings;
use crate::deserializer::nearest;
use crate::document::{FILE_BYTES_MAX, decode, join};
use crate::error::{ConfigError, Place, Position};
use crate::placeholder::{Part, Parts, Placeholder};
use crate::properties;
use crate::secret::Secret;
use crate::vocabulary;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Where `${env:NAME}` is looked up.
pub trait Environment {
    /// The value of variable `name`; none where it is not set.
    ///
    /// # Errors
    /// What is wrong with it, without its value: `is not UTF-8`.
    fn variable(&self, name: &str) -> Result<Option<String>, String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err("the value is not UTF-8".to_owned()),
        }
    }
}

impl Environment for BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.get(name).cloned())
    }
}

/// One property before resolution.
#[derive(Clone)]
struct Entry {
    parts: Parts,
    place: Place,
    /// What relative paths in it are relative to.
    directory: PathBuf,
}

/// The client properties of one cluster, placeholders not yet resolved.
#[derive(Clone, Default)]
pub struct ClientProperties {
    entries: BTreeMap<String, Entry>,
    /// Properties of the file that are none of a Kafka client's.
    left_out: Vec<Place>,
}

impl fmt::Debug for ClientProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

/// Client properties with every placeholder resolved. Neither `Debug` nor serde shows a value.
#[derive(Clone, PartialEq, Eq)]
pub struct ResolvedProperties(BTreeMap<String, Secret>);

impl ResolvedProperties {
    /// The value of property `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }

    /// All properties in the open, for the client that needs them.
    #[must_use]
    pub fn expose(&self) -> BTreeMap<String, String> {
        let open = |(name, value): (&String, &Secret)| (name.clone(), value.expose().to_owned());
        self.0.iter().map(open).collect()
    }
}

impl fmt::Debug for ResolvedProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.0).finish()
    }
}

/// The most bytes that are read of a file.
pub(crate) fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    std::fs::File::open(path)?
        .take(limit)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl ClientProperties {
    /// Puts together what profile, properties file and configuration say.
    ///
    /// `path` is the way to the section (`source`), `place` finds the position of a path of keys,
    /// `directory` is that of the configuration.
    pub(crate) fn assemble(
        settings: &ClusterSettings,
        path: &str,
        directory: &Path,
        place: &dyn Fn(&str) -> Place,
    ) -> Result<Self, ConfigError> {
        let mut properties = Self::default();
        for (name, value) in settings.profile.properties() {
            let place = place(&join(path, "profile"));
            properties.insert(name, value, place, directory)?;
        }
        if let Some(file) = &settings.properties_file {
            properties.read_file(file, directory, &place(&join(path, "properties")))?;
        }
        for (name, text) in &settings.properties {
            let place = place(&join(path, name));
            properties.insert(name, text.expose(), place, directory)?;
        }
        if !properties.entries.contains_key("bootstrap.servers") {
            let place = Place {
                path: join(path, "bootstrap.servers"),
                ..place(path)
            };
            return Err(ConfigError::MissingKey { place });
        }
        Ok(properties)
    }

    fn read_file(
        &mut self,
        file: &Path,
        directory: &Path,
        named_at: &Place,
    ) -> Result<(), ConfigError> {
        let path = directory.join(file);
        let bytes = read_limited(&path).map_err(|source| ConfigError::Unreadable {
            path: path.clone(),
            named_at: Some(named_at.clone()),
            source,
        })?;
        let place = |line: usize, key: &str| Place {
            file: path.clone(),
            position: Position { line, column: 0 },
            path: key.to_owned(),
        };
        if bytes.len() > FILE_BYTES_MAX {
            let what = format!("larger than {FILE_BYTES_MAX} bytes");
            return Err(ConfigError::TooLarge {
                place: place(1, ""),
                what,
            });
        }
        let text = decode(&bytes, &path)?;
        let read = properties::parse(text).map_err(|(line, source)| ConfigError::Properties {
            place: place(line, ""),
            source,
        })?;
        let beside = path.parent().unwrap_or(Path::new(""));
        for property in read {
            let place = place(property.line, &property.key);
            if !vocabulary::is_known(&property.key) {
                self.left_out.push(check_unknown(&property.key, place)?);
                continue;
            }
            self.insert(&property.key, &property.value, place, beside)?;
        }
        Ok(())
    }

    /// Properties of the file that are none of a Kafka client's, and therefore left out.
    pub(crate) fn left_out(&self) -> &[Place] {
        &self.left_out
    }

    fn insert(
        &mut self,
        name: &str,
        text: &str,
        place: Place,
        directory: &Path,
    ) -> Result<(), ConfigError> {
        let parts = Parts::parse(text).map_err(|source| ConfigError::Placeholder {
            place: place.clone(),
            source,
        })?;
        let entry = Entry {
            parts,
            place,
            directory: directory.to_owned(),
        };
        self.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    /// The names of all properties.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Where property `name` is written.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<&Place> {
        self.entries.get(name).map(|entry| &entry.place)
    }

    /// The properties as they may be shown: placeholders as they are written, secrets hidden, and
    /// everything hidden of properties that are not known.
    #[must_use]
    pub fn shown(&self) -> BTreeMap<String, String> {
        let show = |name: &str, part: &Part| match part {
            Part::Text(text) if vocabulary::is_public(name) => text.clone(),
            Part::Text(_) => "[hidden]".to_owned(),
            Part::Placeholder(placeholder) => placeholder.to_string(),
        };
        let entries = self.entries.iter();
        entries
            .map(|(name, entry)| {
                (
                    name.clone(),
                    entry.parts.0.iter().map(|part| show(name, part)).collect(),
                )
            })
            .collect()
    }

    /// Secrets that stand in `file` in the open, by name.
    pub(crate) fn open_secrets<'s>(&'s self, file: &'s Path) -> impl Iterator<Item = &'s str> {
        self.entries.iter().filter_map(move |(name, entry)| {
            let secret = vocabulary::is_known(name) && !vocabulary::is_public(name);
            // A login module's line has text around its placeholders: it is open only if it has
            // none.
            let open = entry.parts.has_text() && entry.parts.placeholders().next().is_none();
            (secret && open && entry.place.file == file).then_some(name.as_str())
        })
    }

    /// Puts values in place of placeholders. A value is taken as it is: a placeholder in it stays
    /// text. Paths (`ssl.keystore.location`, `ssl.truststore.location`) become relative to the file
    /// that they stand in.
    ///
    /// # Errors
    /// [`ConfigError::Unresolvable`] names the placeholder and its line.
    pub fn resolve(
        &self,
        environment: &dyn Environment,
    ) -> Result<ResolvedProperties, ConfigError> {
        let mut files = Files::default();
        let mut resolved = BTreeMap::new();
        for (name, entry) in &self.entries {
            let mut value = String::new();
            for part in &entry.parts.0 {
                match part {
                    Part::Text(text) => value.push_str(text),
                    Part::Placeholder(placeholder) => {
                        let text = look_up(placeholder, &entry.directory, environment, &mut files)
                            .map_err(|what| ConfigError::Unresolvable {
                                place: entry.place.clone(),
                                placeholder: Box::new(placeholder.clone()),
                                what,
                            })?;
                        value.push_str(&text);
                    }
                }
            }
            if vocabulary::is_path(name) && !value.is_empty() {
                value = entry.directory.join(value).to_string_lossy().into_owned();
            }
            resolved.insert(name.clone(), Secret::new(value));
        }
        Ok(ResolvedProperties(resolved))
    }
}

/// A name that no Kafka client knows: refused where it is a misspelling, or meant for security and
/// left out in silence would weaken it; else returned, for clients leave out what they do not know.
fn check_unknown(name: &str, place: Place) -> Result<Place, ConfigError> {
    let nearest = nearest(name, vocabulary::names());
    let security = ["sasl.", "security.", "ssl."]
        .iter()
        .any(|start| name.starts_with(start));
    if nearest.is_some() || security {
        return Err(ConfigError::UnknownKey {
            place,
            nearest,
            valid: Vec::new(),
        });
    }
    Ok(place)
}

/// Files of `${file:...}` that were read, so that one resolution sees one version of each.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, Result<BTreeMap<String, String>, String>>);

impl Files {
    fn value(&mut self, path: PathBuf, key: &str) -> Result<String, String> {
        let shown = path.display().to_string();
        let file = self
            .0
            .entry(path)
            .or_insert_with_key(|path| read_values(path));
        match file {
            Ok(values) => values
                .get(key)
                .cloned()
                .ok_or_else(|| format!("{shown} has no key `{key}`")),
            Err(what) => Err(format!("{shown} {what}")),
        }
    }
}

fn read_values(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let bytes = read_limited(path).map_err(|error| format!("can't be read: {error}"))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    let text = decode(&bytes, path).map_err(|_| "is not UTF-8".to_owned())?;
    let read = properties::parse(text)
        .map_err(|(line, error)| format!("is not a Java properties file: line {line}: {error}"))?;
    Ok(read
        .into_iter()
        .map(|property| (property.key, property.value))
        .collect())
}

fn look_up(
    placeholder: &Placeholder,
    directory: &Path,
    environment: &dyn Environment,
    files: &mut Files,
) -> Result<String, String> {
    match placeholder {
        Placeholder::Environment { name } => environment
            .variable(name)?
            .ok_or_else(|| "the environment has no such variable".to_owned()),
        Placeholder::File { path, key } => files.value(directory.join(path), key),
        Placeholder::KubernetesSecret { .. } => {
            Err("it needs a Kubernetes cluster, and this runs without one".to_owned())
        }
    }
}
