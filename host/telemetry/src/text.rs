//! A line of the log for people: short, and one, unless it has a backtrace.

use std::fmt::Write;

use serde_json::Value;

use super::Line;

/// What has a place of its own in a line, or is only for programs.
const PLACED: &[&str] = &["timestamp", "level", "message", "target", "span", "service", "backtrace"];
/// A longer id is shown by its end: ids that the host makes begin with the time, which the line has.
const MAX_ID: usize = 20;
const SHOWN_OF_ID: usize = 8;
/// The clock of `2026-11-22T11:44:20.770123Z`.
const CLOCK: std::ops::Range<usize> = 11..23;

const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// `11:44:20.770 INFO  orders 5c69fb97 POST /order 201 14.5ms`
pub fn text(line: &Line, colours: bool) -> String {
    let paint = |style: &str, text: &str| {
        if colours && !text.is_empty() { format!("{style}{text}{RESET}") } else { text.to_owned() }
    };
    let time = line.text("timestamp").unwrap_or_default();
    let level = line.text("level").unwrap_or_default();
    let mut text = paint(DIM, time.get(CLOCK).unwrap_or(time));
    let _ = write!(text, " {}", paint(style_of(level), &format!("{level:<5}")));
    if let Some(service) = line.text("service") {
        let _ = write!(text, " {}", paint(BOLD, &clean(service)));
    }
    if let Some(id) = line.text("request_id") {
        let _ = write!(text, " {}", paint(DIM, &clean(short(id))));
    }
    text.push(' ');
    match access(line) {
        Some(access) => text.push_str(&access),
        None => event(line, &mut text),
    }
    text
}

/// What a request came to.
fn access(line: &Line) -> Option<String> {
    if line.text("message")? != "answered" {
        return None;
    }
    let (method, path) = (line.text("method")?, line.text("path")?);
    let (status, micros) = (line.get("status")?, line.get("micros")?.as_u64()?);
    let (whole, tenth) = (micros / 1000, micros % 1000 / 100);
    Some(format!("{method} {} {status} {whole}.{tenth}ms", clean(path)))
}

fn event(line: &Line, text: &mut String) {
    if line.text("target") == Some("guest") {
        text.push_str("| ");
    }
    text.push_str(&indented(line.text("message").unwrap_or_default()));
    for (name, value) in line.0.iter().filter(|(name, _)| !PLACED.contains(&name.as_ref())) {
        let _ = write!(text, " {name}={}", shown(value));
    }
    if let Some(backtrace) = line.text("backtrace") {
        let _ = write!(text, "\n    {}", indented(backtrace));
    }
}

/// Quoted only where it would not be clear where it ends.
fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"') => {
            text.to_owned()
        }
        _ => clean(&value.to_string()),
    }
}

fn short(id: &str) -> &str {
    if id.len() <= MAX_ID { id } else { id.get(id.len() - SHOWN_OF_ID..).unwrap_or(id) }
}

/// Further lines belong to the first. Only a line of its own begins at the margin, whatever a component logs.
fn indented(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n    ")
}

/// A component must not write to the terminal what the terminal obeys.
fn clean(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

fn style_of(level: &str) -> &'static str {
    match level {
        "ERROR" => "\x1b[1;31m",
        "WARN" => "\x1b[33m",
        "INFO" => "\x1b[32m",
        _ => DIM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(json: &str) -> String {
        text(&serde_json::from_str(json).unwrap(), false)
    }

    #[test]
    fn a_request_is_a_short_line() {
        let json = r#"{"timestamp":"2026-11-25T00:39:33.277713Z","level":"INFO","message":"answered","method":"GET",
            "path":"/healthz","status":200,"micros":1342,"target":"componentd::ingress::http","span":
            {"request_id":"01a21024-be9c-77be-9b51-68eac5c69fb7","service":"users","version":"sha256:f1","name":"request"}}"#;
        assert_eq!(plain(json), "00:39:33.277 INFO  users c5c69fb7 GET /healthz 200 1.3ms");
    }

    #[test]
    fn fields_follow_the_message() {
        let json = r#"{"timestamp":"2026-11-25T00:39:07.013142Z","level":"WARN","message":"will retry","reason":
            "no email","wait":"400ms","next_attempt":3,"span":{"request_id":"orders/2/0","service":"notifications"}}"#;
        let line =
            r#"00:39:07.013 WARN  notifications orders/2/0 will retry reason="no email" wait=400ms next_attempt=3"#;
        assert_eq!(plain(json), line);
    }

    #[test]
    fn a_component_cannot_forge_a_line_or_command_the_terminal() {
        let json = r#"{"timestamp":"2026-11-25T00:39:07.013142Z","level":"INFO","message":"a\n00:39 ERROR b\u001b[2J",
            "stream":"stdout","target":"guest"}"#;
        assert_eq!(plain(json), "00:39:07.013 INFO  | a\n    00:39 ERROR b\\u{1b}[2J stream=stdout");
    }

    #[test]
    fn colours_are_for_terminals() {
        let line: Line = serde_json::from_str(r#"{"timestamp":"t","level":"ERROR","message":"m"}"#).unwrap();
        assert_eq!(text(&line, true), "\x1b[2mt\x1b[0m \x1b[1;31mERROR\x1b[0m m");
    }
}
