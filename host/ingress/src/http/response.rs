//! The response of a component. Its body ends well only if the component has finished it, and its invocation has not failed
//! before.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use componentd_core::away::BackendAway;
use componentd_core::deployment::{Deployment, Outcomes};
use componentd_core::dispatch::InvocationError;
use componentd_core::metrics::Outcome;
use futures_util::FutureExt;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use tracing::{Span, error};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::failure::Failure;

/// What a component answers.
pub(super) type GuestResponse = Response<GuestBody>;

/// The response will not be whole. The log says why.
#[derive(Debug, thiserror::Error)]
#[error("the response was cut")]
pub(super) struct ResponseCut;

/// The body of a response.
pub(super) enum GuestBody {
    Whole(Whole),
    Open(Box<Open>),
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = ResponseCut;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ResponseCut>>> {
        match self.get_mut() {
            Self::Whole(whole) => Poll::Ready(whole.next().map(Ok)),
            Self::Open(open) => open.poll_next(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_empty(),
            Self::Open(open) => open.is_over && open.trailers.is_none(),
        }
    }
}

/// A body that was there when the invocation ended, as most are.
#[derive(Default)]
pub(super) struct Whole {
    /// Most have no second part, and no list for more.
    first: Option<Bytes>,
    rest: VecDeque<Bytes>,
    trailers: Option<Box<HeaderMap>>,
}

impl Whole {
    /// Takes in a body that nobody writes to any more.
    ///
    /// # Errors
    /// The component has not finished it, or it is larger than the limit.
    pub(super) fn take_in(body: HyperOutgoingBody, limit: usize) -> Result<Self, Failure> {
        if body.is_end_stream() {
            return Ok(Self::default());
        }
        // What is there, is there at once, however much of its time the task has used.
        let collected = tokio::task::unconstrained(Self::collect(body, limit)).now_or_never();
        collected.unwrap_or(Err(Failure::Unfinished))
    }

    async fn collect(mut body: HyperOutgoingBody, limit: usize) -> Result<Self, Failure> {
        let (mut whole, mut length) = (Self::default(), 0);
        while let Some(frame) = body.frame().await {
            match frame.map_err(|_| Failure::Unfinished)?.into_data() {
                Ok(part) => {
                    length += part.len();
                    if length > limit {
                        return Err(Failure::TooLarge(limit));
                    }
                    whole.push(part);
                }
                Err(last) => whole.trailers = last.into_trailers().ok().map(Box::new),
            }
        }
        Ok(whole)
    }

    fn push(&mut self, part: Bytes) {
        if self.first.is_none() { self.first = Some(part) } else { self.rest.push_back(part) }
    }

    fn next(&mut self) -> Option<Frame<Bytes>> {
        let part = self.first.take().or_else(|| self.rest.pop_front());
        part.map(Frame::data).or_else(|| self.trailers.take().map(|trailers| Frame::trailers(*trailers)))
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_empty() && self.trailers.is_none()
    }
}

/// A body that the component may still be writing.
pub(super) struct Open {
    body: HyperOutgoingBody,
    fate: Arc<Fate>,
    limit: usize,
    /// Where the client sees the end without being told, for it knows the length.
    declared: Option<usize>,
    /// The part that reaches that length, until it is known that the body is whole.
    held: Option<Bytes>,
    taken: usize,
    trailers: Option<HeaderMap>,
    is_over: bool,
}

impl Open {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ResponseCut>>> {
        while !self.is_over {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    // A flush of nothing is no part, and must not take the place of one that is held.
                    Ok(part) if part.is_empty() => {}
                    Ok(part) if self.is_too_much(&part) => return Poll::Ready(Some(Err(self.cut()))),
                    Ok(part) if self.declared == Some(self.taken) => self.held = Some(part),
                    Ok(part) => return Poll::Ready(Some(Ok(self.send(part)))),
                    Err(last) => self.trailers = last.into_trailers().ok(),
                },
                None if !self.fate.has_failed() => self.end(BodyEnd::Whole),
                Some(Err(_)) | None => return Poll::Ready(Some(Err(self.cut()))),
            }
        }
        let last = self.held.take().map(|part| self.send(part));
        Poll::Ready(last.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    /// Whether the body is larger than the service may answer, or than the client was told.
    fn is_too_much(&mut self, part: &Bytes) -> bool {
        self.taken += part.len();
        if self.taken > self.limit {
            self.fate.fail(&Failure::TooLarge(self.limit));
        }
        self.taken > self.limit || self.declared.is_some_and(|declared| self.taken > declared)
    }

    fn send(&self, part: Bytes) -> Frame<Bytes> {
        self.fate.sent.fetch_add(part.len(), Ordering::Relaxed);
        Frame::data(part)
    }

    fn end(&mut self, end: BodyEnd) {
        self.is_over = true;
        let _ = self.fate.end.set(end);
    }

    fn cut(&mut self) -> ResponseCut {
        self.end(BodyEnd::Unfinished);
        (self.held, self.trailers) = (None, None);
        ResponseCut
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.end(BodyEnd::Unread);
    }
}

/// How a body ended.
#[derive(Debug)]
enum BodyEnd {
    Whole,
    Unfinished,
    /// The client has left, or has not asked for the body.
    Unread,
}

/// What becomes of an invocation whose response is out before its end. It is counted when the invocation and the body have
/// both ended, whichever does so later.
pub(super) struct Fate {
    outcomes: Arc<Outcomes>,
    away: BackendAway,
    span: Span,
    status: StatusCode,
    /// The first one.
    failure: OnceLock<Outcome>,
    /// Bytes of the body that the client was given.
    sent: AtomicUsize,
    end: OnceLock<BodyEnd>,
}

impl Fate {
    /// The fate of an invocation that has answered with this status.
    pub(super) fn new(deployment: &Deployment, away: BackendAway, span: Span, status: StatusCode) -> Arc<Self> {
        Arc::new(Self {
            outcomes: deployment.outcomes.clone(),
            away,
            span,
            status,
            failure: OnceLock::new(),
            sent: AtomicUsize::new(0),
            end: OnceLock::new(),
        })
    }

    /// A body that shares this fate.
    pub(super) fn body(self: Arc<Self>, body: HyperOutgoingBody, headers: &HeaderMap, limit: usize) -> GuestBody {
        if body.is_end_stream() {
            let _ = self.end.set(BodyEnd::Whole);
            return GuestBody::Whole(Whole::default());
        }
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let (held, trailers, taken, is_over) = (None, None, 0, false);
        GuestBody::Open(Box::new(Open { body, fate: self, limit, declared, held, taken, trailers, is_over }))
    }

    /// Cuts the body, unless it has ended.
    pub(super) fn fail(&self, failure: &Failure) {
        let _entered = self.span.enter();
        let backtrace = failure.backtrace();
        match self.end.get() {
            Some(BodyEnd::Whole) => error!(backtrace, "after its response: {failure}"),
            Some(BodyEnd::Unread) => error!(backtrace, "nobody reads the response: {failure}"),
            Some(BodyEnd::Unfinished) | None => {
                error!(backtrace, bytes = self.sent.load(Ordering::Relaxed), "the response was cut: {failure}");
            }
        }
        // That nobody reads is no fault of the component, and neither is what it makes of a stream that is closed.
        let nobody_reads = matches!(self.end.get(), Some(BodyEnd::Unread));
        if !nobody_reads || !matches!(failure, Failure::Invocation(InvocationError::Trapped(_))) {
            self.count_as(failure);
        }
    }

    /// Counts the invocation as failed in this way, if in no other.
    pub(super) fn count_as(&self, failure: &Failure) {
        let _ = self.failure.set(failure.outcome());
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        // A trap leaves its body unfinished as well, and is the better reason.
        if matches!(self.end.get(), Some(BodyEnd::Unfinished)) && !self.has_failed() {
            self.fail(&Failure::Unfinished);
        }
        let answered = outcome(self.status, &self.away);
        self.outcomes.note(self.failure.take().unwrap_or(answered));
    }
}

/// What a response says of its invocation.
pub(super) fn outcome(status: StatusCode, away: &BackendAway) -> Outcome {
    match status.is_server_error() {
        false => Outcome::Ok,
        true if away.noted() => Outcome::BackendAway,
        true => Outcome::Error,
    }
}
