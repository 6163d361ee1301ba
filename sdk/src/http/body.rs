//! Whole bodies from and to the streams of wasi:http.

use super::deadline::{Deadline, Elapsed};
use crate::wit::wasi::http::types::{ErrorCode, IncomingBody, OutgoingBody, http_error_code};
use crate::wit::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// How much one read asks for: the most that wasmtime's host buffers for a stream.
const READ_BYTES: u64 = 64 * 1024;

/// Why a body could not be moved in whole.
#[derive(Debug)]
pub(super) enum BodyError {
    /// The deadline passed.
    Elapsed,
    /// The body is longer than the caller wants to hold.
    TooLong,
    /// The stream broke; HTTP's reason where the host gives one.
    Broken(Option<ErrorCode>),
}

impl From<Elapsed> for BodyError {
    fn from(_: Elapsed) -> Self {
        Self::Elapsed
    }
}

/// Reads a body to its end, unless it has more than `limit` bytes.
pub(super) fn read(body: &IncomingBody, deadline: &Deadline, limit: usize) -> Result<Vec<u8>, BodyError> {
    let stream = body.stream().map_err(|()| BodyError::Broken(None))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = next_chunk(&stream, deadline)? {
        if bytes.len() + chunk.len() > limit {
            return Err(BodyError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads before it waits: most bodies are there in whole when the component starts.
fn next_chunk(stream: &InputStream, deadline: &Deadline) -> Result<Option<Vec<u8>>, BodyError> {
    loop {
        match stream.read(READ_BYTES) {
            Ok(chunk) if chunk.is_empty() => deadline.wait(&stream.subscribe())?,
            Ok(chunk) => return Ok(Some(chunk)),
            Err(StreamError::Closed) => return Ok(None),
            Err(error) => return Err(broken(error)),
        }
    }
}

/// Writes a body and finishes it. A body that is dropped unfinished tells the other side that it is incomplete.
pub(super) fn write(body: OutgoingBody, bytes: &[u8], deadline: &Deadline) -> Result<(), BodyError> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| BodyError::Broken(None))?;
        write_all(&stream, bytes, deadline)?;
    }
    OutgoingBody::finish(body, None).map_err(|error| BodyError::Broken(Some(error)))
}

/// Without a flush at the end: finishing the body is one, and a server that has read as many bytes as it was promised may
/// close the stream before.
fn write_all(stream: &OutputStream, bytes: &[u8], deadline: &Deadline) -> Result<(), BodyError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = usize::try_from(stream.check_write().map_err(broken)?).unwrap_or(usize::MAX);
        if room == 0 {
            deadline.wait(&stream.subscribe())?;
            continue;
        }
        let (now, later) = rest.split_at(room.min(rest.len()));
        stream.write(now).map_err(broken)?;
        rest = later;
    }
    Ok(())
}

fn broken(error: StreamError) -> BodyError {
    match error {
        StreamError::Closed => BodyError::Broken(None),
        StreamError::LastOperationFailed(error) => BodyError::Broken(http_error_code(&error)),
    }
}
