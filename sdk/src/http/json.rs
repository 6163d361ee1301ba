//! A JSON body, and which of its fields is at fault.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Problem;

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
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("The body is not well-formed JSON: {error}.")))?;
    if !value.is_object() {
        return Err(Problem::new(422, "The body must be a JSON object."));
    }
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(body)).map_err(|error| ill_typed(&error))
}

/// For a field that is missing, or there twice, serde knows the path of its parent only, and names the field in its message.
fn ill_typed(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let (path, reason) = (error.path().to_string(), error.inner().to_string());
    // A client looks for the field, not for a place in the text.
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    for (prefix, what) in [("missing field `", "is missing"), ("duplicate field `", "stands there twice")] {
        if let Some(name) = reason.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('`')) {
            let field = if path == "." { name.to_owned() } else { format!("{path}.{name}") };
            return Problem::unprocessable(&field, format!("`{field}` {what}."));
        }
    }
    Problem::unprocessable(&path, format!("`{path}` cannot be used: {reason}."))
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
        let status = problem.status();
        let document: Value = serde_json::from_slice(&problem.into_response().body).unwrap();
        (status, document.get("field").and_then(Value::as_str).map(str::to_owned))
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
