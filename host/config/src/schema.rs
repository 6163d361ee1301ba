//! The JSON Schema of a manifest, derived from the types that parse it.
//!
//! It accepts every text with a `${NAME}` in it wherever a text may be, for editors do not know the environment. It is meant
//! to say early what is wrong, and never to refuse what the host takes: what parts have to do with each other, only
//! `checks.rs` says.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::Manifest;
use super::kinds::VARIABLE;

/// The forms of a capability's tables in a manifest.
pub struct Forms {
    /// Its key in both.
    pub name: &'static str,
    /// What it reads of `[backends]`, if there is a server behind it.
    pub backend: Option<Schema>,
    /// What it reads of a service's `grants`, if it needs one.
    pub grant: Option<Schema>,
}

/// The schema of a manifest with the tables of these capabilities, in the draft that most editors know.
pub fn schema(capabilities: Vec<Forms>) -> Schema {
    let mut schema = generator().into_root_schema_for::<Manifest>();
    schema.insert("title".to_owned(), "A manifest of componentd".into());
    for Forms { name, backend, grant } in capabilities {
        let parts = [
            ("/properties/backends/properties", backend),
            ("/properties/services/additionalProperties/properties/grants/properties", grant),
        ];
        for (table, form) in parts {
            let table = schema.pointer_mut(table).and_then(Value::as_object_mut);
            table.expect("a manifest has both tables").extend(form.map(|form| (name.to_owned(), form.to_value())));
        }
    }
    schema
}

/// The form of a part of a manifest.
pub fn form<T: JsonSchema>() -> Schema {
    let mut form = generator().into_root_schema_for::<T>();
    for of_a_root in ["$schema", "title"] {
        form.remove(of_a_root);
    }
    form
}

fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.with_transform(ForToml).into_generator()
}

/// TOML has no null: what may be absent is absent. A text that is one of a few may come from a variable.
#[derive(Clone)]
struct ForToml;

impl Transform for ForToml {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        let types = object.get_mut("type");
        if let Some(types) = types {
            let only = types.as_array_mut().and_then(|all| {
                all.retain(|kind| kind != "null");
                (all.len() == 1).then(|| all.remove(0))
            });
            *types = only.unwrap_or_else(|| types.take());
        }
        if let Some(inner) = without_null(object.get("anyOf")) {
            object.remove("anyOf");
            for (key, value) in inner {
                object.entry(key).or_insert(value);
            }
        }
        let choices = object.get_mut("oneOf").and_then(Value::as_array_mut);
        if let Some(choices) = choices.filter(|choices| choices.iter().all(|choice| choice["const"].is_string())) {
            choices.push(json!({ "type": "string", "pattern": VARIABLE }));
        }
    }
}

/// The one that is left of two, where the other is null.
fn without_null(any_of: Option<&Value>) -> Option<serde_json::Map<String, Value>> {
    match any_of?.as_array()?.as_slice() {
        [inner, null] if null["type"] == "null" => inner.as_object().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the schema has for this key, from table to table.
    fn at(path: &[&str]) -> Value {
        path.iter().fold(schema(Vec::new()).to_value(), |schema, key| schema["properties"][key].clone())
    }

    #[test]
    fn defaults_are_written_as_in_a_manifest() {
        let services = at(&["services"]);
        let service = &services["additionalProperties"]["properties"];
        assert_eq!(service["limits"]["properties"]["memory"]["default"], "64MiB");
        assert_eq!(service["limits"]["properties"]["cpu"]["default"], "200ms");
        assert_eq!(service["swap"]["properties"]["watch"]["default"], "1m");
        assert_eq!(service["isolation"]["default"], "reuse");
        assert_eq!(at(&["host", "instances"])["default"], 1_000);
    }

    #[test]
    fn nothing_may_be_null() {
        let text = schema(Vec::new()).to_value().to_string();
        assert!(!text.contains("null"), "{text}");
    }
}
