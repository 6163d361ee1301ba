//! Standard error, written by a thread of its own: nothing of the host waits for whoever reads it.
//!
//! What waits to be written is bounded. Where it is full, lines are dropped and counted, and one line says so as soon as there
//! is room again.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

/// Bytes that may wait: some seconds of a busy host.
const MAX_WAITING: usize = 4 << 20;

/// What an idle writer keeps of its buffer.
const KEPT: usize = 64 << 10;

/// Lines that were dropped because standard error was not read in time. Of this process, as the log is.
pub static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// That of this process.
pub(super) static QUEUE: Queue = Queue::new();

/// What waits to be written.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
    written: Condvar,
}

struct Waiting {
    text: Vec<u8>,
    dropped: u64,
    /// Whether the writer is at what came before.
    is_writing: bool,
}

impl Queue {
    const fn new() -> Self {
        let waiting = Waiting { text: Vec::new(), dropped: 0, is_writing: false };
        Self { waiting: Mutex::new(waiting), came: Condvar::new(), written: Condvar::new() }
    }

    /// Adds a line, or drops it where there is no room.
    pub(super) fn push(&self, line: &str) {
        let mut waiting = self.lock();
        if waiting.text.len() + line.len() >= MAX_WAITING {
            waiting.dropped += 1;
            DROPPED.inc();
            return;
        }
        waiting.text.extend_from_slice(line.as_bytes());
        waiting.text.push(b'\n');
        // While it writes it looks again by itself, and to wake it would cost a system call.
        if !waiting.is_writing {
            self.came.notify_one();
        }
    }

    /// Waits until all is written, up to `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.text.is_empty();
        let waited = self.written.wait_timeout_while(self.lock(), limit, is_busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Writes what comes, for ever. `tell` makes the line that says how many were dropped.
    pub(super) fn write_to(&self, mut out: impl Write, tell: impl Fn(u64) -> String) {
        let mut text = Vec::new();
        loop {
            let dropped = self.take(&mut text);
            // Where nobody reads it any more, nobody is left to be told.
            let _ = out.write_all(&text);
            if dropped > 0 {
                let _ = writeln!(out, "{}", tell(dropped));
            }
            text.clear();
            text.shrink_to(KEPT);
        }
    }

    /// All that waits, and how many lines were dropped behind it.
    fn take(&self, text: &mut Vec<u8>) -> u64 {
        let mut waiting = self.lock();
        waiting.is_writing = false;
        if waiting.text.is_empty() && waiting.dropped == 0 {
            self.written.notify_all();
        }
        let is_idle = |waiting: &mut Waiting| waiting.text.is_empty() && waiting.dropped == 0;
        let mut waiting = self.came.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        std::mem::swap(&mut waiting.text, text);
        std::mem::take(&mut waiting.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread.
///
/// # Errors
/// The system has no descriptor or no thread left.
pub(super) fn start(tell: impl Fn(u64) -> String + Send + 'static) -> io::Result<()> {
    // Without the lock of the standard library, which a panic elsewhere would wait for.
    let out = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    std::thread::Builder::new().name("log".to_owned()).spawn(move || QUEUE.write_to(out, tell))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, pipe};
    use std::sync::Arc;

    use super::*;

    const LINE: usize = 1 << 10;

    fn writing() -> (Arc<Queue>, BufReader<io::PipeReader>) {
        let queue = Arc::new(Queue::new());
        let ((reader, writer), writing) = (pipe().unwrap(), queue.clone());
        std::thread::spawn(move || writing.write_to(writer, |dropped| format!("{dropped} dropped")));
        (queue, BufReader::new(reader))
    }

    #[test]
    fn what_is_pushed_is_written_in_its_order() {
        let (queue, reader) = writing();
        (0..100).for_each(|number| queue.push(&number.to_string()));
        let lines: Vec<_> = reader.lines().take(100).map(Result::unwrap).collect();
        assert_eq!(lines, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
        queue.flush(Duration::from_secs(60));
        assert!(queue.lock().text.is_empty() && !queue.lock().is_writing);
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_nobody_waits() {
        let (queue, reader) = writing();
        let line = "x".repeat(LINE - 1);
        let pushed = 3 * MAX_WAITING / LINE;
        (0..pushed).for_each(|_| queue.push(&line));
        assert!(queue.lock().text.len() <= MAX_WAITING);
        let (mut read, mut dropped) = (0, 0);
        for text in reader.lines().map(Result::unwrap) {
            match text.strip_suffix(" dropped") {
                Some(count) => dropped += count.parse::<usize>().unwrap(),
                None => read += usize::from(text == line),
            }
            if read + dropped == pushed {
                break;
            }
        }
        assert!(dropped > 0 && read > MAX_WAITING / LINE / 2, "{read} lines are read, {dropped} are dropped");
    }
}
