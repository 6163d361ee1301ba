//! Random bytes, many in one call of the host. The standard library asks for a few at a time.

use componentd_sdk::http::{Problem, Request, Response};

/// The interface alone.
mod wit {
    wit_bindgen::generate!({
        inline: "package guest:misbehave; world random { import wasi:random/random@0.2.12; }",
        path: ["../../wit/random"],
        generate_all,
    });
}

/// `?mib=8`: answers with whether so many have come, and are not all alike.
pub fn get(request: &Request) -> Result<Response, Problem> {
    let mebibytes: u64 = request.query_parameter("mib").and_then(|text| text.parse().ok()).unwrap_or_default();
    let bytes = wit::wasi::random::random::get_random_bytes(mebibytes << 20);
    let varied = bytes.windows(2).any(|pair| pair[0] != pair[1]);
    Ok(Response::text(200, format!("{} {varied}", bytes.len())))
}
