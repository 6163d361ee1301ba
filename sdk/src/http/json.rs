//! A JSON body, and which of its fields is at fault.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Problem, fault};

/// A missing content type counts as JSON, since nothing else is read anyway.
pub(super) fn check_content_type(content_type: Option<&str>) -> Result<(), Problem> {
    match content_type {
        Some(value) if !is_json(value) => {
            Err(Problem::unsupported_media_type("The body must be JSON, with content-type: application/json."))
        }
        _ => Ok(()),
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Well-formed first, then an object, so that an array is not taken for a struct's fields in order, then well-typed: from
/// the text again, because a [`Value`] no longer shows a field that stands there twice.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Err(Problem::bad_request("The body is empty; a JSON object is expected."));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| fault::syntax(&error))?;
    if !value.is_object() {
        return Err(Problem::new(422, "The body must be a JSON object."));
    }
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(body))
        .map_err(|error| fault::field(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Order {
        user_id: i64,
        #[serde(default)]
        lines: Vec<Line>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Line {
        #[allow(dead_code, reason = "only its type matters here")]
        name: String,
    }

    /// The status and the field that a body is refused with.
    fn refused(body: &str) -> (u16, Option<String>) {
        let problem = parse::<Order>(body.as_bytes()).unwrap_err();
        let (status, document) = (problem.status(), document(problem));
        (status, document.get("field").and_then(Value::as_str).map(str::to_owned))
    }

    fn document(problem: Problem) -> Value {
        serde_json::from_slice(&problem.into_response().body).unwrap()
    }

    /// What a client reads of a body that is no `T`.
    fn said<T: DeserializeOwned>(body: &str) -> String {
        let Err(problem) = parse::<T>(body.as_bytes()) else { panic!("{body} can be used") };
        document(problem)["detail"].as_str().unwrap().to_owned()
    }

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only its types matter here")]
    struct Every {
        #[serde(default)]
        small: u8,
        #[serde(default)]
        large: i64,
        #[serde(default)]
        fraction: f64,
        #[serde(default)]
        flag: bool,
        #[serde(default)]
        letter: char,
        #[serde(default)]
        text: String,
        #[serde(default)]
        list: Vec<String>,
        #[serde(default)]
        pair: (u8, u8),
        #[serde(default)]
        choice: Option<Choice>,
        #[serde(default)]
        line: Option<Line>,
        #[serde(default)]
        map: std::collections::BTreeMap<String, Line>,
        #[serde(default, deserialize_with = "never")]
        own: (),
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase", deny_unknown_fields)]
    enum Choice {
        Red,
        Green,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[allow(dead_code, reason = "only its name matters here")]
        name: Option<String>,
    }

    fn never<'de, D: serde::Deserializer<'de>>(_: D) -> Result<(), D::Error> {
        Err(serde::de::Error::custom("Own { secret: 1 }"))
    }

    #[test]
    fn what_a_field_must_be_is_said_in_words_of_the_request() {
        const I64: &str = "an integer from -9223372036854775808 to 9223372036854775807";
        let table = [
            (r#"{"small":256}"#, "`small` must be an integer from 0 to 255."),
            (r#"{"small":-1}"#, "`small` must be an integer from 0 to 255."),
            (r#"{"large":"1"}"#, &format!("`large` must be {I64}, not text.")),
            (r#"{"large":1.5}"#, &format!("`large` must be {I64}.")),
            (r#"{"large":99999999999999999999}"#, &format!("`large` must be {I64}.")),
            (r#"{"large":null}"#, &format!("`large` must be {I64}, not null.")),
            (r#"{"large":true}"#, &format!("`large` must be {I64}, not true or false.")),
            (r#"{"fraction":"1"}"#, "`fraction` must be a number, not text."),
            (r#"{"flag":0}"#, "`flag` must be true or false, not a number."),
            (r#"{"letter":"ab"}"#, "`letter` must be one character in quotes."),
            (r#"{"text":12.99}"#, "`text` must be text in quotes, not a number."),
            (r#"{"text":["a"]}"#, "`text` must be text in quotes, not a list."),
            (r#"{"text":{}}"#, "`text` must be text in quotes, not an object."),
            (r#"{"list":"a"}"#, "`list` must be a list, not text."),
            (r#"{"list":[null]}"#, "`list[0]` must be text in quotes, not null."),
            (r#"{"pair":[1]}"#, "`pair` must be a list of 2 entries."),
            (r#"{"choice":"blue"}"#, "`choice` must be \"red\" or \"green\"."),
            (r#"{"line":5}"#, "`line` must be an object, not a number."),
            (r#"{"line":{}}"#, "`line.name` is missing."),
            (r#"{"line":{"name":"a","name":"b"}}"#, "`line.name` stands there twice."),
            (r#"{"map":{"a":{"name":1}}}"#, "`map.a.name` must be text in quotes, not a number."),
            (r#"{"own":1}"#, "`own` has a value that cannot be used."),
        ];
        for (body, expected) in table {
            assert_eq!(said::<Every>(body), expected, "{body}");
        }
        assert_eq!(said::<Strict>(r#"{"nom":"a"}"#), "`nom` is not known.");
        assert_eq!(said::<Order>("{}"), "`user_id` is missing.");
    }

    #[test]
    fn what_is_not_well_formed_says_where() {
        let deep = "[".repeat(200);
        let table = [
            ("{", "The body is not well-formed JSON: it ends too early."),
            ("{\n  'a': 1}", "The body is not well-formed JSON, at line 2, column 3."),
            ("{} {}", "The body is not well-formed JSON, at line 1, column 4."),
            ("{\"a\":1e999}", "The body has a number that is too large, at line 1, column 10."),
            (deep.as_str(), "The body is nested too deeply, at line 1, column 128."),
        ];
        for (body, expected) in table {
            assert_eq!(said::<Order>(body), expected, "{body}");
        }
    }

    fn field(name: &str) -> (u16, Option<String>) {
        (422, Some(name.to_owned()))
    }

    #[test]
    fn what_is_not_json_is_400() {
        for body in ["", "{", "{}x", "{'a':1}", "\u{feff}{}", "{\"user_id\":1e999}", "{\"user_id\":\"\\ud800\"}"] {
            assert_eq!(refused(body), (400, None), "{body:?}");
        }
        assert_eq!(parse::<Order>(b"{\"user_id\":\"\xff\"}").unwrap_err().status(), 400);
        assert_eq!(parse::<Order>("[".repeat(100_000).as_bytes()).unwrap_err().status(), 400);
    }

    #[test]
    fn what_is_no_object_is_422() {
        for body in ["[]", "[1]", "1", "null", "\"text\""] {
            assert_eq!(refused(body), (422, None), "{body:?}");
        }
    }

    #[test]
    fn the_field_at_fault_is_named() {
        assert_eq!(refused("{}"), field("user_id"));
        assert_eq!(refused(r#"{"user_id":null}"#), field("user_id"));
        assert_eq!(refused(r#"{"user_id":"42"}"#), field("user_id"));
        assert_eq!(refused(r#"{"user_id":4.5}"#), field("user_id"));
        assert_eq!(refused(r#"{"user_id":99999999999999999999}"#), field("user_id"));
        assert_eq!(refused(r#"{"user_id":1,"lines":[{"name":"a"},{"name":5}]}"#), field("lines[1].name"));
        assert_eq!(refused(r#"{"user_id":1,"lines":[{}]}"#), field("lines[0].name"));
    }

    #[test]
    fn a_field_that_stands_there_twice_is_refused() {
        assert_eq!(refused(r#"{"user_id":1,"user_id":1}"#), field("user_id"));
        assert_eq!(refused(r#"{"user_id":1,"lines":[{"name":"a","name":"b"}]}"#), field("lines[0].name"));
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let order: Order = parse(br#"{"user_id":1,"other":true}"#).unwrap();
        assert_eq!((order.user_id, order.lines.len()), (1, 0));
    }

    #[test]
    fn json_is_told_by_its_content_type() {
        for value in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"] {
            assert!(check_content_type(Some(value)).is_ok(), "{value}");
        }
        for value in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"] {
            assert_eq!(check_content_type(Some(value)).unwrap_err().status(), 415, "{value}");
        }
        assert!(check_content_type(None).is_ok());
    }
}
