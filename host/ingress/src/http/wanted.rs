//! How much of an answer its client wants: only the head with HEAD, and no content that it has already (RFC 9110, 9.3.2 and
//! 13.1.2).
//!
//! The host sees to both, for every component: the check costs it a look at a header, and the component three calls.

use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use hyper::body::Body as _;

use crate::problem::{Body, full};

/// What a 304 must not repeat, or need not (RFC 9110, 15.4.5).
const OF_CONTENT: [HeaderName; 5] = [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE];

/// What a request says of the answer that its client wants.
pub(super) struct Wanted {
    head_only: bool,
    /// `If-None-Match`: the content that the client has, of a resource that it only reads. Empty in most requests.
    known: Vec<HeaderValue>,
}

impl Wanted {
    pub(super) fn by(head: &Parts) -> Self {
        let head_only = head.method == Method::HEAD;
        let reads = head_only || head.method == Method::GET;
        let known = reads.then(|| head.headers.get_all(IF_NONE_MATCH)).into_iter().flatten();
        Self { head_only, known: known.cloned().collect() }
    }

    /// The answer as it is sent.
    pub(super) fn of(&self, response: Response<Body>) -> Response<Body> {
        if self.is_known(&response) {
            return not_modified(response);
        }
        if self.head_only { without_body(response) } else { response }
    }

    /// A component takes part by naming its content: `*` alone says nothing of an answer that has no name.
    fn is_known(&self, response: &Response<Body>) -> bool {
        if self.known.is_empty() || response.status() != StatusCode::OK {
            return false;
        }
        let tag = response.headers().get(ETAG).and_then(|tag| opaque_tags(tag).next());
        tag.is_some_and(|tag| self.known.iter().any(|list| list == "*" || opaque_tags(list).any(|known| known == tag)))
    }
}

/// What stands in quotes in a list such as `"a", W/"b"`: that a tag is weak makes no difference here, and none has a quote
/// in it (RFC 9110, 8.8.3).
fn opaque_tags(list: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    list.as_bytes().split(|byte| *byte == b'"').skip(1).step_by(2)
}

fn not_modified(mut response: Response<Body>) -> Response<Body> {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in OF_CONTENT {
        response.headers_mut().remove(name);
    }
    response.map(|_| full(""))
}

/// HTTP/2 would send the body: hyper drops it for HTTP/1.1 only. The length stays, as far as it is known.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    response.map(|_| full(""))
}
