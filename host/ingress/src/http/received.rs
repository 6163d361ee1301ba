//! The body of a request, received whole, with the trailers behind it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::Collected;
use hyper::body::Bytes;

use crate::bodies::Held;

#[derive(Debug, Default)]
pub(super) struct Received {
    bytes: Bytes,
    /// What they take, until they are taken.
    room: Held,
    trailers: Option<Box<HeaderMap>>,
}

impl Received {
    pub(super) fn new(collected: Collected<Bytes>, room: Held) -> Self {
        let trailers = collected.trailers().cloned().map(Box::new);
        Self { bytes: collected.to_bytes(), room, trailers }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.room = Held::default();
        if !self.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(*trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_none()
    }
}
