//! A request under way, and whether the server that it is for was there.

use http::StatusCode;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::capability::away::BackendAway;

/// Where it ends without an answer, also because the component would not wait longer, the other server was away.
pub(super) struct Asking(Option<BackendAway>);

impl Asking {
    pub fn new(away: BackendAway) -> Self {
        Self(Some(away))
    }

    pub fn ended(mut self, answer: &Result<http::Response<WasiBody>, Error>) {
        let is_there = match answer {
            Ok(answer) => !says_away(answer.status()),
            Err(error) => is_of_the_request(error),
        };
        if is_there {
            self.0 = None;
        }
    }
}

/// By these a server, or the one before it, says that it is not there just now, and nothing of what it was asked.
fn says_away(status: StatusCode) -> bool {
    [429, 502, 503, 504].contains(&status.as_u16())
}

/// Waiting mends nothing of these.
fn is_of_the_request(error: &Error) -> bool {
    matches!(
        error,
        Error::DestinationIpProhibited
            | Error::HttpRequestDenied
            | Error::HttpRequestUriInvalid
            | Error::HttpRequestMethodInvalid
    )
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(away) = &self.0 {
            away.note();
        }
    }
}
