//! `wasi:config`, all of it.

use componentd_sdk::config;
use componentd_sdk::http::{Problem, Request, Response};
use serde_json::{Map, Value};

pub(crate) fn all(_: &Request) -> Result<Response, Problem> {
    let pairs = config::all()?.into_iter().map(|(key, value)| (key, Value::String(value)));
    Response::json(200, &pairs.collect::<Map<_, _>>())
}
