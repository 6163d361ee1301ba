//! Misbehaves in one way a path. It has no capability but HTTP and the log.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /hello` | answers 200 `hello`, as a good one would |
//! | `GET /fail` | answers 503, as its own answer |
//! | `GET /trap` | stops at an `unreachable` |
//! | `GET /panic` | panics: a message on stderr, then a trap |
//! | `GET /spin` | never ends, and never calls the host |
//! | `GET /work?turns=9` | turns that often, a few nanoseconds each, then answers 200 `worked` |
//! | `GET /sleep?ms=5` | waits that long, then answers 200 `slept` |
//! | `GET /hog` | allocates, and touches, more and more memory |
//! | `GET /deep` | recurses until the stack is used up |
//! | `GET /silent` | returns without a response |
//! | `GET /flood` | answers 200 with a body without end |
//! | `GET /body?…` | answers 200 with a body of so many parts, and fails in a chosen way: see `body.rs` |
//! | `GET /twice`, `/forge?…`, `/status?…`, `/header?…`, `/trailer?…` | breaks a rule: see `rules.rs` |
//! | `GET /refuse` | answers with an error of `wasi:http` in place of a response |
//! | `GET /grow?mib=9` | allocates that much at once, gives it back, and answers 200 `grown` |
//! | `GET /count` | answers 200 with how many such requests this instance has answered |
//! | `GET /echo-id` | answers 200 with the request's `x-request-id` |
//! | `GET /scheme` | answers 200 with the scheme that the request came by |
//! | `POST /trailers` | answers 200 with the value of the trailer `x-sum`, or `none` |
//! | `GET /log?lines=9&bytes=100` | logs so many lines of so many bytes, to stdout with `by=stdout`, then answers 200 `logged` |
//! | `GET /random?mib=9` | asks for so many random bytes in one call, then answers 200 with how many came |
//! | `GET /print` | writes to stdout, stderr and the log at each level, then answers 200 `printed` |

// Nothing of it runs anywhere else, and what only the export calls would be dead there.
#![cfg(target_family = "wasm")]

mod body;
mod random;
mod rules;
mod trailers;

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use componentd_sdk::http::{self, Problem, Request, Response, Route};
use componentd_sdk::wit::http_service::exports::wasi::http::incoming_handler::Guest;
use componentd_sdk::wit::wasi::http::types::{ErrorCode, Fields, IncomingRequest, ResponseOutparam};
use componentd_sdk::wit::wasi::logging::logging::{Level, log};

const ROUTES: &[Route] = &[
    Route::get("/hello", hello),
    Route::get("/fail", fail),
    Route::get("/trap", trap),
    Route::get("/panic", panic),
    Route::get("/spin", spin),
    Route::get("/work", work),
    Route::get("/sleep", sleep),
    Route::get("/hog", hog),
    Route::get("/deep", deep),
    Route::get("/grow", grow),
    Route::get("/count", count),
    Route::get("/echo-id", echo_id),
    Route::get("/print", print),
    Route::get("/log", log_much),
    Route::get("/random", random::get),
];

const LEVELS: [Level; 6] = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Critical];

struct Misbehave;

componentd_sdk::wit::http_service::export!(Misbehave with_types_in componentd_sdk::wit::http_service);

/// Not by `export_http!`, since its handlers cannot but answer in whole.
impl Guest for Misbehave {
    fn handle(request: IncomingRequest, response_out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        match target.split_once('?').unwrap_or((&target, "")) {
            ("/silent", _) => {}
            ("/refuse", _) => ResponseOutparam::set(response_out, Err(ErrorCode::ConfigurationError)),
            ("/flood", _) => drop(body::stream(response_out, usize::MAX, Fields::new())),
            ("/scheme", _) => body::whole(format!("{:?}", request.scheme()).as_bytes(), response_out),
            ("/trailers", _) => trailers::answer(&request, response_out),
            ("/body", query) => body::answer(query, response_out),
            (path @ ("/twice" | "/forge" | "/status" | "/header" | "/trailer"), query) => {
                rules::answer(path, query, response_out)
            }
            _ => http::serve(ROUTES, request, response_out),
        }
    }
}

fn hello(_: &Request) -> Result<Response, Problem> {
    Ok(Response::text(200, "hello"))
}

fn fail(_: &Request) -> Result<Response, Problem> {
    Ok(Response::text(503, "not today"))
}

fn trap(_: &Request) -> Result<Response, Problem> {
    abort()
}

fn panic(_: &Request) -> Result<Response, Problem> {
    panic!("asked to panic")
}

fn spin(_: &Request) -> Result<Response, Problem> {
    turn_for_ever()
}

fn turn_for_ever() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn work(request: &Request) -> Result<Response, Problem> {
    let turns: u64 = request.query_parameter("turns").and_then(|text| text.parse().ok()).unwrap_or_default();
    for turn in 0..turns {
        black_box(turn);
    }
    Ok(Response::text(200, "worked"))
}

fn sleep(request: &Request) -> Result<Response, Problem> {
    let milliseconds = request.query_parameter("ms").and_then(|text| text.parse().ok()).unwrap_or_default();
    thread::sleep(Duration::from_millis(milliseconds));
    Ok(Response::text(200, "slept"))
}

fn hog(_: &Request) -> Result<Response, Problem> {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1024 * 1024]));
    }
}

fn grow(request: &Request) -> Result<Response, Problem> {
    let mebibytes: usize = request.query_parameter("mib").and_then(|text| text.parse().ok()).unwrap_or_default();
    drop(black_box(vec![1_u8; mebibytes * 1024 * 1024]));
    Ok(Response::text(200, "grown"))
}

fn count(_: &Request) -> Result<Response, Problem> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    Ok(Response::text(200, (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string()))
}

fn echo_id(request: &Request) -> Result<Response, Problem> {
    Ok(Response::text(200, request.header("x-request-id").unwrap_or_default()))
}

fn deep(_: &Request) -> Result<Response, Problem> {
    Ok(Response::text(200, recurse(0).to_string()))
}

#[allow(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    recurse(depth + 1).wrapping_add(frame[0])
}

fn print(_: &Request) -> Result<Response, Problem> {
    println!("a line on stdout");
    eprintln!("a line on stderr");
    for level in LEVELS {
        log(level, "print", &format!("a message at {level:?}"));
    }
    Ok(Response::text(200, "printed"))
}

fn log_much(request: &Request) -> Result<Response, Problem> {
    let number = |name| request.query_parameter(name).and_then(|text| text.parse().ok()).unwrap_or_default();
    let line = "x".repeat(number("bytes"));
    for _ in 0..number("lines") {
        match request.query_parameter("by") {
            Some(_) => println!("{line}"),
            None => log(Level::Info, "flood", &line),
        }
    }
    Ok(Response::text(200, "logged"))
}

/// The instruction itself: without a message, unlike a panic.
fn abort() -> ! {
    core::arch::wasm32::unreachable()
}
