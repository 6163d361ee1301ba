//! The token of the admin port: who may ask, and what the document says of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema as _;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};

use super::api::Problem;
use super::refusal::Refusal;

/// What the document calls it.
const SCHEME: &str = "token";

/// Lets in whoever sends the token, or everyone where there is none.
#[derive(Clone, Default)]
pub(super) struct Guard {
    /// The whole header, `Bearer` and the token.
    expected: Option<Arc<[u8]>>,
}

impl Guard {
    pub(crate) fn new(token: Option<&str>) -> Self {
        Self { expected: token.map(|token| format!("Bearer {token}").into_bytes().into()) }
    }

    /// Compares in a time that does not depend on where the first difference is.
    pub(crate) fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(expected) = &self.expected else { return true };
        let given = headers.get(AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
        given.ct_eq(expected).into()
    }
}

/// Stands before all routes that need the token.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Result<Response, Refusal> {
    if guard.lets_in(request.headers()) {
        Ok(next.run(request).await)
    } else {
        Err(Refusal::new(StatusCode::UNAUTHORIZED, "send `Authorization: Bearer <admin.token>`"))
    }
}

/// Adds to the description of routes that they need the token.
pub(super) fn describe(document: &mut OpenApi) {
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().security_schemes.insert(SCHEME.to_owned(), scheme.into());
    let refusal = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let refusal = ResponseBuilder::new()
        .description("The token is missing or wrong.")
        .content("application/problem+json", refusal)
        .build();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.security = Some(vec![SecurityRequirement::new(SCHEME, [""; 0])]);
            operation.responses.responses.insert("401".to_owned(), refusal.clone().into());
        }
    }
}
