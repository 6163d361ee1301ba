//! Many requests at once, none of which is waited for.

use std::thread;
use std::time::Duration;

use componentd_sdk::http::{Problem, Request, Response};
use componentd_sdk::wit::wasi::http::outgoing_handler;
use componentd_sdk::wit::wasi::http::types::{Fields, FutureIncomingResponse, OutgoingRequest, Scheme};
use serde::Deserialize;
use serde_json::json;

const LOOK: Duration = Duration::from_millis(5);

/// `{"authority":"127.0.0.1:80","path":"/never","count":3000,"failures":2984}`: waits until so many have failed, and answers
/// with how many have, and how: `{"failed":2984,"how":["ErrorCode::ConnectionLimitReached"]}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Storm {
    authority: String,
    path: String,
    count: usize,
    failures: usize,
}

pub(crate) fn run(request: &Request) -> Result<Response, Problem> {
    let storm: Storm = request.json()?;
    let mut how = Vec::new();
    let mut under_way: Vec<FutureIncomingResponse> = Vec::new();
    for _ in 0..storm.count {
        match outgoing_handler::handle(storm.request(), None) {
            Ok(answer) => under_way.push(answer),
            Err(code) => how.push(format!("{code:?}")),
        }
    }
    loop {
        // None is there before somebody has looked whether it is.
        under_way.retain(|answer| match answer.subscribe().ready().then(|| answer.get()).flatten() {
            Some(Ok(Err(code))) => {
                how.push(format!("{code:?}"));
                false
            }
            _ => true,
        });
        if how.len() >= storm.failures {
            break;
        }
        thread::sleep(LOOK);
    }
    let failed = how.len();
    how.dedup();
    Response::json(200, &json!({ "failed": failed, "how": how }))
}

impl Storm {
    fn request(&self) -> OutgoingRequest {
        let request = OutgoingRequest::new(Fields::new());
        request.set_scheme(Some(&Scheme::Http)).expect("it is a scheme");
        request.set_authority(Some(&self.authority)).expect("a test gives one that is one");
        request.set_path_with_query(Some(&self.path)).expect("a test gives one that is one");
        request
    }
}
