//! What a service has logged, as JSON lines: the last ones, and those that come.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::{Admin, with_type};
use crate::ingress::problem::{Body, BodyError, full, problem};
use crate::telemetry::{Batch, RECENT, Ring};

const JSON_LINES: &str = "application/jsonl";

impl Admin {
    /// With `follow=true`, to the end of the host or of the client. Who reads too slowly loses lines, and is told how many:
    /// the host keeps no more for them than for everyone.
    pub(super) fn logs(&self, name: &str, query: Option<&str>) -> Response<Body> {
        if self.supervisor.service(name).is_none() {
            return self.no_service(name);
        }
        let ring = RECENT.ring(name);
        let recent = ring.recent();
        let follows = query.unwrap_or_default().split('&').any(|pair| pair == "follow=true");
        if !follows {
            return with_type(JSON_LINES, full(lines(&recent)));
        }
        match self.followers.clone().try_acquire_owned() {
            Ok(place) => with_type(JSON_LINES, followed(ring, recent, self.stop.clone(), place)),
            Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "as many follow logs as may; try again later"),
        }
    }
}

/// The next chunk is made when the client has taken the one before.
fn followed(ring: Arc<Ring>, recent: Batch, stop: CancellationToken, place: OwnedSemaphorePermit) -> Body {
    let first = stream::iter([frame(&recent)]);
    let further = stream::unfold((ring, recent.next, place), |(ring, from, place)| async move {
        let batch = ring.after(from).await;
        Some((frame(&batch), (ring, batch.next, place)))
    });
    StreamBody::new(first.chain(further).take_until(stop.cancelled_owned())).boxed_unsync()
}

fn frame(batch: &Batch) -> Result<Frame<Bytes>, BodyError> {
    Ok(Frame::data(lines(batch).into()))
}

fn lines(batch: &Batch) -> String {
    let lost = (batch.lost > 0).then(|| format!("{}\n", json!({"lost": batch.lost})));
    lost.into_iter().chain(batch.lines.iter().map(|line| format!("{line}\n"))).collect()
}
