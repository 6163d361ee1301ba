//! Bodies that no endpoint takes, made from one that it would.

use http::Method;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::Request;

/// What an endpoint takes, and values that its fields must not have.
#[derive(Clone)]
pub struct Form {
    path: &'static str,
    valid: Value,
    wrong: Vec<(&'static str, Value)>,
}

const METHODS: [&str; 5] = ["GET", "PUT", "PATCH", "DELETE", "BREW"];

const CONTENT_TYPES: [&str; 6] = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    "json",
    "",
];

impl Form {
    pub fn new(path: &'static str, valid: Value) -> Self {
        Self { path, valid, wrong: Vec::new() }
    }

    pub fn wrong(mut self, field: &'static str, values: impl IntoIterator<Item = Value>) -> Self {
        self.wrong.extend(values.into_iter().map(|value| (field, value)));
        self
    }

    fn post(&self, body: impl Into<Vec<u8>>) -> Request {
        Request::post(self.path, body)
    }

    fn with(&self, field: &str, value: Value) -> Vec<u8> {
        let mut body = self.valid.clone();
        body[field] = value;
        body.to_string().into_bytes()
    }

    fn without(&self, field: &str) -> Vec<u8> {
        let mut body = self.valid.clone();
        body.as_object_mut().unwrap().remove(field);
        body.to_string().into_bytes()
    }

    /// The field stands there twice, both times with a value that would do alone.
    fn twice(&self, field: &str) -> Vec<u8> {
        let text = self.valid.to_string();
        format!("{{{}:{},{}", json!(field), self.valid[field], &text[1..]).into_bytes()
    }

    fn fields(&self) -> Vec<String> {
        self.valid.as_object().unwrap().keys().cloned().collect()
    }

    fn with_content_type(&self, content_type: impl Into<String>) -> Request {
        Request { content_type: Some(content_type.into()), ..self.post(self.valid.to_string()) }
    }

    fn with_method(&self, method: &str) -> Request {
        Request { method: Method::from_bytes(method.as_bytes()).unwrap(), ..self.post(self.valid.to_string()) }
    }

    /// Each kind at least once.
    pub fn by_hand(&self) -> Vec<Request> {
        let mut requests: Vec<Request> = odd_bodies().into_iter().map(|body| self.post(body)).collect();
        requests.extend(self.wrong.iter().map(|(field, value)| self.post(self.with(field, value.clone()))));
        for field in self.fields() {
            requests.extend([self.without(&field), self.twice(&field)].map(|body| self.post(body)));
            requests.push(self.post(self.with(&field, nested(100))));
        }
        requests.extend(CONTENT_TYPES.map(|content_type| self.with_content_type(content_type)));
        requests.extend(METHODS.map(|method| self.with_method(method)));
        requests
    }

    pub fn at_random(self) -> impl Strategy<Value = Request> {
        let (path, valid) = (self.path, self.valid.to_string().into_bytes());
        let (near, mistyped) = (self.clone(), self.clone());
        let cut = valid.clone();
        let length = valid.len();
        let fields = self.fields();
        let body = prop_oneof![
            2 => vec(any::<u8>(), 0..300),
            2 => any::<String>().prop_map(String::into_bytes),
            3 => json_value().prop_map(|value| value.to_string().into_bytes()),
            5 => select(self.wrong.clone()).prop_map(move |(field, value)| near.with(field, value)),
            3 => (select(fields), not_text()).prop_map(move |(field, value)| mistyped.with(&field, value)),
            2 => (0..length).prop_map(move |at| cut[..at].to_vec()),
            2 => (0..length, 128..=255_u8).prop_map(move |(at, byte)| [&valid[..at], &[byte], &valid[at..]].concat()),
            1 => (1..5_000_usize, select(vec!["[", "{\"a\":", "[{\"\":"])).prop_map(|(depth, open)| open.repeat(depth).into_bytes()),
        ];
        let other = self.clone();
        prop_oneof![
            8 => body.prop_map(move |body| Request::post(path, body)),
            1 => "[a-z]{1,9}/[a-z]{1,12}".prop_filter("JSON", |text| !text.ends_with("/json")).prop_map(move |text| self.with_content_type(text)),
            1 => select(METHODS.to_vec()).prop_map(move |method| other.with_method(method)),
        ]
    }
}

/// No endpoint takes any of these.
fn odd_bodies() -> Vec<Vec<u8>> {
    let texts = [
        "",
        " ",
        "{",
        "}",
        "null",
        "true",
        "0",
        "\"text\"",
        "[]",
        "{}",
        "{}{}",
        "{'a': 1}",
        "{\"a\":1,}",
        "\u{feff}{}",
        "\0",
    ];
    let mut bodies: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    bodies.extend([b"\xff\xfe{\0}\0".to_vec(), b"{\"email\":\"\xc3\x28\"}".to_vec(), b"{\"a\":\"\\ud800\"}".to_vec()]);
    bodies.extend(["[", "{\"a\":"].map(|open| open.repeat(100_000).into_bytes()));
    bodies.push(format!("{{\"a\":{}}}", "9".repeat(100_000)).into_bytes());
    bodies.push(format!("{{\"{}\":1}}", "k".repeat(500_000)).into_bytes());
    bodies
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

/// None of these is a text, a positive integer, or a list of either.
fn not_text() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (i64::MIN..0).prop_map(Value::from),
        (1_u64 << 63..).prop_map(Value::from),
        "[a-z]{1,8}".prop_map(|key| json!({ key: 1 })),
        vec(any::<bool>(), 1..5).prop_map(Value::from),
    ]
}

/// Objects have keys of one letter, so none is what an endpoint takes.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]", inner, 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}
