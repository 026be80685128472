//! A plugin's JSON Schema: what the host accepts as one, and what it does with it beside validating.
//!
//! The schema comes from the plugin and is not trusted. References must point into `$defs` of the
//! same document and may not form a circle, so that every walk over it ends; its size is limited
//! with all references written out.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most schemas inside a schema, with all references written out.
const NODES_MAX: u64 = 100_000;

/// How deep schemas may stand in each other, references followed.
const DEPTH_MAX: usize = 64;

/// The format of a text that names a file: the host puts the file's contents in its place.
pub(crate) const FILE_FORMAT: &str = "ferry-file";

/// Keywords that point elsewhere in ways that this host does not follow.
const FOREIGN_KEYWORDS: [&str; 6] = [
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
    "$anchor",
    "$id",
];

/// What stands in front of the name of a definition.
const DEFINITIONS: &str = "#/$defs/";

/// A schema that is safe to walk over and to validate with.
pub(crate) struct Schema<'s> {
    root: &'s Value,
}

impl<'s> Schema<'s> {
    /// Checks a schema.
    pub(crate) fn check(root: &'s Value) -> Result<Self, String> {
        if !root.is_object() {
            return Err("the schema is no object".to_owned());
        }
        let schema = Self { root };
        let mut sizes = BTreeMap::new();
        let nodes = schema.size(root, 0, &mut sizes)?;
        if nodes > NODES_MAX {
            return Err(format!("the schema has more than {NODES_MAX} parts"));
        }
        Ok(schema)
    }

    /// Counts all values of a schema, references written out. Definitions that are being counted
    /// stand in `sizes` as none: meeting one again means a circle.
    fn size(
        &self,
        node: &'s Value,
        depth: usize,
        sizes: &mut BTreeMap<&'s str, Option<u64>>,
    ) -> Result<u64, String> {
        if depth > DEPTH_MAX {
            return Err(format!("the schema is deeper than {DEPTH_MAX} levels"));
        }
        let mut size = 1_u64;
        match node {
            Value::Object(map) => {
                for (key, value) in map {
                    if FOREIGN_KEYWORDS.contains(&key.as_str()) && value.is_string() {
                        return Err(format!("the schema uses `{key}`; only `$ref` is followed"));
                    }
                    if key == "$ref" && value.is_string() {
                        size = size.saturating_add(self.size_of_reference(value, depth, sizes)?);
                    } else if !(depth == 0 && key == "$defs") {
                        size = size.saturating_add(self.size(value, depth + 1, sizes)?);
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    size = size.saturating_add(self.size(item, depth + 1, sizes)?);
                }
            }
            _ => {}
        }
        Ok(size)
    }

    fn size_of_reference(
        &self,
        reference: &'s Value,
        depth: usize,
        sizes: &mut BTreeMap<&'s str, Option<u64>>,
    ) -> Result<u64, String> {
        let reference = reference.as_str().unwrap_or_default();
        match sizes.get(reference) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(format!("the schema refers to itself through `{reference}`")),
            None => {}
        }
        let target = self.definition(reference)?;
        sizes.insert(reference, None);
        let size = self.size(target, depth + 1, sizes)?;
        sizes.insert(reference, Some(size));
        Ok(size)
    }

    /// The schema behind `#/$defs/name`.
    fn definition(&self, reference: &str) -> Result<&'s Value, String> {
        reference
            .strip_prefix(DEFINITIONS)
            .and_then(|name| self.root.get("$defs")?.get(name))
            .ok_or_else(|| {
                format!("the schema refers to `{reference}`; only `{DEFINITIONS}NAME` is followed")
            })
    }

    /// Fills in what `default` says, in objects, arrays and definitions; not behind `oneOf` and
    /// `anyOf`, where it depends on the value which one counts.
    pub(crate) fn fill_defaults(&self, value: &mut Value) {
        self.fill(self.root, value);
    }

    fn fill(&self, node: &'s Value, value: &mut Value) {
        for node in self.parts(node) {
            match value {
                Value::Object(map) => self.fill_object(node, map),
                Value::Array(items) => {
                    if let Some(schema) = node.get("items") {
                        for item in items {
                            self.fill(schema, item);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn fill_object(&self, node: &'s Value, map: &mut Map<String, Value>) {
        let properties = node.get("properties").and_then(Value::as_object);
        for (key, schema) in properties.into_iter().flatten() {
            if !map.contains_key(key)
                && let Some(default) = self.default_of(schema)
            {
                map.insert(key.clone(), default.clone());
            }
            if let Some(value) = map.get_mut(key) {
                self.fill(schema, value);
            }
        }
        if let Some(schema @ Value::Object(_)) = node.get("additionalProperties") {
            for (key, value) in map {
                if properties.is_none_or(|properties| !properties.contains_key(key)) {
                    self.fill(schema, value);
                }
            }
        }
    }

    fn default_of(&self, node: &'s Value) -> Option<&'s Value> {
        self.parts(node).into_iter().find_map(|n| n.get("default"))
    }

    /// A schema, what it refers to, and what it takes in by `allOf`: all of them always count.
    fn parts(&self, node: &'s Value) -> Vec<&'s Value> {
        let mut parts = vec![node];
        let mut at = 0;
        // Ends: references form no circle, and the number of parts is limited.
        while let Some(part) = parts.get(at).copied() {
            at += 1;
            let reference = part.get("$ref").and_then(Value::as_str);
            parts.extend(reference.and_then(|r| self.definition(r).ok()));
            let all = part.get("allOf").and_then(Value::as_array);
            parts.extend(all.into_iter().flatten());
        }
        parts
    }

    /// Calls `replace` for each text that stands for a file: where the schema, or one that fits
    /// behind `oneOf` or `anyOf`, says `"format": "ferry-file"`. `path` is where it stands.
    pub(crate) fn replace_files<E>(
        &self,
        value: &mut Value,
        replace: &mut impl FnMut(&str, &str) -> Result<String, E>,
    ) -> Result<(), E> {
        self.replace(self.root, "", value, replace)
    }

    fn replace<E>(
        &self,
        node: &'s Value,
        path: &str,
        value: &mut Value,
        replace: &mut impl FnMut(&str, &str) -> Result<String, E>,
    ) -> Result<(), E> {
        let parts = self.parts_and_branches(node, value);
        if let Value::String(text) = value {
            let format = |part: &&'s Value| part.get("format").and_then(Value::as_str);
            if parts.iter().any(|part| format(part) == Some(FILE_FORMAT)) {
                *text = replace(path, text)?;
            }
            return Ok(());
        }
        // A value that two schemas describe is walked over twice; a text that was replaced must not
        // be replaced again, so that only the first schema that describes it counts.
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let schema = parts.iter().find_map(|part| {
                        part.get("properties")
                            .and_then(|p| p.get(key))
                            .or_else(|| part.get("additionalProperties").filter(|a| a.is_object()))
                    });
                    if let Some(schema) = schema {
                        self.replace(schema, &join(path, key), value, replace)?;
                    }
                }
            }
            Value::Array(items) => {
                let schema = parts.iter().find_map(|part| part.get("items"));
                for (index, item) in items.iter_mut().enumerate() {
                    if let Some(schema) = schema {
                        self.replace(schema, &join(path, &index.to_string()), item, replace)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// As [`parts`](Self::parts), with the branches of `oneOf` and `anyOf` whose type fits the value.
    fn parts_and_branches(&self, node: &'s Value, value: &Value) -> Vec<&'s Value> {
        let mut found = Vec::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            for part in self.parts(node) {
                found.push(part);
                for keyword in ["oneOf", "anyOf"] {
                    let branches = part.get(keyword).and_then(Value::as_array);
                    let branches = branches.into_iter().flatten();
                    open.extend(branches.filter(|b| self.type_fits(b, value)));
                }
            }
        }
        found
    }

    fn type_fits(&self, node: &'s Value, value: &Value) -> bool {
        let name = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.parts(node).iter().all(|part| match part.get("type") {
            Some(Value::String(t)) => t == name || (t == "integer" && name == "number"),
            Some(Value::Array(types)) => types.iter().any(|t| t == name),
            _ => true,
        })
    }
}

/// A path one step further: `rules.2.match`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_that_refers_to_itself_or_elsewhere_is_refused() {
        for (schema, text) in [
            (json!({"$ref": "#"}), "only `#/$defs/NAME`"),
            (
                json!({"$ref": "https://example.com/x"}),
                "only `#/$defs/NAME`",
            ),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}),
                "refers to itself",
            ),
            (json!({"$id": "https://example.com/x"}), "`$id`"),
            (json!(true), "no object"),
        ] {
            let error = Schema::check(&schema).err().expect("refused");
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_schema_that_grows_when_references_are_written_out_is_refused() {
        let mut definitions = Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            let both = json!({"properties": {"a": next.clone(), "b": next}});
            definitions.insert(format!("d{level}"), both);
        }
        definitions.insert("d40".to_owned(), json!({}));
        let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions});
        assert!(Schema::check(&schema).is_err());
    }

    #[test]
    fn defaults_are_filled_in_at_every_level_but_not_behind_alternatives() {
        let schema = json!({
            "properties": {
                "policy": {"default": "skip"},
                "rules": {"items": {"$ref": "#/$defs/rule"}},
                "table": {"additionalProperties": {"$ref": "#/$defs/rule"}},
                "either": {"oneOf": [{"properties": {"x": {"default": 1}}}]},
                "nested": {"default": {}, "properties": {"y": {"default": 2}}}
            },
            "$defs": {"rule": {"properties": {"case": {"default": "lower"}}}}
        });
        let mut value = json!({"rules": [{}, {"case": "upper"}], "table": {"a": {}}, "either": {}});
        Schema::check(&schema)
            .expect("sound")
            .fill_defaults(&mut value);
        assert_eq!(
            value,
            json!({
                "policy": "skip",
                "rules": [{"case": "lower"}, {"case": "upper"}],
                "table": {"a": {"case": "lower"}},
                "either": {},
                "nested": {"y": 2}
            })
        );
    }

    #[test]
    fn files_are_replaced_once_where_the_schema_that_fits_says_so() {
        let schema = json!({
            "properties": {
                "principals": {"oneOf": [
                    {"type": "object"},
                    {"type": "string", "format": "ferry-file"}
                ]},
                "plain": {"type": "string"},
                "list": {"items": {"$ref": "#/$defs/file"}}
            },
            "$defs": {"file": {"type": "string", "format": "ferry-file"}}
        });
        let mut value = json!({"principals": "p.csv", "plain": "x", "list": ["a", "b"]});
        let mut seen = Vec::new();
        Schema::check(&schema)
            .expect("sound")
            .replace_files(&mut value, &mut |path, text| {
                seen.push(format!("{path}={text}"));
                Ok::<_, ()>(format!("<{text}>"))
            })
            .expect("replaced");
        assert_eq!(
            value,
            json!({"principals": "<p.csv>", "plain": "x", "list": ["<a>", "<b>"]})
        );
        seen.sort();
        assert_eq!(seen, ["list.0=a", "list.1=b", "principals=p.csv"]);
    }
}
