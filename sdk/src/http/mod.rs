//! HTTP on both sides: what a component answers, and what it asks of other servers.
//!
//! A request's way through this module: [`serve()`] reads it, a [`Route`] picks the handler, and the [`Response`] or the
//! [`Problem`] that the handler returns is sent. [`send`] is the other direction.

mod body;
mod client;
mod deadline;
mod fault;
mod fields;
mod json;
mod problem;
mod request;
mod response;
mod route;
mod serve;

pub use client::{MAX_RESPONSE_BYTES, OutgoingRequest, SendError, send};
pub use problem::Problem;
pub use request::Request;
pub use response::Response;
pub use route::{Handler, Route};
pub use serve::serve;
