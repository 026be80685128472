//! Placeholders as Kafka Connect knows them: `${provider:path:key}`.
//!
//! Reading a text finds its placeholders and resolves none. The parts between them may hold
//! passwords, so no error of this module repeats them.

use std::fmt;

/// Where a value is to be taken from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Placeholder {
    /// `${env:NAME}`: a variable of the environment (KIP-887, `EnvVarConfigProvider`).
    Environment {
        /// The variable.
        name: String,
    },
    /// `${file:PATH:KEY}`: a key of a Java properties file (KIP-297, `FileConfigProvider`).
    File {
        /// The file, relative to the one that holds the placeholder.
        path: String,
        /// The key in it.
        key: String,
    },
    /// `${secret:NAMESPACE/NAME:KEY}`: a key of a Kubernetes Secret. Needs a cluster to resolve.
    KubernetesSecret {
        /// Namespace and name, with a slash between them.
        secret: String,
        /// The key in it.
        key: String,
    },
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { name } => write!(f, "${{env:{name}}}"),
            Self::File { path, key } => write!(f, "${{file:{path}:{key}}}"),
            Self::KubernetesSecret { secret, key } => write!(f, "${{secret:{secret}:{key}}}"),
        }
    }
}

/// What is wrong with a placeholder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// A `${` without its `}`.
    #[error("`${{` without `}}`")]
    Unclosed,
    /// Not of the form of any provider.
    #[error("expected ${{env:NAME}}, ${{file:PATH:KEY}} or ${{secret:NAMESPACE/NAME:KEY}}")]
    Form,
    /// A provider that Ferry does not have.
    #[error("no provider is named `{provider}`; there are env, file and secret")]
    UnknownProvider {
        /// The word before the first colon.
        provider: String,
    },
}

/// A part of a text.
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that stands for itself, and may be a password: `Debug` does not show it.
    Text(String),
    /// Text that is to be put in.
    Placeholder(Placeholder),
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("[hidden]"),
            Self::Placeholder(placeholder) => fmt::Display::fmt(placeholder, f),
        }
    }
}

/// A text with its placeholders found and not resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts(pub Vec<Part>);

impl Parts {
    /// Finds the placeholders of `text`.
    ///
    /// # Errors
    /// [`PlaceholderError`] for what begins like a placeholder and is none.
    pub fn parse(text: &str) -> Result<Self, PlaceholderError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let end = rest[start..].find('}').ok_or(PlaceholderError::Unclosed)? + start;
            if start > 0 {
                parts.push(Part::Text(rest[..start].to_owned()));
            }
            parts.push(Part::Placeholder(placeholder(&rest[start + 2..end])?));
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => Some(placeholder),
        })
    }

    /// Whether any text stands for itself.
    #[must_use]
    pub fn has_text(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Text(_)))
    }
}

/// Whether `text` holds something of the form `${provider:`, which no part of a configuration but
/// client properties may hold. `${name}` alone is no placeholder: templates of plugins use it.
#[must_use]
pub fn looks_like_placeholder(text: &str) -> bool {
    text.match_indices("${")
        .any(|(start, _)| provider(&text[start + 2..]).is_some())
}

fn provider(inside: &str) -> Option<&str> {
    let (word, _) = inside.split_once(':')?;
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!word.is_empty() && word.len() <= 32 && word.chars().all(letters)).then_some(word)
}

/// Splits as Kafka's `ConfigTransformer` does: at the first colon, and at the second.
fn placeholder(inside: &str) -> Result<Placeholder, PlaceholderError> {
    let provider = provider(inside).ok_or(PlaceholderError::Form)?;
    let rest = &inside[provider.len() + 1..];
    let path_and_key = || match rest.split_once(':') {
        Some((path, key)) if !path.is_empty() && !key.is_empty() => {
            Ok((path.to_owned(), key.to_owned()))
        }
        _ => Err(PlaceholderError::Form),
    };
    match provider {
        "env" if !rest.is_empty() => Ok(Placeholder::Environment {
            name: rest.to_owned(),
        }),
        "env" => Err(PlaceholderError::Form),
        "file" => path_and_key().map(|(path, key)| Placeholder::File { path, key }),
        "secret" => match path_and_key()? {
            (secret, key) if secret.split('/').filter(|part| !part.is_empty()).count() == 2 => {
                Ok(Placeholder::KubernetesSecret { secret, key })
            }
            _ => Err(PlaceholderError::Form),
        },
        other => Err(PlaceholderError::UnknownProvider {
            provider: other.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_placeholders_between_text() {
        let parts =
            Parts::parse("user=\"${env:KAFKA_USER}\" password=\"${file:/s/t.properties:key:2}\";")
                .expect("legal");
        let found: Vec<_> = parts.placeholders().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["${env:KAFKA_USER}", "${file:/s/t.properties:key:2}"]
        );
        assert!(parts.has_text());
        assert!(
            !format!("{parts:?}").contains("password"),
            "text may be a secret"
        );
        assert_eq!(parts.0.len(), 5);
    }

    #[test]
    fn a_malformed_placeholder_is_refused_without_repeating_its_text() {
        for (text, error) in [
            ("pass${word", PlaceholderError::Unclosed),
            ("${HOME}", PlaceholderError::Form),
            ("${file:/only-a-path}", PlaceholderError::Form),
            ("${secret:name:key}", PlaceholderError::Form),
            (
                "${vault:a:b}",
                PlaceholderError::UnknownProvider {
                    provider: "vault".into(),
                },
            ),
        ] {
            let found = Parts::parse(text).expect_err(text);
            assert_eq!(found, error);
            assert!(!found.to_string().contains("pass"), "{found}");
        }
    }

    #[test]
    fn a_template_of_a_plugin_is_not_taken_for_a_placeholder() {
        assert!(!looks_like_placeholder("retail.${1}.${name}"));
        assert!(looks_like_placeholder("x${env:HOME}"));
    }
}
