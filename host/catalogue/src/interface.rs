//! Names of interfaces with their versions: `ferry:role/topic-filter@0.1.0`.

use ferry_model::decision::Role;
use semver::Version;
use std::fmt;

/// The versions of the package `ferry:role` that this host speaks, oldest first.
///
/// wasmtime links a guest of `@1.7.0` to a host of `@1.0.0` and fails later, on the shapes of
/// records. The host therefore compares versions itself, before anything is linked, and takes no
/// version that does not stand here.
pub const ROLE_VERSIONS: &[Version] = &[Version::new(0, 1, 0)];

/// The versions of [`ROLE_VERSIONS`] for people: `0.1.0, 0.2.0`.
#[must_use]
pub fn known_versions() -> String {
    let versions: Vec<_> = ROLE_VERSIONS.iter().map(Version::to_string).collect();
    versions.join(", ")
}

/// The name of an interface: `namespace:package/interface@version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName {
    /// Namespace and package: `ferry:role`.
    pub package: String,
    /// The interface within it: `topic-filter`.
    pub interface: String,
    /// Its version; none for names without one.
    pub version: Option<Version>,
}

impl InterfaceName {
    /// Takes a name apart; none where it is not the name of an interface.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(Version::parse(version).ok()?)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/')?;
        package.split_once(':')?;
        Some(Self {
            package: package.to_owned(),
            interface: interface.to_owned(),
            version,
        })
    }

    /// Whether it belongs to the package `ferry:role`.
    #[must_use]
    pub fn of_roles(&self) -> bool {
        self.package == "ferry:role"
    }

    /// The role that the interface is, where it is one.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        let role = Role::ALL
            .into_iter()
            .find(|r| r.as_str() == self.interface)?;
        self.of_roles().then_some(role)
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.package, self.interface)?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_and_written_as_it_was() {
        let name = InterfaceName::parse("ferry:role/topic-filter@0.1.0").expect("a name");
        assert_eq!(name.role(), Some(Role::TopicFilter));
        assert_eq!(name.version, Some(Version::new(0, 1, 0)));
        assert_eq!(name.to_string(), "ferry:role/topic-filter@0.1.0");
    }

    #[test]
    fn an_interface_of_another_package_is_no_role() {
        let name = InterfaceName::parse("acme:role/topic-filter@0.1.0").expect("a name");
        assert_eq!(name.role(), None);
        assert_eq!(InterfaceName::parse("decide"), None);
        assert_eq!(InterfaceName::parse("ferry:role/log@one"), None);
    }
}
