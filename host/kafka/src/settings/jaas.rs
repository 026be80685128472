//! Reading `sasl.jaas.config`: one login module with its options
//! (Apache Kafka, `org.apache.kafka.common.security.JaasConfig`).

use super::{Mechanism, SaslSettings, Secret, SettingsError};
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Reads `text` for `mechanism`.
///
/// # Errors
/// [`SettingsError::Jaas`] where the text is not in the form, holds more than one module, or the
/// module does not fit the mechanism. Holds nothing of the text but names of options.
pub(super) fn parse(text: &str, mechanism: Mechanism) -> Result<SaslSettings, SettingsError> {
    let wrong = |what: String| SettingsError::Jaas { what };
    let mut tokens = Tokens {
        chars: text.chars().peekable(),
    };
    let module = tokens.word()?;
    let name = module.rsplit('.').next().unwrap_or_default();
    let fits = match mechanism {
        Mechanism::Plain => "PlainLoginModule",
        Mechanism::ScramSha256 | Mechanism::ScramSha512 => "ScramLoginModule",
    };
    if name != fits {
        let known = matches!(name, "PlainLoginModule" | "ScramLoginModule");
        return Err(wrong(match known {
            true => format!("{name} does not fit sasl.mechanism={mechanism}, which needs {fits}"),
            false => {
                format!("the login module is not known; sasl.mechanism={mechanism} needs {fits}")
            }
        }));
    }
    let flag = tokens.word()?;
    if !["required", "requisite", "sufficient", "optional"].contains(&flag.to_lowercase().as_str())
    {
        return Err(wrong(
            "`required` is missing after the login module".to_owned(),
        ));
    }
    let mut options = tokens.options()?;
    if options
        .remove("tokenauth")
        .is_some_and(|value| value == "true")
    {
        return Err(wrong(
            "tokenauth (delegation tokens) is not supported".to_owned(),
        ));
    }
    let mut take = |key: &str| {
        options
            .remove(key)
            .ok_or_else(|| wrong(format!("the option {key} is missing")))
    };
    let username = take("username")?;
    let password = Secret::new(take("password")?);
    if username.is_empty() || password.reveal().is_empty() {
        return Err(wrong("username and password must not be empty".to_owned()));
    }
    Ok(SaslSettings {
        mechanism,
        username,
        password,
    })
}

/// The tokens of the text, by the rules of Java's `StreamTokenizer` as Kafka sets it up.
struct Tokens<'a> {
    chars: Peekable<Chars<'a>>,
}

impl Tokens<'_> {
    fn skip_space(&mut self) {
        while self.chars.next_if(|c| c.is_whitespace()).is_some() {}
    }

    /// A word: a quoted text, or everything up to space, `=`, `;` or a quote.
    fn word(&mut self) -> Result<String, SettingsError> {
        self.skip_space();
        if self.chars.peek() == Some(&'"') {
            return self.quoted();
        }
        let mut word = String::new();
        while let Some(c) = self
            .chars
            .next_if(|c| !c.is_whitespace() && !matches!(c, '=' | ';' | '"'))
        {
            word.push(c);
        }
        if word.is_empty() {
            return Err(SettingsError::Jaas {
                what: "it ends too early".to_owned(),
            });
        }
        Ok(word)
    }

    fn quoted(&mut self) -> Result<String, SettingsError> {
        let open = || SettingsError::Jaas {
            what: "a quote is not closed".to_owned(),
        };
        self.chars.next();
        let mut text = String::new();
        loop {
            match self.chars.next().ok_or_else(open)? {
                '"' => return Ok(text),
                '\\' => match self.chars.next().ok_or_else(open)? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
    }

    /// Options up to the closing `;`, which must be the end.
    fn options(&mut self) -> Result<BTreeMap<String, String>, SettingsError> {
        let wrong = |what: &str| SettingsError::Jaas {
            what: what.to_owned(),
        };
        let mut options = BTreeMap::new();
        loop {
            self.skip_space();
            match self.chars.peek() {
                None => return Err(wrong("the closing `;` is missing")),
                Some(';') => {
                    self.chars.next();
                    self.skip_space();
                    return match self.chars.peek() {
                        None => Ok(options),
                        Some(_) => Err(wrong("only one login module is possible")),
                    };
                }
                Some(_) => {}
            }
            let key = self.word()?;
            self.skip_space();
            if self.chars.next_if_eq(&'=').is_none() {
                return Err(wrong("an option is not followed by `=`"));
            }
            options.insert(key, self.word()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

    #[test]
    fn reads_what_kafka_reads() {
        for (options, username, password) in [
            (r#"required username="a" password="b";"#, "a", "b"),
            (r#" required  password=b   username=a ; "#, "a", "b"),
            (
                "required\n username=\"a b\"\n password=\"x\\\"y\\\\z;=\";",
                "a b",
                "x\"y\\z;=",
            ),
            (
                r#"requisite username="a" password="b" tokenauth="false";"#,
                "a",
                "b",
            ),
        ] {
            let read = parse(&format!("{SCRAM} {options}"), Mechanism::ScramSha512).expect(options);
            assert_eq!(
                (read.username.as_str(), read.password.reveal()),
                (username, password)
            );
        }
    }

    #[test]
    fn says_what_is_wrong_without_the_password() {
        for (text, what) in [
            ("", "ends too early"),
            ("x.ScramLoginModule", "ends too early"),
            (
                "x.ScramLoginModule username=\"a\";",
                "`required` is missing",
            ),
            (
                "x.ScramLoginModule required username=\"a\" password=\"hush\"",
                "closing `;`",
            ),
            (
                "x.ScramLoginModule required username=\"a\" password=\"hush;",
                "quote is not closed",
            ),
            (
                "x.ScramLoginModule required username=\"a\";",
                "option password is missing",
            ),
            (
                "x.ScramLoginModule required username \"hush\";",
                "not followed by `=`",
            ),
            (
                "x.ScramLoginModule required username=\"a\" password=\"hush\"; y",
                "only one",
            ),
            (
                "x.ScramLoginModule required username=\"a\" password=\"\";",
                "must not be empty",
            ),
            (
                "x.PlainLoginModule required username=\"a\" password=\"hush\";",
                "does not fit",
            ),
            (
                "x.OAuthBearerLoginModule required password=\"hush\";",
                "not known",
            ),
            (
                "x.ScramLoginModule required username=\"a\" password=\"hush\" tokenauth=\"true\";",
                "tokenauth",
            ),
        ] {
            let error = parse(text, Mechanism::ScramSha256)
                .expect_err(text)
                .to_string();
            assert!(error.contains(what), "{text}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
