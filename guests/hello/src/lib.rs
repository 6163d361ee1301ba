//! Answers every request with the same text, and asks its host for nothing but `wasi:http/types`: it runs unchanged in
//! any host of `wasi:http/incoming-handler`, so that `cargo xtask bench` can compare them.

#![cfg(target_family = "wasm")]

use componentd_sdk::wit::http_service::{self, exports::wasi::http::incoming_handler};
use componentd_sdk::wit::wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

const TEXT: &[u8] = b"Hello, world!\n";

struct Hello;

impl incoming_handler::Guest for Hello {
    fn handle(_: IncomingRequest, response_out: ResponseOutparam) {
        let fields = [
            ("content-type".to_owned(), b"text/plain".to_vec()),
            ("content-length".to_owned(), TEXT.len().to_string().into_bytes()),
        ];
        let response = OutgoingResponse::new(Fields::from_list(&fields).expect("both names and values are valid"));
        let body = response.body().expect("it is taken once");
        ResponseOutparam::set(response_out, Ok(response));
        // A client that has gone is no failure: nobody is left to be told.
        if let Ok(stream) = body.write() {
            let _ = stream.blocking_write_and_flush(TEXT);
        }
        let _ = OutgoingBody::finish(body, None);
    }
}

http_service::export!(Hello with_types_in http_service);
