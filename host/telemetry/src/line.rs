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

/// What stands where a text was cut.
const CUT: &str = "… (cut)";

/// The text up to this length in bytes, and a mark where there was more.
pub(super) fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest {
        return Cow::Borrowed(text);
    }
    let kept = text.floor_char_boundary(longest.saturating_sub(CUT.len()));
    Cow::Owned(format!("{}{CUT}", &text[..kept]))
}

impl Line {
    /// The line as JSON of at most this many bytes: its longest text is cut until it fits, and the line says so.
    pub(super) fn fit(&mut self, longest: usize) -> String {
        loop {
            let json = serde_json::to_string(self).expect("a line has only strings as keys");
            let Some(excess) = json.len().checked_sub(longest + 1) else { return json };
            let texts = self
                .0
                .iter_mut()
                .filter_map(|(_, value)| if let Value::String(text) = value { Some(text) } else { None });
            let Some(text) = texts.max_by_key(|text| text.len()).filter(|text| text.len() > 2 * CUT.len()) else {
                return json;
            };
            // What is escaped takes more room than it has bytes.
            let kept = text.len().saturating_sub(excess + 1).max(text.len() / 2);
            *text = cut(text, kept).into_owned();
        }
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

    fn line_of(message: String) -> Line {
        let mut line = Line::default();
        line.add("level", "INFO");
        line.add("message", message);
        line
    }

    #[test]
    fn a_line_is_cut_where_it_is_too_long() {
        for long in ["x", "ä", "\u{1b}", "\"", "\u{85}"] {
            for count in [100, 1_000, 4_000, 100_000] {
                let mut line = line_of(long.repeat(count));
                let json = line.fit(4_000);
                let back: Line = serde_json::from_str(&json).unwrap();
                let message = back.text("message").unwrap();
                let whole = message.len() == long.len() * count;
                assert!(
                    json.len() <= 4_000 && (whole || message.ends_with(CUT) && json.len() > 1_900),
                    "{}",
                    json.len()
                );
            }
        }
        assert_eq!(line_of("x".repeat(3_000)).fit(4_000).len(), line_of(String::new()).fit(4_000).len() + 3_000);
    }

    #[test]
    fn fields_keep_their_order() {
        let text = r#"{"timestamp":"t","message":"m","b":1,"a":2,"span":{"service":"s"}}"#;
        let line: Line = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&line).unwrap(), text);
        assert_eq!((line.text("service"), line.text("message"), line.text("x")), (Some("s"), Some("m"), None));
    }
}
