//! What a Rust component of componentd shares with every other, so that its own code is business logic only.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`http`] | requests, responses, RFC 9457 problems, the route table, and calls to other servers |
//! | [`postgres`], [`redis`], [`kafka`] | the host's capabilities, and how their errors answer an HTTP request |
//! | [`cron`] | what a component is told that runs by a schedule |
//! | [`config`], [`log`] | what the manifest sets for the service, and its log |
//! | [`wit`] | the generated bindings that the rest is built on |
//!
//! A component that answers HTTP is a table of routes, one that handles a topic or runs by a schedule is a function:
//!
//! ```no_run
//! use componentd_sdk::http::{Problem, Request, Response, Route};
//!
//! const ROUTES: &[Route] = &[Route::get("/hello/{name}", hello)];
//! componentd_sdk::export_http!(ROUTES);
//!
//! fn hello(request: &Request) -> Result<Response, Problem> {
//!     Response::json(200, &format!("hello, {}", request.parameter("name")))
//! }
//! ```
//!
//! A component imports the capabilities that it calls and no others: the linker drops the rest of the bindings, and the
//! host asks for a grant only for what is left.

pub mod config;
pub mod cron;
pub mod http;
pub mod kafka;
pub mod log;
pub mod postgres;
pub mod redis;
// With `cargo component`, the standard library is one that needs no C library to print.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod stdio;
pub mod wit;

/// Exports a route table as the component's `wasi:http/incoming-handler`.
///
/// On a machine that is not WebAssembly, where unit tests run, nothing is exported: its linkers do not take such names.
#[macro_export]
macro_rules! export_http {
    ($routes:expr) => {
        const _: &[$crate::http::Route] = $routes;

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::wit::http_service::exports::wasi::http::incoming_handler;
            use $crate::wit::wasi::http::types::{IncomingRequest, ResponseOutparam};

            struct Component;

            impl incoming_handler::Guest for Component {
                fn handle(request: IncomingRequest, response_out: ResponseOutparam) {
                    $crate::http::serve($routes, request, response_out);
                }
            }
    $crate::wit::http_service::export!(Component with_types_in $crate::wit::http_service);
        };
    };
}

/// Exports a function as the component's `componentd:kafka/handler`; on other machines as [`export_http`] does.
#[macro_export]
macro_rules! export_kafka {
    ($handle:path) => {
        const _: fn($crate::kafka::IncomingRecord) -> Result<(), $crate::kafka::Failure> = $handle;

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::kafka::{Failure, IncomingRecord};
            use $crate::wit::kafka_service::exports::componentd::kafka::handler;

            struct Component;

            impl handler::Guest for Component {
                fn handle(message: IncomingRecord) -> Result<(), Failure> {
                    $handle(message)
                }
            }
    $crate::wit::kafka_service::export!(Component with_types_in $crate::wit::kafka_service);
        };
    };
}

/// Exports a function as the component's `componentd:cron/handler`; on other machines as [`export_http`] does.
///
/// ```no_run
/// use componentd_sdk::cron::Occurrence;
///
/// componentd_sdk::export_cron!(run);
///
/// fn run(at: Occurrence) -> Result<(), String> {
///     if at.missed > 0 {
///         componentd_sdk::log::warn(&format!("{} runs were missed", at.missed));
///     }
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! export_cron {
    ($run:path) => {
        const _: fn($crate::cron::Occurrence) -> Result<(), String> = $run;

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::cron::Occurrence;
            use $crate::wit::cron_service::exports::componentd::cron::handler;

            struct Component;

            impl handler::Guest for Component {
                fn run(at: Occurrence) -> Result<(), String> {
                    $run(at)
                }
            }
    $crate::wit::cron_service::export!(Component with_types_in $crate::wit::cron_service);
        };
    };
}
