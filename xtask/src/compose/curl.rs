//! HTTP requests, by curl, as the documents show them.

use std::process::Command;

use anyhow::Result;

use super::engine::output;

/// The status and the body of a GET.
pub fn get(url: &str) -> Result<String> {
    curl(&[url])
}

/// The status and the body of a GET with a token for the admin port.
pub fn get_with_token(url: &str, token: &str) -> Result<String> {
    curl(&["--header", &format!("authorization: Bearer {token}"), url])
}

/// The status and the body of a POST of JSON.
pub fn post(url: &str, json: &str) -> Result<String> {
    curl(&["--header", "content-type: application/json", "--data", json, url])
}

fn curl(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--write-out", " %{http_code}"]);
    output(command.args(arguments))
}
