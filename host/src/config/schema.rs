//! The JSON Schema of a manifest, derived from the types that parse it.
//!
//! It accepts every text with a `${NAME}` in it wherever a text may be, for editors do not know the environment. It is meant
//! to say early what is wrong, and never to refuse what the host takes: what parts have to do with each other, only
//! `checks.rs` says.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::Manifest;
use super::values::{Bytes, Canary, Duration, KeyPattern, Origin};

/// A text with a variable in it.
const VARIABLE: &str = r"\$\{[A-Za-z0-9_]+(:-[^}]*)?\}";

/// The schema, in the draft that most editors know.
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.with_transform(ForToml).into_generator().into_root_schema_for::<Manifest>();
    schema.insert("title".to_owned(), "A manifest of componentd".into());
    schema
}

/// TOML has no null: what may be absent is absent. A text that is one of a few may come from a variable.
#[derive(Clone)]
struct ForToml;

impl Transform for ForToml {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        let types = object.get_mut("type");
        if let Some(types) = types {
            let only = types.as_array_mut().and_then(|all| {
                all.retain(|kind| kind != "null");
                (all.len() == 1).then(|| all.remove(0))
            });
            *types = only.unwrap_or_else(|| types.take());
        }
        if let Some(inner) = without_null(object.get("anyOf")) {
            object.remove("anyOf");
            for (key, value) in inner {
                object.entry(key).or_insert(value);
            }
        }
        let choices = object.get_mut("oneOf").and_then(Value::as_array_mut);
        if let Some(choices) = choices.filter(|choices| choices.iter().all(|choice| choice["const"].is_string())) {
            choices.push(json!({ "type": "string", "pattern": VARIABLE }));
        }
    }
}

/// The one that is left of two, where the other is null.
fn without_null(any_of: Option<&Value>) -> Option<serde_json::Map<String, Value>> {
    match any_of?.as_array()?.as_slice() {
        [inner, null] if null["type"] == "null" => inner.as_object().cloned(),
        _ => None,
    }
}

/// A kind of text, under the name that the reference has for it.
macro_rules! texts {
    ($($type:ty: $title:literal, $pattern:literal, $examples:expr;)*) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let examples: &[&str] = &$examples;
                json_schema!({
                    "title": $title,
                    "type": "string",
                    "pattern": format!("{}|{VARIABLE}", $pattern),
                    "examples": examples,
                })
            }
        }
    )*};
}

/// Kinds of text that have no type of their own in the manifest.
macro_rules! kinds {
    ($($name:ident)*) => {$(pub(super) enum $name {})*};
}

kinds! { Address Affinity HttpUrl Path PostgresUrl RedisUrl Text UrlPath }

texts! {
    Address: "address", r"^([0-9.]+|\[[0-9A-Fa-f:.%]+\]):[0-9]+$", ["127.0.0.1:8080", "[::]:8080"];
    Affinity: "text", r"^$|^(header|cookie):.+$", ["header:x-user", "cookie:session"];
    Bytes: "size", r"^[0-9]+(\.[0-9]+)? *[A-Za-z]*$", ["512KiB", "64MiB"];
    Canary: "share", r"^[0-9]+% for .+$", ["10% for 60s"];
    Duration: "duration", r"^([0-9]+ *[A-Za-zµ]+ *)+$", ["200ms", "10s", "2m"];
    HttpUrl: "URL", r"^$|^[A-Za-z][A-Za-z0-9+.-]*:.+$", ["http://127.0.0.1:8025/mailbox"];
    KeyPattern: "pattern", r"^[\s\S]+$", ["user:*", "user:*:email"];
    Origin: "origin", r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+/?$", ["https://api.example.com", "http://orders.internal"];
    Path: "path", r"^", ["components/users.wasm"];
    PostgresUrl: "URL", r"^postgres(ql)?://.+$", ["postgres://user:password@host:5432"];
    RedisUrl: "URL", r"^redis://.+$", ["redis://host:6379/0"];
    Text: "text", r"^[\s\S]+$", [];
    UrlPath: "path of a URL", r"^/", ["/healthz"];
}

/// A boolean, or text of one.
pub(super) enum Flag {}

impl JsonSchema for Flag {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "boolean".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({ "type": "string", "pattern": format!("^(true|false)$|{VARIABLE}") });
        json_schema!({ "title": "boolean", "anyOf": [{ "type": "boolean" }, text] })
    }
}

/// Origins of pages: a list, or all of them.
pub(super) enum Origins {}

impl JsonSchema for Origins {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "origins".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let listed = json!({ "type": "array", "items": generator.subschema_for::<Origin>(), "minItems": 1 });
        // Several in one text have commas between them.
        let text = json!({ "type": "string", "pattern": format!(r"^\*$|^[^*]+$|{VARIABLE}") });
        json_schema!({ "title": "list of origins, or `\"*\"`", "anyOf": [listed, text] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the schema has for this key, from table to table.
    fn at(path: &[&str]) -> Value {
        path.iter().fold(schema().to_value(), |schema, key| schema["properties"][key].clone())
    }

    #[test]
    fn defaults_are_written_as_in_a_manifest() {
        let services = at(&["services"]);
        let service = &services["additionalProperties"]["properties"];
        assert_eq!(service["limits"]["properties"]["memory"]["default"], "64MiB");
        assert_eq!(service["limits"]["properties"]["cpu"]["default"], "200ms");
        assert_eq!(service["swap"]["properties"]["watch"]["default"], "1m");
        assert_eq!(service["isolation"]["default"], "reuse");
        assert_eq!(at(&["host", "instances"])["default"], 1_000);
    }

    #[test]
    fn nothing_may_be_null() {
        let text = schema().to_value().to_string();
        assert!(!text.contains("null"), "{text}");
    }
}
