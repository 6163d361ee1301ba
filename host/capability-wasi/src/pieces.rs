//! Functions of WASI that may take long in one call, in pieces: between two of them the deadline of the invocation is heeded,
//! and others have the thread.

use componentd_core::state::State;
use wasmtime::StoreContextMut;
use wasmtime::bail;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll::Host as _;

/// What is made of random bytes between two looks at the deadline: less than a millisecond's work.
const PIECE: usize = 64 << 10;

/// What one call of `poll` may wait for. Each wake looks at all of them.
const MAX_POLLABLES: usize = 4_096;

/// Offers them in place of Wasmtime's, which are there already.
pub(super) fn add_to_linker(linker: &mut Linker<State>, version: &str) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    for (interface, function) in [("random", "get-random-bytes"), ("insecure", "get-insecure-random-bytes")] {
        linker
            .instance(&format!("wasi:random/{interface}@{version}"))?
            .func_wrap_async(function, |store: StoreContextMut<'_, State>, (count,): (u64,)| {
                Box::new(random(store, count))
            })?;
    }
    linker.instance(&format!("wasi:io/poll@{version}"))?.func_wrap_async(
        "poll",
        |store: StoreContextMut<'_, State>, (pollables,): (Vec<Resource<DynPollable>>,)| {
            Box::new(poll(store, pollables))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

async fn random(store: StoreContextMut<'_, State>, count: u64) -> wasmtime::Result<(Vec<u8>,)> {
    let limit = store.data().scope().limits().transfer.0;
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= limit) else {
        bail!("{count} random bytes in one call are more than {limit} (limits.transfer)");
    };
    let mut bytes = vec![0; count];
    for piece in bytes.chunks_mut(PIECE) {
        getrandom::fill(piece)?;
        // A seed is not worth a turn.
        if count > PIECE {
            tokio::task::yield_now().await;
        }
    }
    Ok((bytes,))
}

async fn poll(
    mut store: StoreContextMut<'_, State>,
    pollables: Vec<Resource<DynPollable>>,
) -> wasmtime::Result<(Vec<u32>,)> {
    if pollables.len() > MAX_POLLABLES {
        bail!("one call of `poll` with {} pollables is more than {MAX_POLLABLES}", pollables.len());
    }
    Ok((store.data_mut().ctx().table.poll(pollables).await?,))
}
