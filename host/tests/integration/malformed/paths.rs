//! Paths that name no product.

use http::Method;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::Request;

const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "BREW"];

const IDS: [&str; 26] = [
    "0",
    "-1",
    "3",
    "00",
    "-0",
    "1.0",
    "1e0",
    "+1",
    "0x1",
    "one",
    "1a",
    "%31%00",
    "%00",
    "%",
    "%zz",
    "%ff%fe",
    "%2F",
    "1/",
    "1/2",
    "1%2F2",
    "..",
    "%20",
    "%201",
    "1;drop table products",
    "9223372036854775808",
    "-9223372036854775809",
];

fn get(path: String) -> Request {
    Request { method: Method::GET, path, content_type: None, body: Vec::new() }
}

pub fn by_hand() -> Vec<Request> {
    let ids = IDS.iter().map(|id| id.replace(' ', "%20"));
    let mut requests: Vec<Request> = ids.map(|id| get(format!("/products/{id}"))).collect();
    requests.push(get("/products/".to_owned()));
    requests.push(get("/product/1".to_owned()));
    requests.push(get("//products".to_owned()));
    requests.push(get(format!("/products/{}", "9".repeat(8_000))));
    requests
        .extend(METHODS.iter().flat_map(|method| ["/products", "/products/1"].map(|path| with_method(method, path))));
    requests
}

fn with_method(method: &str, path: &str) -> Request {
    Request { method: Method::from_bytes(method.as_bytes()).unwrap(), ..get(path.to_owned()) }
}

pub fn at_random() -> impl Strategy<Value = Request> {
    let encoded = vec(any::<u8>(), 1..40).prop_map(|bytes| bytes.iter().map(|byte| format!("%{byte:02X}")).collect());
    let id = prop_oneof![
        encoded,
        "[!$&'()*+,;=:@A-Za-z._~-]{1,30}",
        "-?[0-9]{1,40}",
        any::<i64>().prop_map(|id| id.to_string()),
        "[0-9]{1,5}[a-z.,]{1,3}[0-9]{0,5}",
    ];
    let unknown = id.prop_filter("there is such a product", |id| !is_product(id));
    prop_oneof![
        6 => unknown.prop_map(|id| get(format!("/products/{id}"))),
        1 => select(METHODS.to_vec()).prop_map(|method| with_method(method, "/products/1")),
    ]
}

/// `01` is 1; encoded digits are digits.
fn is_product(id: &str) -> bool {
    let encoded_digit = id.starts_with("%3");
    encoded_digit || matches!(id.parse(), Ok(1_i64 | 2))
}
