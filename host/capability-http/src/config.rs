//! What a manifest grants of outbound HTTP.

use std::collections::BTreeMap;

use componentd_config::values::flag;
use componentd_config::{Origin, kinds as of};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

/// An origin that requests may go to.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpGrant {
    /// `http://<service>.internal` is another service of this host that has `http`, called within the process.
    pub origin: Origin,
    /// Headers that the host adds to each request there, in place of any that the component set. The component does not see
    /// them, so secrets belong here; a server that repeats one in a body shows it, in a header it is hidden.
    #[serde(default, deserialize_with = "headers")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: http::HeaderMap,
    /// Whether the origin may be at a loopback, link-local or private address.
    #[serde(default, deserialize_with = "flag")]
    #[schemars(with = "of::Flag")]
    pub private: bool,
}

/// The values stay out of the message: they are secrets.
fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<http::HeaderMap, D::Error> {
    let headers: BTreeMap<String, String> = BTreeMap::deserialize(deserializer)?;
    headers.into_iter().map(header).collect::<Result<_, _>>().map_err(de::Error::custom)
}

fn header((name, value): (String, String)) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let parsed: http::HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of an HTTP header"))?;
    let mut value: http::HeaderValue = value
        .parse()
        .map_err(|_| format!("the value of {name:?} can be in no HTTP header: is there a line end in it?"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}
