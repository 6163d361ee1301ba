//! A line of the log: its fields, in the order in which they are written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// `timestamp`, `level`, `message`, what belongs to the event, `target`, and `span`, which has what belongs to the request
/// or record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line(pub Vec<(Cow<'static, str>, Value)>);

impl Line {
    /// Adds a field at the end. One of the same name stays, and comes first.
    pub fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((Cow::Borrowed(name), value.into()));
    }

    /// A field of the event itself, without those of its span; none where it has no such field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value)
    }

    /// A field of its own, or of its request.
    pub fn text(&self, name: &str) -> Option<&str> {
        let of_span = || self.get("span").and_then(|span| span.get(name));
        self.get(name).or_else(of_span).and_then(Value::as_str)
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

/// Keeps their order, which a map would not.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of the log")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
        let mut line = Line::default();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            line.0.push((Cow::Owned(name), value));
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order() {
        let text = r#"{"timestamp":"t","message":"m","b":1,"a":2,"span":{"service":"s"}}"#;
        let line: Line = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&line).unwrap(), text);
        assert_eq!((line.text("service"), line.text("message"), line.text("x")), (Some("s"), Some("m"), None));
    }
}
