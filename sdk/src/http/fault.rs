//! What is wrong with a JSON body, in words of the request: serde's messages name Rust's types, and places in a text that
//! a client has never seen as one.
//!
//! serde has its reasons as text only, so this reads the text, and answers in general words what it cannot read.

use super::Problem;

/// The body is not well-formed.
pub(super) fn syntax(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    Problem::bad_request(match error.to_string() {
        _ if error.is_eof() => "The body is not well-formed JSON: it ends too early.".to_owned(),
        reason if reason.starts_with("recursion limit") => format!("The body is nested too deeply, at {place}."),
        reason if reason.starts_with("number out of range") => {
            format!("The body has a number that is too large, at {place}.")
        }
        _ => format!("The body is not well-formed JSON, at {place}."),
    })
}

/// A field is missing, or is not what it must be.
pub(super) fn field(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let (path, reason) = (error.path().to_string(), error.inner().to_string());
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    // Of a field that is missing or too many, serde knows the path of the object only, and names the field in its message.
    for (prefix, what) in [
        ("missing field `", "is missing"),
        ("duplicate field `", "stands there twice"),
        ("unknown field `", "is not known"),
    ] {
        if let Some((name, _)) = reason.strip_prefix(prefix).and_then(|rest| rest.split_once('`')) {
            let field = member(&path, name);
            return Problem::unprocessable(&field, format!("`{field}` {what}."));
        }
    }
    if path == "." {
        return Problem::new(422, "The body cannot be used.");
    }
    Problem::unprocessable(&path, format!("`{path}` {}.", rule(reason)))
}

/// The path of a member of an object. Where the object knows which member it is at, the path has its name already.
fn member(object: &str, name: &str) -> String {
    match object {
        "." => name.to_owned(),
        _ if object == name || object.ends_with(&format!(".{name}")) => object.to_owned(),
        _ => format!("{object}.{name}"),
    }
}

fn rule(reason: &str) -> String {
    if let Some((_, choices)) =
        reason.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected "))
    {
        return format!("must be {}", choices.replace('`', "\""));
    }
    let (found, expected) = reason.split_once(", expected ").unwrap_or((reason, ""));
    match expected_kind(expected) {
        Some(kind) => format!("must be {kind}{}", instead(&kind, found)),
        None => "has a value that cannot be used".to_owned(),
    }
}

/// What serde, or a visitor of its own types, calls what it expects.
fn expected_kind(expected: &str) -> Option<String> {
    let kind = match expected {
        "a string" | "a borrowed string" | "string" => "text in quotes",
        "a boolean" => "true or false",
        "a character" => "one character in quotes",
        "a sequence" => "a list",
        "a map" => "an object",
        "f32" | "f64" => "a number",
        "unit" => "null",
        _ => return integer(expected).or_else(|| compound(expected)),
    };
    Some(kind.to_owned())
}

fn integer(rust_type: &str) -> Option<String> {
    let (least, most) = match rust_type {
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "i64" => (i64::MIN.into(), i64::MAX.into()),
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        // On WebAssembly, where components run, the sizes of memory have 32 bits; serde calls them by their names.
        "usize" => (0, i128::try_from(usize::MAX).ok()?),
        "isize" => (i128::try_from(isize::MIN).ok()?, i128::try_from(isize::MAX).ok()?),
        "u64" => (0_i128, u64::MAX.into()),
        _ => return None,
    };
    Some(format!("an integer from {least} to {most}"))
}

/// `struct Order`, `a tuple of size 2`, `an array of length 3`, `struct Point with 2 elements`.
fn compound(expected: &str) -> Option<String> {
    let last = expected.rsplit(' ').next().unwrap_or_default();
    if expected.starts_with("a tuple of size ") || expected.starts_with("an array of length ") {
        return Some(format!("a list of {last} entries"));
    }
    expected.starts_with("struct ").then(|| "an object".to_owned())
}

/// What is there in its place, where that is not said by what must be.
fn instead(kind: &str, found: &str) -> &'static str {
    let (kinds, value) = found.split_once(": ").unwrap_or_default();
    if kinds != "invalid type" {
        return "";
    }
    match value.split([' ', ',']).next().unwrap_or_default() {
        "null" | "unit" => ", not null",
        "string" | "character" => ", not text",
        "boolean" => ", not true or false",
        "sequence" => ", not a list",
        "map" => ", not an object",
        "integer" | "floating" if !kind.starts_with("an integer") => ", not a number",
        _ => "",
    }
}
