//! The request that a new version must answer before it goes live, and the answer that it must give.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, de};

use super::kinds as of;

/// Written as a path alone, which any 2xx answers, or as a table that says more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked for, with GET.
    pub path: String,
    /// The status that the answer must have; without it, any 2xx.
    pub status: Option<u16>,
    /// What the answer's body must contain.
    pub body_contains: Option<String>,
}

/// What a new version must answer before it goes live, in full.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Table {
    /// What is asked for, with GET.
    #[schemars(with = "of::UrlPath")]
    path: String,
    /// The status that the answer must have; without it, any 2xx.
    #[schemars(range(min = 200, max = 599))]
    status: Option<u16>,
    /// What the answer's body must contain.
    body_contains: Option<String>,
}

impl JsonSchema for Probe {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "probe".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<of::UrlPath>(), generator.subschema_for::<Table>()] })
    }
}

impl<'de> Deserialize<'de> for Probe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Probe;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, as in \"/healthz\", or { path = …, status = …, body-contains = … }")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<Probe, E> {
        Ok(Probe { path: path.to_owned(), status: None, body_contains: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Probe, A::Error> {
        let Table { path, status, body_contains } = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Probe { path, status, body_contains })
    }
}
