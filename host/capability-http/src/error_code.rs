//! Which error code is behind a stream that failed: `http-error-code` of `wasi:http/types`.
//!
//! Wasmtime's own finds the codes of bodies that a component writes, and none of those that it reads, so a component could
//! not tell a body that broke off from one that took too long. This one stands in its place.

use componentd_core::state::State;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

/// As Wasmtime names it; a component that asks for an earlier 0.2 gets it too.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Offers the function in place of Wasmtime's, which is there already.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap("http-error-code", http_error_code)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn http_error_code(
    mut store: StoreContextMut<'_, State>,
    (error,): (Resource<wasmtime::Error>,),
) -> wasmtime::Result<(Option<ErrorCode>,)> {
    Ok((code_of(store.data_mut().ctx().table.get(&error)?),))
}

fn code_of(error: &wasmtime::Error) -> Option<ErrorCode> {
    error.downcast_ref::<ErrorCode>().cloned().or_else(|| code_of_body(error.downcast_ref()?))
}

/// Of a body that is read: see `failure.rs` and `idle.rs`.
fn code_of_body(error: &Error) -> Option<ErrorCode> {
    match error {
        Error::ConnectionReadTimeout => Some(ErrorCode::ConnectionReadTimeout),
        Error::HttpResponseIncomplete => Some(ErrorCode::HttpResponseIncomplete),
        Error::HttpResponseTransferCoding(coding) => Some(ErrorCode::HttpResponseTransferCoding(coding.clone())),
        _ => None,
    }
}
