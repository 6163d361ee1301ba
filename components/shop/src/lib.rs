//! A shop for the browser: a page, made of files that this component holds, which calls `users` and `store` by itself.
//!
//! `GET /` and the files below it are the page; `GET /services.json` tells it where the two services are; `GET /mails`
//! shows it the mails to one address, where a mailbox stands in for SendGrid.

mod files;
mod mails;
mod services;

use componentd_sdk::export_http;
use componentd_sdk::http::{Problem, Request, Response, Route};

use crate::services::Services;

const ROUTES: &[Route] =
    &[Route::get("/services.json", services), Route::get("/mails", list_mails), Route::get("/{*path}", file)];

export_http!(ROUTES);

fn services(request: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &Services::of(request)?)?.header("cache-control", "no-store"))
}

fn list_mails(request: &Request) -> Result<Response, Problem> {
    let Some(to) = request.query_parameter("to") else {
        return Err(Problem::bad_request("Name the address whose mails you want, as in /mails?to=john@example.com."));
    };
    Ok(Response::json(200, &mails::to(&to)?)?.header("cache-control", "no-store"))
}

fn file(request: &Request) -> Result<Response, Problem> {
    let page = files::find(&request.path).unwrap_or(files::NOT_FOUND);
    Ok(page.response().header("content-security-policy", &Services::of(request)?.content_security_policy()))
}
