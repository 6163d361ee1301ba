//! How the host is: readiness, and the mailbox of a store that sends no real mail.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::json;

use super::{Admin, json as json_response};
use crate::ingress::problem::{Body, full, problem};
use crate::topics::Named;

/// How long a backend may take before it counts as away.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// More than the mailbox ever holds.
pub(super) const MAX_ANSWER: usize = 16 << 20;

impl Admin {
    /// With `reasons`, what is missing and why. They name servers and users, so they are for those who may ask for all else.
    pub(super) async fn ready(&self, reasons: bool) -> Response<Body> {
        if self.supervisor.stopping.is_cancelled() {
            let stopping = json!({"status": "stopping", "missing": ["the host was told to stop"], "warnings": []});
            return json_response(StatusCode::SERVICE_UNAVAILABLE, &stopping);
        }
        let (mut missing, mut warnings, mut topics) = (Vec::new(), Vec::new(), BTreeSet::new());
        for service in self.supervisor.services() {
            missing.extend(service.troubles.holds());
            warnings.extend(service.troubles.warnings());
            topics.extend(service.live().spec.topics());
            if !service.is_ready() {
                let reason = service.waits_for().map(|reason| format!(": {reason}")).unwrap_or_default();
                missing.push(format!("service {} cannot be called yet{reason}", service.name));
            }
            let absent = service.live().databases.absent(PING_TIMEOUT).await;
            missing.extend(absent.iter().map(|absence| format!("service {}: {absence}", service.name)));
        }
        missing.extend(
            self.supervisor.swapper.clients.missing(topics.into_iter().map(Named::from).collect(), PING_TIMEOUT).await,
        );
        if !reasons {
            (missing, warnings) = (few(missing), few(warnings));
        }
        match missing.as_slice() {
            [] => json_response(StatusCode::OK, &json!({"status": "ready", "warnings": warnings})),
            missing => json_response(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({"status": "waiting", "missing": missing, "warnings": warnings}),
            ),
        }
    }

    pub(super) async fn mailbox(&self) -> Response<Body> {
        let Some(mailbox) = &self.settings.mailbox else {
            return problem(StatusCode::NOT_FOUND, "there is no mailbox: mails go to SendGrid; see `admin.mailbox`");
        };
        let Ok(uri) = mailbox.as_str().parse() else {
            return problem(StatusCode::BAD_GATEWAY, "`admin.mailbox` cannot be asked");
        };
        match self.http.get(uri).await {
            Ok(answer) => pass_on(answer).await,
            Err(_) => problem(StatusCode::BAD_GATEWAY, "the mailbox does not answer"),
        }
    }
}

/// How many there are, and how to learn them.
fn few(reasons: Vec<String>) -> Vec<String> {
    let hint = || vec![format!("{} left out: ask with the token of the admin port, or see the log", reasons.len())];
    if reasons.is_empty() { reasons } else { hint() }
}

async fn pass_on(answer: Response<Incoming>) -> Response<Body> {
    let status = answer.status();
    match Limited::new(answer.into_body(), MAX_ANSWER).collect().await {
        Ok(body) => {
            let mut response = super::with_type("application/json", full(body.to_bytes()));
            *response.status_mut() = status;
            response
        }
        Err(_) => problem(StatusCode::BAD_GATEWAY, "the mailbox ended its answer early"),
    }
}
