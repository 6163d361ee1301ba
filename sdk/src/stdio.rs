//! Stdout and stderr, straight to `wasi:cli`, in place of the C library's.
//!
//! A component in Rust can print the message of a panic, whether it prints anything else or not. Through the C library,
//! that takes descriptors, files and terminals: 17 imports more, which cost time at each start of an instance. The linker
//! finds this `write` first, and leaves that part of the library out. A component here has no other descriptors to
//! write to; to write to one fails, as it did before.

use std::ffi::c_int;
use std::slice;

use crate::wit::wasi::cli::{stderr, stdout};

/// The most that one `blocking-write-and-flush` takes, by wasi:io.
const MOST_AT_ONCE: usize = 4096;

/// [write(2)](https://pubs.opengroup.org/onlinepubs/9799919799/functions/write.html).
///
/// # Safety
/// As in C: there are `length` bytes to be read at `bytes`.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(descriptor: c_int, bytes: *const u8, length: usize) -> isize {
    let stream = match descriptor {
        1 => stdout::get_stdout(),
        2 => stderr::get_stderr(),
        _ => return -1,
    };
    // SAFETY: the caller's promise.
    let bytes = unsafe { slice::from_raw_parts(bytes, length) };
    for chunk in bytes.chunks(MOST_AT_ONCE) {
        // A host that does not listen is no failure of who prints.
        let _ = stream.blocking_write_and_flush(chunk);
    }
    length as isize
}
