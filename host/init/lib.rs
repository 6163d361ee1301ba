//! Greets.

use componentd_sdk::http::{Problem, Request, Response, Route};
use componentd_sdk::{config, export_http, log};

const ROUTES: &[Route] = &[Route::get("/hello/{name}", hello)];

export_http!(ROUTES);

fn hello(request: &Request) -> Result<Response, Problem> {
    let name = request.parameter("name");
    log::info(format!("greeting {name}"));
    Response::json(200, &format!("{}, {name}", config::require("greeting")?))
}
