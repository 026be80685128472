//! A configuration that was read: the settings, the files that they name, and where each of them
//! stands.

use crate::client_properties::{ClientProperties, read_limited};
use crate::deserializer::{deserialize, nearest};
use crate::document::{self, Node, Value, join};
use crate::error::{ConfigError, Place, Position};
use crate::limits::overlap;
use crate::migration::MigrationConfig;
use crate::placeholder::looks_like_placeholder;
use crate::plugin::{PluginChoices, PluginReference};
use crate::vocabulary;
use ferry_model::canonical;
use ferry_model::decision::Role;
use ferry_model::digest::Digest;
use ferry_model::identity::Side;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A configuration that was read and found right. Placeholders are not resolved yet.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// What it says.
    pub settings: MigrationConfig,
    file: PathBuf,
    positions: BTreeMap<String, Position>,
    source: ClientProperties,
    target: ClientProperties,
}

/// The keys of a cluster that are no client properties.
const CLUSTER_KEYS: [&str; 2] = ["properties", "profile"];

impl Configuration {
    /// Reads `path` and the properties files that it names.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and column of the first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = read_limited(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            named_at: None,
            source,
        })?;
        Self::parse(&bytes, path)
    }

    /// Reads `bytes` as if they stood in `file`; files that they name are read.
    ///
    /// # Errors
    /// As [`Configuration::load`].
    pub fn parse(bytes: &[u8], file: &Path) -> Result<Self, ConfigError> {
        let document = document::parse(bytes, file)?;
        check_placeholders(&document, file)?;
        let settings: MigrationConfig = deserialize(&document, file)?;
        check_property_names(&document, file)?;
        let mut positions = BTreeMap::new();
        document.walk("", &mut |path, node| {
            positions.insert(path.to_owned(), node.at);
        });
        let mut configuration = Self {
            settings,
            file: file.to_owned(),
            positions,
            source: ClientProperties::default(),
            target: ClientProperties::default(),
        };
        configuration.check_values()?;
        configuration.source = configuration.assemble(Side::Source)?;
        configuration.target = configuration.assemble(Side::Target)?;
        Ok(configuration)
    }

    fn assemble(&self, side: Side) -> Result<ClientProperties, ConfigError> {
        let section = side.to_string();
        let settings = self.settings.cluster(side);
        ClientProperties::assemble(settings, &section, &self.directory(), &|path| {
            self.place(path)
        })
    }

    /// What no single type can check.
    fn check_values(&self) -> Result<(), ConfigError> {
        let illegal = |path: &str, what: &str| {
            Err(ConfigError::IllegalValue {
                place: self.place(path),
                what: what.to_owned(),
                nearest: None,
            })
        };
        if self.settings.state.as_os_str().is_empty() {
            return illegal("state", "must name a directory");
        }
        for id in self.settings.decisions.keys() {
            if id.is_empty() {
                return illegal("decisions", "a decision without an id");
            }
        }
        self.check_hours()
    }

    /// Parts of the day have to be told from each other, and by which clock.
    fn check_hours(&self) -> Result<(), ConfigError> {
        let copy = &self.settings.copy;
        let groups = copy.groups.iter();
        let groups =
            groups.map(|(name, group)| (format!("copy.groups.{name}.hours"), &group.hours));
        let mut all = std::iter::once(("copy.hours".to_owned(), &copy.hours)).chain(groups);
        let illegal = |path: &str, what: String| {
            Err(ConfigError::IllegalValue {
                place: self.place(path),
                what,
                nearest: None,
            })
        };
        all.try_for_each(|(path, hours)| {
            if let Some((one, other)) = overlap(hours) {
                let what = format!("overlaps {one}");
                return illegal(&format!("{path}.{other}"), what);
            }
            if !hours.is_empty() && copy.time_zone.is_none() {
                let what = "by which clock? copy.time-zone is missing, such as `+01:00`";
                return illegal(&path, what.to_owned());
            }
            Ok(())
        })
    }

    /// The file that was read, as it was named.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The directory that relative paths of the configuration are relative to.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).to_owned()
    }

    /// The directory of this migration's journal and offset maps: `.ferry/retail-emea`.
    #[must_use]
    pub fn state_directory(&self) -> PathBuf {
        self.directory()
            .join(&self.settings.state)
            .join(self.settings.name.as_str())
    }

    /// The component file of `role`'s plugin, where the configuration names a file.
    #[must_use]
    pub fn plugin_file(&self, role: Role) -> Option<PathBuf> {
        match &self.settings.plugins.of(role).reference {
            PluginReference::Named { .. } => None,
            PluginReference::File(path) => Some(self.directory().join(path)),
        }
    }

    /// The client properties of one cluster.
    #[must_use]
    pub fn properties(&self, side: Side) -> &ClientProperties {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Where the value stands that a path of keys leads to (`plugins.topics.with.exclude[0]`), or
    /// the nearest mapping around it.
    #[must_use]
    pub fn place(&self, path: &str) -> Place {
        let mut known = path;
        while !known.is_empty() && !self.positions.contains_key(known) {
            known = known.rfind(['.', '[']).map_or("", |end| &known[..end]);
        }
        let start = Position { line: 1, column: 1 };
        let position = self.positions.get(known).copied().unwrap_or(start);
        Place {
            file: self.file.clone(),
            position,
            path: path.to_owned(),
        }
    }

    /// What is allowed and yet worth knowing: secrets in the open, and properties of a file that no
    /// Kafka client knows.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (side, properties) in [("source", &self.source), ("target", &self.target)] {
            for place in properties.left_out() {
                notes.push(format!("{place}: left out, no Kafka client knows it"));
            }
            for name in properties.open_secrets(&self.file) {
                let place = self.place(&join(side, name));
                notes.push(format!(
                    "{place}: stands here in the open; ${{env:NAME}} or ${{file:PATH:KEY}} keep it out"
                ));
            }
        }
        notes
    }

    /// The digest of everything that the configuration says: its settings, the properties files
    /// (secrets hidden, placeholders unresolved, so that a new password changes nothing) and the
    /// component files of plugins.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] for a component file that can't be read, and
    /// [`ConfigError::IllegalValue`] for a path that is not UTF-8.
    pub fn digest(&self) -> Result<Digest, ConfigError> {
        let mut files = BTreeMap::new();
        for role in Role::ALL {
            let Some(path) = self.plugin_file(role) else {
                continue;
            };
            let key = format!("plugins.{}.use", PluginChoices::key(role));
            let bytes = std::fs::read(&path).map_err(|source| ConfigError::Unreadable {
                path,
                named_at: Some(self.place(&key)),
                source,
            })?;
            files.insert(key, Digest::of(&bytes));
        }
        let parts = serde_json::json!({
            "files": files,
            "source": self.source.shown(),
            "target": self.target.shown(),
        });
        let not_json = |_| ConfigError::IllegalValue {
            place: self.place(""),
            what: "a path is not UTF-8".to_owned(),
            nearest: None,
        };
        let settings = canonical::to_string(&self.settings).map_err(not_json)?;
        canonical::digest(&(settings, parts)).map_err(not_json)
    }
}

/// Refuses placeholders everywhere but in client properties.
fn check_placeholders(document: &Node, file: &Path) -> Result<(), ConfigError> {
    let mut found = None;
    document.walk("", &mut |path, node| {
        let property = ["source.", "target."]
            .into_iter()
            .find_map(|section| path.strip_prefix(section))
            .is_some_and(|name| !CLUSTER_KEYS.contains(&name));
        let mut refuse = |text: &str, at: Position, path: String| {
            if found.is_none() && looks_like_placeholder(text) {
                found = Some(Place {
                    file: file.to_owned(),
                    position: at,
                    path,
                });
            }
        };
        match &node.value {
            Value::Scalar { text, .. } if !property => refuse(text, node.at, path.to_owned()),
            Value::Mapping(entries) => {
                for entry in entries {
                    refuse(&entry.key, entry.key_at, path.to_owned());
                }
            }
            Value::Scalar { .. } | Value::List(_) => {}
        }
    });
    match found {
        Some(place) => Err(ConfigError::PlaceholderPlace { place }),
        None => Ok(()),
    }
}

/// Refuses misspelt client properties on their line.
fn check_property_names(document: &Node, file: &Path) -> Result<(), ConfigError> {
    let Value::Mapping(sections) = &document.value else {
        return Ok(());
    };
    for section in sections
        .iter()
        .filter(|s| matches!(s.key.as_str(), "source" | "target"))
    {
        let Value::Mapping(entries) = &section.node.value else {
            continue;
        };
        for entry in entries {
            let name = entry.key.as_str();
            if CLUSTER_KEYS.contains(&name) || vocabulary::is_known(name) {
                continue;
            }
            let known = vocabulary::names().chain(CLUSTER_KEYS);
            return Err(ConfigError::UnknownKey {
                place: Place {
                    file: file.to_owned(),
                    position: entry.key_at,
                    path: join(&section.key, name),
                },
                nearest: nearest(name, known),
                valid: Vec::new(),
            });
        }
    }
    Ok(())
}
