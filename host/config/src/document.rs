//! YAML as a tree of nodes that know where they stand.
//!
//! Built on the parser's events rather than on a ready-made tree, so that doubled keys, anchors,
//! tags and depth are seen where they occur. Anchors and aliases are refused: a configuration is
//! read by people and by digests, and aliases can make a small file enormous.

use crate::error::{ConfigError, Place, Position};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use std::path::Path;

/// The greatest size of a configuration or properties file, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 1024 * 1024;
/// How deep mappings and lists may be nested.
pub(crate) const DEPTH_MAX: usize = 64;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Position,
}

/// A value of YAML.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A scalar as it is written; `plain` without quotes, so that it may be a number.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, without doubled keys.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Position,
    pub(crate) node: Node,
}

/// Appends `key` to a path of keys.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

impl Node {
    /// Calls `visit` on this node and on everything below it, each with its path of keys.
    pub(crate) fn walk<'n>(&'n self, path: &str, visit: &mut dyn FnMut(&str, &'n Node)) {
        visit(path, self);
        match &self.value {
            Value::Scalar { .. } => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.walk(&format!("{path}[{index}]"), visit);
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    entry.node.walk(&join(path, &entry.key), visit);
                }
            }
        }
    }
}

/// Reads the one document of `bytes`. `file` is only named in errors.
pub(crate) fn parse(bytes: &[u8], file: &Path) -> Result<Node, ConfigError> {
    let place = |position| Place {
        file: file.to_owned(),
        position,
        path: String::new(),
    };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ConfigError::TooLarge {
            place: place(Position { line: 1, column: 1 }),
            what: format!("larger than {FILE_BYTES_MAX} bytes"),
        });
    }
    let text = decode(bytes, file)?;
    let mut composer = Composer {
        parser: Parser::new_from_str(text),
        text,
        file,
    };
    match composer.document()? {
        Some(node) => Ok(node),
        None => Err(ConfigError::Empty {
            path: file.to_owned(),
        }),
    }
}

/// The bytes as text, without a byte order mark.
pub(crate) fn decode<'b>(bytes: &'b [u8], file: &Path) -> Result<&'b str, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |i| i + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count()
            + 1;
        let position = Position { line, column };
        ConfigError::NotUtf8 {
            place: Place {
                file: file.to_owned(),
                position,
                path: String::new(),
            },
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

struct Composer<'t> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    file: &'t Path,
}

impl<'t> Composer<'t> {
    fn place(&self, position: Position, path: &str) -> Place {
        Place {
            file: self.file.to_owned(),
            position,
            path: path.to_owned(),
        }
    }

    /// The next event; none at the end of the file.
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, ConfigError> {
        match self.parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => {
                let marker = error.marker();
                let position = Position {
                    line: marker.line(),
                    column: marker.col() + 1,
                };
                // The scanner runs ahead of the events and has a limit of its own.
                if error.info() == "recursion limit exceeded" {
                    return Err(self.too_deep(position));
                }
                Err(match first_tab(self.text, position.line) {
                    Some(tab) => ConfigError::Tab {
                        place: self.place(tab, ""),
                    },
                    None => ConfigError::Syntax {
                        place: self.place(position, ""),
                        what: error.info().to_owned(),
                    },
                })
            }
        }
    }

    fn too_deep(&self, position: Position) -> ConfigError {
        ConfigError::TooLarge {
            place: self.place(position, ""),
            what: format!("nested deeper than {DEPTH_MAX} levels"),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, ConfigError> {
        let mut root = None;
        let mut documents = 0;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(self.unsupported(span, "", "a second document"));
                    }
                }
                other => root = Some(self.node(other, span, "", 0)?),
            }
        }
        Ok(root.filter(|node| !is_null(node)))
    }

    fn unsupported(&self, span: Span, path: &str, what: &'static str) -> ConfigError {
        ConfigError::UnsupportedYaml {
            place: self.place(position(span), path),
            what,
        }
    }

    /// The node that begins with `event`.
    fn node(
        &mut self,
        event: Event<'t>,
        span: Span,
        path: &str,
        depth: usize,
    ) -> Result<Node, ConfigError> {
        let at = position(span);
        if depth > DEPTH_MAX {
            return Err(self.too_deep(at));
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag.is_some())
            }
            _ => (0, false),
        };
        if anchor != 0 {
            return Err(self.unsupported(span, path, "an anchor"));
        }
        if tag {
            return Err(self.unsupported(span, path, "a tag"));
        }
        let value = match event {
            Event::Scalar(text, style, _, _) => Value::Scalar {
                text: text.into_owned(),
                plain: style == ScalarStyle::Plain,
            },
            Event::SequenceStart(..) => self.list(path, depth)?,
            Event::MappingStart(..) => self.mapping(path, depth)?,
            Event::Alias(_) => return Err(self.unsupported(span, path, "an alias")),
            _ => {
                return Err(ConfigError::Syntax {
                    place: self.place(at, path),
                    what: "expected a value".to_owned(),
                });
            }
        };
        Ok(Node { value, at })
    }

    fn list(&mut self, path: &str, depth: usize) -> Result<Value, ConfigError> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            let path = format!("{path}[{}]", items.len());
            items.push(self.node(event, span, &path, depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Value, ConfigError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashMap::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key_node = self.node(event, span, path, depth + 1)?;
            let Value::Scalar { text: key, .. } = key_node.value else {
                return Err(self.unsupported(span, path, "a key that is a mapping or a list"));
            };
            let below = join(path, &key);
            if let Some(first) = seen.insert(key.clone(), key_node.at) {
                let place = self.place(key_node.at, &below);
                return Err(ConfigError::DoubledKey { place, first });
            }
            let Some((event, span)) = self.next()? else {
                break;
            };
            let node = self.node(event, span, &below, depth + 1)?;
            entries.push(Entry {
                key,
                key_at: key_node.at,
                node,
            });
        }
        Ok(Value::Mapping(entries))
    }
}

fn position(span: Span) -> Position {
    Position {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn is_null(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar { text, plain: true }
        if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
}

/// The first line up to `last_line` whose indentation holds a tab.
fn first_tab(text: &str, last_line: usize) -> Option<Position> {
    text.lines()
        .take(last_line)
        .enumerate()
        .find_map(|(index, line)| {
            let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
            let tab = line[..indentation].find('\t')?;
            (indentation < line.len()).then_some(Position {
                line: index + 1,
                column: tab + 1,
            })
        })
}
