//! The reference of the manifest, a page in Markdown, from the schema.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{Forms, schema};

type Object = Map<String, Value>;

/// What stands before the tables.
const HEAD: &str = "\
# The manifest

<!-- Made by `cargo xtask reference` from the types that parse a manifest, in host/config: edit their comments. -->

One TOML file; [componentd.toml](../../componentd.toml) is the store's. Unknown keys, unset variables and values that
cannot be are errors that name the file, the line and the key, and nothing is started. Paths are taken from the
manifest's own folder.

`${NAME}` in any text is taken from the environment, or else from [`.componentd/env`](operating.md#the-variables-of-a-manifest)
beside the manifest; it is an error if that is unset or empty. `${NAME:-default}` has a default, which may be empty.
`${file:/run/secrets/name}` is what a file has, without the line end behind it; it is read with the manifest, and shown in no
message. `${file:/run/secrets/name:-default}` has a default for a file that is not there, or is empty.
Expansion happens after the file has been parsed, so a value cannot become syntax. Numbers are numbers, and cannot come
from a variable.

Types: an *address* is `IP:PORT` (port 0 takes any free one); a *duration* is `200ms`, `10s`, `2m`; a *size* is `64MiB`,
`512KB`; an *origin* is `https://host` or `http://host:port`, without a path; a *pattern* is literal text in which `*`
stands for any run of characters; a *share* of requests is `10% for 60s`.

`componentd schema` prints a JSON Schema of all this for editors: with `componentd schema > manifest.schema.json`, a first
line `#:schema manifest.schema.json` in the manifest makes those that know [Taplo](https://taplo.tamasfe.dev) complete
its keys and say what is wrong.
";

/// The page.
pub fn reference(capabilities: Vec<Forms>) -> String {
    let schema = schema(capabilities).to_value();
    let mut page = HEAD.to_owned();
    for (name, table) in properties(&schema) {
        sections(&mut page, &Place::root(name), table);
    }
    page
}

/// Where a table stands, and how deep.
struct Place {
    path: String,
    depth: usize,
    is_list: bool,
}

impl Place {
    fn root(name: &str) -> Self {
        Self { path: name.to_owned(), depth: 0, is_list: false }
    }

    fn within(&self, name: &str) -> Self {
        Self { path: format!("{}.{name}", self.path), depth: self.depth + 1, is_list: false }
    }

    /// Below a service, headings are a level deeper.
    fn heading(&self) -> String {
        let level = if self.depth < 2 { "##" } else { "###" };
        let (open, close) = if self.is_list { ("[[", "]]") } else { ("[", "]") };
        format!("\n{level} `{open}{}{close}`\n", self.path)
    }
}

/// A section for each table in this value: itself, its items, or its values by name.
fn sections(page: &mut String, place: &Place, value: &Value) {
    if let Some(items) = value.get("items") {
        sections(page, &Place { path: place.path.clone(), depth: place.depth, is_list: true }, items);
    } else if let Some(values) = value.get("additionalProperties").filter(|values| values.is_object()) {
        let name = value["propertyNames"]["title"].as_str().unwrap_or("name");
        sections(page, &place.within(&format!("<{name}>")), values);
    } else if let Some(choices) = value["anyOf"].as_array() {
        choices.iter().for_each(|choice| sections(page, place, choice));
    } else if value.get("properties").is_some() {
        section(page, place, value);
    }
}

fn section(page: &mut String, place: &Place, table: &Value) {
    page.push_str(&place.heading());
    if let Some(text) = description(table) {
        let _ = writeln!(page, "\n{text}");
    }
    page.push_str("\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for (key, value) in properties(table) {
        page.push_str(&row(key, value, is_required(table, key)));
    }
    for (key, value) in properties(table) {
        sections(page, &place.within(key), value);
    }
}

fn row(key: &str, value: &Value, is_required: bool) -> String {
    let default = match (value.get("default"), is_required) {
        (_, true) => "required".to_owned(),
        (Some(default), _) => default_text(default),
        (None, _) if is_table(value) => String::new(),
        (None, _) => "none".to_owned(),
    };
    let cells = [format!("`{key}`"), kind(value), default, meaning(value)];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |")
}

fn default_text(default: &Value) -> String {
    match default {
        Value::String(text) => format!("`{text}`"),
        Value::Array(_) | Value::Object(_) => "empty".to_owned(),
        other => format!("`{other}`"),
    }
}

/// The type as the reader knows it.
fn kind(value: &Value) -> String {
    if let Some(title) = value["title"].as_str() {
        return title.to_owned();
    }
    if let Some(choices) = value["anyOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(", or ");
    }
    if let Some(choices) = value["oneOf"].as_array().filter(|_| !is_table(value)) {
        let texts = choices.iter().filter_map(|choice| choice["const"].as_str());
        return texts.map(|text| format!("`\"{text}\"`")).collect::<Vec<_>>().join(" or ");
    }
    match value["type"].as_str() {
        Some("integer" | "number") => "number".to_owned(),
        Some("array") => format!("list of {}", plural(&kind(&value["items"]))),
        Some("object") if value["additionalProperties"].is_object() => {
            format!("table of {}", plural(&kind(&value["additionalProperties"])))
        }
        Some("object") => "table".to_owned(),
        Some("string") => "text".to_owned(),
        other => other.unwrap_or_default().to_owned(),
    }
}

fn plural(kind: &str) -> String {
    if kind == "text" { kind.to_owned() } else { format!("{kind}s") }
}

/// The comment, the choices, and the bounds.
fn meaning(value: &Value) -> String {
    let inner = value.get("items").or(value.get("additionalProperties"));
    let text = description(value).or_else(|| inner.and_then(description)).unwrap_or_default();
    let choices = value["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|choice| Some(format!("`\"{}\"`: {}", choice["const"].as_str()?, description(choice)?)));
    let all: Vec<_> =
        std::iter::once(text).chain(choices).chain(bounds(value)).filter(|text| !text.is_empty()).collect();
    all.join(" ")
}

fn bounds(value: &Value) -> Option<String> {
    let (least, most) = (value["minimum"].as_f64().unwrap_or_default(), value["maximum"].as_f64());
    match most.filter(|_| value["type"] != "integer" || value["format"] != "uint16" || least > 0.0) {
        Some(most) => Some(format!("From {least} to {most}.")),
        None if least > 0.0 => Some(format!("At least {least}.")),
        None => None,
    }
}

/// The comment of a type or a field, in one line.
fn description(value: &Value) -> Option<String> {
    Some(value["description"].as_str()?.replace('\n', " "))
}

fn is_table(value: &Value) -> bool {
    value["type"] == "object"
}

fn is_required(table: &Value, key: &str) -> bool {
    table["required"].as_array().is_some_and(|required| required.iter().any(|name| name == key))
}

fn properties(table: &Value) -> impl Iterator<Item = (&String, &Value)> {
    table["properties"].as_object().into_iter().flat_map(Object::iter)
}
