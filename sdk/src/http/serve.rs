//! One request from the host to a handler and back.

use serde_json::json;

use super::route::{self, Found};
use super::{Problem, Request, Response, Route};
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
    match route::find(table, &mut request) {
        Found::Handler(handler) => handler(&request),
        Found::Methods(allow) if request.method == "OPTIONS" => Ok(Response::no_content().header("allow", &allow)),
        Found::Methods(allow) => Err(Problem::method_not_allowed(&allow)),
        Found::Nothing => Err(Problem::not_found("There is nothing at this path.")),
    }
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
