//! Whether the server that a request was for was there.

use componentd_core::call::CallOutcome;
use http::StatusCode;
use wasmtime_wasi_http::{Error, WasiBody};

/// How the call ended.
pub(super) fn outcome(answer: &Result<http::Response<WasiBody>, Error>) -> CallOutcome {
    match answer {
        Ok(answer) if says_away(answer.status()) => CallOutcome::Away,
        Ok(_) => CallOutcome::Ok,
        Err(Error::HttpRequestDenied | Error::DestinationIpProhibited) => CallOutcome::Denied,
        // Waiting mends nothing of these.
        Err(
            Error::HttpRequestUriInvalid
            | Error::HttpRequestMethodInvalid
            | Error::LoopDetected
            | Error::ConnectionLimitReached,
        ) => CallOutcome::Refused,
        Err(_) => CallOutcome::Away,
    }
}

/// By these a server, or the one before it, says that it is not there just now, and nothing of what it was asked.
fn says_away(status: StatusCode) -> bool {
    [429, 502, 503, 504].contains(&status.as_u16())
}
