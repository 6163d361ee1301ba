//! Whether a version that nothing calls yet starts, and answers as the manifest expects.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tracing::info_span;

use crate::config::Probe;
use crate::deployment::Deployment;
use crate::dispatch;
use crate::ingress::received::Received;
use crate::rejected::Rejected;

/// Instantiates the version, and sends it the service's probe request if there is one.
///
/// # Errors
/// It does not start, or its answer is another one.
pub async fn probe(next: &Arc<Deployment>) -> Result<(), Rejected> {
    instantiate(next).await?;
    let Some(probe) = &next.spec.swap.probe else { return Ok(()) };
    let span = info_span!("probe", service = next.name, version = %next.version.digest);
    let failed = Rejected::at("probed");
    let request = Request::get(&probe.path).header(http::header::HOST, "localhost").body(Received::default());
    let request = request.map_err(|e| failed(&e))?;
    let response = dispatch::http(next, request, dispatch::PROBE, span).await.map_err(|e| failed(&e))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|e| failed(&format!("{}: {e}", probe.path)))?;
    compare(probe, status, &body.to_bytes()).map_err(|difference| failed(&format!("{} {difference}", probe.path)))
}

/// Instantiates the version, which needs nothing but itself.
///
/// # Errors
/// It does not start.
pub async fn instantiate(next: &Arc<Deployment>) -> Result<(), Rejected> {
    dispatch::instantiate(next).await.map_err(|e| Rejected::at("instantiated")(&e))
}

fn compare(expected: &Probe, status: StatusCode, body: &[u8]) -> Result<(), String> {
    let is_expected = expected.status.map_or(status.is_success(), |expected| status == expected);
    match (&expected.body_contains, expected.status) {
        (_, None) if !is_expected => Err(format!("answered {status}, which is no 2xx")),
        (_, Some(expected)) if !is_expected => Err(format!("answered {status}, not {expected}")),
        (Some(text), _) if !String::from_utf8_lossy(body).contains(text) => {
            Err(format!("answered {status} without {text:?} in the body"))
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
            compare(&expected, StatusCode::from_u16(answered).unwrap(), body.as_bytes()).err().unwrap_or_default()
        };
        assert_eq!(said(None, None, 204, ""), "");
        assert_eq!(said(None, None, 302, ""), "answered 302 Found, which is no 2xx");
        assert_eq!(said(Some(405), None, 405, ""), "");
        assert_eq!(said(Some(405), None, 200, ""), "answered 200 OK, not 405");
        assert_eq!(said(None, Some("tea"), 200, "some tea"), "");
        assert_eq!(said(Some(200), Some("tea"), 200, "coffee"), "answered 200 OK without \"tea\" in the body");
    }
}
