//! Which pages of other origins may call a listener from a browser: the CORS protocol of the Fetch standard.

use std::fmt;
use std::str::FromStr;

use http::{HeaderName, Method};
use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor, value};
use serde::{Deserialize, Deserializer, de};

use super::kinds as of;
use super::values::{Duration, Origin, flag};

/// Which pages of other origins may call it from a browser; without it, none. The host answers preflight requests itself, and
/// adds the headers to every answer, its own among them.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cors {
    /// The origins of the pages, as in `["https://shop.example"]`, or `"*"` for all. A text may have several, with
    /// commas between.
    #[schemars(with = "of::Origins")]
    pub origins: Origins,
    /// The methods that pages may use. Without it, all: the component says which it has.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub methods: Option<Names<Method>>,
    /// The headers that pages may send. Without it, all.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub headers: Option<Names<HeaderName>>,
    /// The response headers that pages may read besides `x-request-id` and those that every page may.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub expose: Names<HeaderName>,
    /// Whether pages may call with cookies and other credentials. Not for `"*"`: each site could then act as its visitor.
    #[serde(default, deserialize_with = "flag")]
    #[schemars(with = "of::Flag")]
    pub credentials: bool,
    /// How long a browser may keep what a preflight request was told.
    #[serde(default = "Cors::max_age")]
    pub max_age: Duration,
}

impl Cors {
    /// A visit to a page has one preflight for each kind of request, and what is changed here holds soon.
    fn max_age() -> Duration {
        Duration(std::time::Duration::from_secs(600))
    }
}

/// Origins that pages may come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origins {
    /// `"*"`
    Any,
    /// At least one.
    These(Vec<Origin>),
}

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OriginsVisitor)
    }
}

struct OriginsVisitor;

impl<'de> Visitor<'de> for OriginsVisitor {
    type Value = Origins;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of origins, as in [\"https://shop.example\"], or \"*\" for all")
    }

    /// Several with commas between, so that they can come from a variable.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Origins, E> {
        if text == "*" {
            return Ok(Origins::Any);
        }
        text.split(',')
            .map(|origin| origin.trim().parse())
            .collect::<Result<_, _>>()
            .map(Origins::These)
            .map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Origins, A::Error> {
        let origins = Vec::<Listed>::deserialize(value::SeqAccessDeserializer::new(items))?;
        if origins.is_empty() {
            return Err(de::Error::custom("must have at least one origin; leave `cors` out where no page may call"));
        }
        Ok(Origins::These(origins.into_iter().map(|Listed(origin)| origin).collect()))
    }
}

/// One of several.
struct Listed(Origin);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "*" => Err(de::Error::custom("\"*\" stands alone: write origins = \"*\"")),
            origin => origin.parse().map(Self).map_err(de::Error::custom),
        }
    }
}

/// Names of methods or headers.
#[derive(Clone, Debug, PartialEq)]
pub struct Names<T>(pub Vec<T>);

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Names<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<Name<T>>::deserialize(deserializer)?;
        Ok(Self(names.into_iter().map(|Name(name)| name).collect()))
    }
}

/// One of them, so that an error names its place in the list.
struct Name<T>(T);

impl<'de, T: FromStr> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            // A legal token, but one that browsers take for all names, and for none where there are credentials.
            Ok(_) if text == "*" => Err(de::Error::custom("leave the key out to allow all")),
            Ok(name) => Ok(Self(name)),
            Err(_) => Err(de::Error::custom(format!("{text:?} can be no name in HTTP"))),
        }
    }
}
