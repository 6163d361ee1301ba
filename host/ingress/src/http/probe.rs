//! Whether a version answers as the manifest expects.

use std::sync::Arc;

use componentd_config::Probe;
use componentd_core::deployment::Deployment;
use componentd_core::dispatch::PROBE;
use componentd_core::scope::Scope;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tracing::info_span;

use super::call::call;
use super::failure::Failure;
use super::received::Received;
use super::response::ResponseCut;

/// Why a version has not passed its probe.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error(transparent)]
    Request(#[from] http::Error),
    #[error(transparent)]
    Response(#[from] Failure),
    #[error("{path}: {source}")]
    Cut { path: String, source: ResponseCut },
    #[error("{path} answered {difference}")]
    Answer { path: String, difference: Difference },
}

/// How an answer is another one than the manifest expects.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Difference {
    #[error("{0}, which is no 2xx")]
    Unsuccessful(StatusCode),
    #[error("{answered}, not {expected}")]
    Status { answered: StatusCode, expected: u16 },
    #[error("{answered} without {text:?} in the body")]
    Body { answered: StatusCode, text: String },
}

/// Sends a version the service's probe request, if there is one.
///
/// # Errors
/// It does not answer, or its answer is another one.
pub(super) async fn probe(next: &Arc<Deployment>) -> Result<(), ProbeError> {
    let Some(probe) = &next.spec.swap.probe else { return Ok(()) };
    let span = info_span!("probe", service = next.name, version = %next.version.digest());
    let request = Request::get(&probe.path).header(http::header::HOST, "localhost").body(())?;
    let scope = Scope::new(next.granted.clone(), PROBE, span);
    let head = Box::new(request.into_parts().0);
    let response = call(next.clone().into(), head, Received::default(), scope).await?;
    let (path, status) = (probe.path.clone(), response.status());
    match response.into_body().collect().await {
        Ok(body) => {
            compare(probe, status, &body.to_bytes()).map_err(|difference| ProbeError::Answer { path, difference })
        }
        Err(source) => Err(ProbeError::Cut { path, source }),
    }
}

fn compare(expected: &Probe, answered: StatusCode, body: &[u8]) -> Result<(), Difference> {
    match expected.status {
        None if !answered.is_success() => return Err(Difference::Unsuccessful(answered)),
        Some(expected) if answered != expected => return Err(Difference::Status { answered, expected }),
        _ => {}
    }
    match &expected.body_contains {
        Some(text) if !String::from_utf8_lossy(body).contains(text) => {
            Err(Difference::Body { answered, text: text.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_expected_is_said() {
        let said = |status: Option<u16>, text: Option<&str>, answered: u16, body: &str| {
            let expected = Probe { path: "/".to_owned(), status, body_contains: text.map(str::to_owned) };
            let compared = compare(&expected, StatusCode::from_u16(answered).unwrap(), body.as_bytes());
            compared.err().map(|difference| difference.to_string()).unwrap_or_default()
        };
        assert_eq!(said(None, None, 204, ""), "");
        assert_eq!(said(None, None, 302, ""), "302 Found, which is no 2xx");
        assert_eq!(said(Some(405), None, 405, ""), "");
        assert_eq!(said(Some(405), None, 200, ""), "200 OK, not 405");
        assert_eq!(said(None, Some("tea"), 200, "some tea"), "");
        assert_eq!(said(Some(200), Some("tea"), 200, "coffee"), "200 OK without \"tea\" in the body");
    }
}
