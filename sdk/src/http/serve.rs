//! One request from the host to a handler and back.

use serde_json::json;

use super::{Problem, Request, Response, Route, route};
use crate::log;
use crate::wit::wasi::http::types::{IncomingRequest, ResponseOutparam};

/// Every component that answers HTTP says that it does.
const HEALTH: Route = Route::get("/healthz", health);

/// Answers `incoming` by the table, and `GET /healthz` besides. [`export_http!`](crate::export_http) calls it.
pub fn serve(routes: &[Route], incoming: IncomingRequest, response_out: ResponseOutparam) {
    answer(routes, incoming).unwrap_or_else(report).send(response_out);
}

fn answer(routes: &[Route], incoming: IncomingRequest) -> Result<Response, Problem> {
    let mut request = Request::read(incoming)?;
    let table = if request.path == "/healthz" { &[HEALTH] } else { routes };
    let handler = route::find(table, &mut request)?;
    handler(&request)
}

fn health(_: &Request) -> Result<Response, Problem> {
    Response::json(200, &json!({ "status": "ok" }))
}

/// Tells the log what the client is not told.
fn report(problem: Problem) -> Response {
    if let Some(line) = problem.log_line() {
        log::error(line);
    }
    problem.into_response()
}
