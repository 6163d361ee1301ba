//! How many requests are under way: of an invocation, of a service, of the host. Each may hold memory, and one that leaves
//! the host a descriptor, to the end of its response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use componentd_core::admission::places;
use componentd_core::scope::Scope;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::{Error, WasiBody};

/// The places of a service among those of the host.
#[derive(Clone)]
pub(super) struct Places {
    host: Arc<Semaphore>,
    service: Arc<Semaphore>,
}

/// Those of one request.
pub(super) struct Place {
    _permits: [OwnedSemaphorePermit; 2],
    /// Among those of all services, which are for what leaves the host.
    _of_host: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(host: &Arc<Semaphore>, of_service: usize) -> Self {
        Self { host: host.clone(), service: places(of_service) }
    }

    /// A place for one more request of this invocation to a service of this host.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn within(&self, scope: &Scope) -> Result<Place, Error> {
        let invocation = take(scope, scope.requests(), "limits.requests")?;
        let service = take(scope, &self.service, "limits.service-requests")?;
        Ok(Place { _permits: [invocation, service], _of_host: None })
    }

    /// The same to another server.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn outside(&self, scope: &Scope) -> Result<Place, Error> {
        let place = self.within(scope)?;
        Ok(Place { _of_host: Some(take(scope, &self.host, "requests of [host]")?), ..place })
    }
}

fn take(scope: &Scope, places: &Arc<Semaphore>, bound: &str) -> Result<OwnedSemaphorePermit, Error> {
    places.clone().try_acquire_owned().map_err(|_| {
        scope.granted().log.tell(|| tracing::warn!("an outbound request is one too many: {bound}"));
        Error::ConnectionLimitReached
    })
}

impl Place {
    /// The response, which keeps the place to its end.
    pub(super) fn keep(self, response: Response<WasiBody>) -> Response<WasiBody> {
        response.map(|body| Kept { body, place: Some(self) }.boxed_unsync())
    }
}

/// A body that keeps a place.
struct Kept {
    body: WasiBody,
    place: Option<Place>,
}

impl Body for Kept {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.place = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
