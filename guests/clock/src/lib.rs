//! The plug-in of `examples/clock.rs`: it asks its host for the time, by an interface that only that host has.

#![cfg(target_family = "wasm")]

mod wit {
    wit_bindgen::generate!({ world: "plug-in", path: "wit" });
}

use wit::acme::clock::now;
use wit::exports::acme::clock::greeter::Guest;

struct Greeter;

impl Guest for Greeter {
    fn greet(name: String) -> String {
        let day = now::seconds() / 86_400;
        format!("Hello, {name}, on day {day}!")
    }
}

wit::export!(Greeter with_types_in wit);
