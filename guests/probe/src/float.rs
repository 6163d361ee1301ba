//! Floats in JSON, which has no number for `NaN`, `inf` and `-inf`: those are text.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Json<T> {
    Number(T),
    Text(String),
}

impl<T: Copy + Display + Into<f64>> From<T> for Json<T> {
    fn from(float: T) -> Self {
        if float.into().is_finite() { Self::Number(float) } else { Self::Text(float.to_string()) }
    }
}

impl<T: FromStr> Json<T> {
    fn into_float(self) -> Result<T, String> {
        match self {
            Self::Number(float) => Ok(float),
            Self::Text(text) => text.parse().map_err(|_| format!("`{text}` is no float")),
        }
    }
}

/// One float.
pub(crate) mod one {
    use super::*;

    pub(crate) fn serialize<T, S>(float: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Copy + Display + Into<f64> + Serialize,
        S: Serializer,
    {
        Json::from(*float).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr + Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Json::deserialize(deserializer)?.into_float().map_err(D::Error::custom)
    }
}

/// An array of floats, in which one may be missing.
pub(crate) mod array {
    use super::*;

    pub(crate) fn serialize<T, S>(floats: &[Option<T>], serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Copy + Display + Into<f64> + Serialize,
        S: Serializer,
    {
        serializer.collect_seq(floats.iter().map(|float| float.map(Json::from)))
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<Option<T>>, D::Error>
    where
        T: FromStr + Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let floats: Vec<Option<Json<T>>> = Vec::deserialize(deserializer)?;
        let floats = floats.into_iter().map(|float| float.map(Json::into_float).transpose());
        floats.collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}
