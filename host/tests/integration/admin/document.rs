//! The document of the admin API, and whether an answer is as it says.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use serde_json::{Map, Value};

use crate::support::client::Reply;

/// What `GET /openapi.json` has answered.
pub struct Document(Value);

/// One method of one path, as in `GET /services`.
pub struct Operation<'a> {
    pub method: String,
    pub path: &'a str,
    described: &'a Value,
}

impl Document {
    pub fn new(document: Value) -> Self {
        Self(document)
    }

    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in object(&self.0["paths"]) {
            for (method, described) in object(item) {
                operations.push(Operation { method: method.to_uppercase(), path, described });
            }
        }
        operations
    }

    /// Every status of every operation, as in `GET /services 200`.
    pub fn answers(&self) -> BTreeSet<String> {
        let mut answers = BTreeSet::new();
        for operation in self.operations() {
            let statuses = object(&operation.described["responses"]).keys();
            answers.extend(statuses.map(|status| format!("{} {status}", operation.route())));
        }
        answers
    }

    /// # Panics
    /// The answer of this route has another status, content type or body than the document describes.
    #[track_caller]
    pub fn check(&self, route: &str, reply: &Reply) {
        let (method, path) = route.split_once(' ').unwrap();
        let content_type = reply.header("content-type").unwrap().split(';').next().unwrap();
        let (method, path, status) = (method.to_lowercase(), path.replace('/', "~1"), reply.status);
        let content_type = content_type.replace('/', "~1");
        let pointer = format!("/paths/{path}/{method}/responses/{status}/content/{content_type}/schema");
        assert!(self.0.pointer(&pointer).is_some(), "{route}: {pointer} is not described: {reply:?}");
        let body = if content_type.ends_with("json") { reply.json() } else { reply.text().into() };
        if let Err(error) = self.validate(&pointer, &body) {
            panic!("{route}: {error:#}\n{body:#}");
        }
    }

    fn validate(&self, pointer: &str, body: &Value) -> Result<(), String> {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let mut document = self.0.clone();
        close(&mut document);
        compiler.add_resource("http://host/openapi.json", document).unwrap();
        let fragment = pointer.replace('{', "%7B").replace('}', "%7D");
        let schema = compiler.compile(&format!("http://host/openapi.json#{fragment}"), &mut schemas);
        schemas.validate(body, schema.unwrap()).map_err(|error| error.to_string())
    }
}

impl Operation<'_> {
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn needs_token(&self) -> bool {
        self.described["security"].as_array().is_some_and(|required| !required.is_empty())
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}"))
}

/// So that a member that is not described is an error.
fn close(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
