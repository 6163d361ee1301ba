//! The kinds of values that the schema of a manifest knows, under the names that the reference has for them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::cron::Schedule;
use super::values::{Bytes, Canary, Duration, KeyPattern, Origin};

/// A text with a variable in it.
pub(super) const VARIABLE: &str = r"\$\{([A-Za-z0-9_]+|file:/[^}]*)(:-[^}]*)?\}";

/// A kind of text.
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
    ($($(#[$doc:meta])* $name:ident;)*) => {$($(#[$doc])* pub enum $name {})*};
}

kinds! {
    /// `IP:PORT`.
    Address;
    /// What keeps a client on one version.
    Affinity;
    /// A URL of HTTP, or nothing.
    HttpUrl;
    /// A file or a folder.
    Path;
    /// Where a Postgres server is.
    PostgresUrl;
    /// Where a Redis server is.
    RedisUrl;
    /// Any text that is not empty.
    Text;
    /// The path of a URL.
    UrlPath;
}

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
    Schedule: "schedule", r"^\s*([^\s@]+(\s+[^\s@]+){4}|@[A-Za-z]+)\s*$", ["*/5 * * * *", "0 9 * * mon-fri", "@daily"];
    Text: "text", r"^[\s\S]+$", [];
    UrlPath: "path of a URL", r"^/", ["/healthz"];
}

/// A boolean, or text of one.
pub enum Flag {}

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
pub enum Origins {}

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

/// Tables that capabilities read, see [`Forms`](super::Forms).
pub enum Tables {}

impl JsonSchema for Tables {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "tables".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "properties": {}, "additionalProperties": false })
    }
}
