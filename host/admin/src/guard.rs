//! The token of the admin port: who may ask, and what the document says of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};

use super::api::Problem;
use super::refusal::Refusal;

/// What the document calls it.
const SCHEME: &str = "token";

/// What is said to whoever does not send it.
const WANTED: &str = "send `Authorization: Bearer <token>`: `token` of [admin], or what the file `admin-token` in the \
                      host's state folder has";

/// Lets in whoever sends the token.
#[derive(Clone)]
pub(super) struct Guard {
    /// The whole header, `Bearer` and the token.
    expected: Arc<[u8]>,
}

impl Guard {
    pub(crate) fn new(token: &str) -> Self {
        Self { expected: format!("Bearer {token}").into_bytes().into() }
    }

    /// Compares in a time that does not depend on where the first difference is.
    pub(crate) fn lets_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
        given.ct_eq(&self.expected).into()
    }
}

/// Stands before all routes that need the token.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Result<Response, Refusal> {
    if guard.lets_in(request.headers()) {
        Ok(next.run(request).await)
    } else {
        Err(Refusal::new(StatusCode::UNAUTHORIZED, WANTED))
    }
}

/// Adds to the description of routes that they need the token.
pub(super) fn describe(document: &mut OpenApi) {
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().security_schemes.insert(SCHEME.to_owned(), scheme.into());
    for operation in operations(document) {
        operation.security = Some(vec![SecurityRequirement::new(SCHEME, [""; 0])]);
        refuses(operation, StatusCode::UNAUTHORIZED, "The token is missing or wrong.");
    }
}

/// All of a document.
pub(super) fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|item| {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        operations.into_iter().flatten()
    })
}

/// Adds a problem to what an operation may answer.
pub(super) fn refuses(operation: &mut Operation, status: StatusCode, why: &str) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let refusal = ResponseBuilder::new().description(why).content("application/problem+json", problem).build();
    operation.responses.responses.insert(status.as_str().to_owned(), refusal.into());
}
