//! A component of which tests make as many versions as they like, by writing over its mark in the built file.
//!
//! `GET /` answers the four digits of the mark, or does what its mode says: `good`, `trap`, `spin`, `fail` (500), `grow`.
//! In the mode `slow` it answers after a second. In the mode `init` it traps when it is instantiated, in the mode `ctor` its
//! constructor panics, which the toolchain has run with the first call. `GET /twice` answers the digits twice, with a pause in between: two
//! versions in one answer would show. `GET /env` answers the environment as JSON.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use componentd_sdk::export_http;
use componentd_sdk::http::{Problem, Request, Response, Route};

/// Tests look for this text in the component and write another of the same length over it.
static MARK: &str = "mark:0000:good:mark";

const ROUTES: &[Route] =
    &[Route::get("/", answer), Route::get("/twice", answer_twice), Route::get("/env", environment)];

export_http!(ROUTES);

/// Runs when the component is instantiated.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    if mark().1 == "init" {
        std::process::abort();
    }
}

/// Runs before anything else of the first call, as the constructors of C++ and of some crates do.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = construct;

extern "C" fn construct() {
    assert!(mark().1 != "ctor", "as the mark says");
}

/// The digits and the mode. Read at run time: the compiler must not know them.
fn mark() -> (&'static str, &'static str) {
    let mark = black_box(MARK);
    (&mark[5..9], &mark[10..14])
}

fn answer(_: &Request) -> Result<Response, Problem> {
    let (version, mode) = mark();
    match mode {
        "trap" => std::process::abort(),
        "spin" => loop {
            black_box(version);
        },
        "fail" => return Err(Problem::internal("as the mark says")),
        "grow" => grow(),
        "slow" => std::thread::sleep(Duration::from_secs(1)),
        _ => {}
    }
    Ok(Response::text(200, version))
}

fn answer_twice(_: &Request) -> Result<Response, Problem> {
    let first = mark().0;
    std::thread::sleep(Duration::from_millis(20));
    Ok(Response::text(200, format!("{first} {}", mark().0)))
}

/// As any program reads it.
fn environment(_: &Request) -> Result<Response, Problem> {
    Response::json(200, &std::env::vars().collect::<BTreeMap<_, _>>())
}

fn grow() -> ! {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; 1 << 20]));
    }
}
