//! Calls any capability as the request tells it to, and answers with what came of it.
//!
//! | request | body |
//! | --- | --- |
//! | `POST /sql` | `sql::Statement` |
//! | `POST /redis` | `redis::Command` |
//! | `POST /kafka` | `kafka::Record` |
//! | `POST /http` | `http::Call` |
//! | `POST /fetch` | `fetch::Fetch` |
//! | `GET /circle?service=probe` | none: the service calls itself, or the other one, without an end of its own |
//! | `POST /storm` | `storm::Storm` |
//! | `GET /config` | answers all of the service's configuration as one object |
//!
//! An error of the capability is an answer as well: 200 and `{"error":{"kind":"denied","reason":"…"}}`.

mod config;
mod fetch;
mod float;
mod http;
mod kafka;
mod redis;
mod sql;
mod storm;

use componentd_sdk::export_http;
use componentd_sdk::http::Route;
use serde_json::{Value, json};

const ROUTES: &[Route] = &[
    Route::post("/sql", sql::run),
    Route::post("/redis", redis::run),
    Route::post("/kafka", kafka::send),
    Route::post("/http", http::call),
    Route::post("/fetch", fetch::run),
    Route::get("/circle", http::circle),
    Route::post("/storm", storm::run),
    Route::get("/config", config::all),
];

export_http!(ROUTES);

/// An error that is a kind and a text.
fn error(kind: &str, reason: &str) -> Value {
    json!({ "error": { "kind": kind, "reason": reason } })
}
