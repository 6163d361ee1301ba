//! Asks an HTTP server whether it is well.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Whether `GET path` is answered 200.
pub fn ok(address: SocketAddr, path: &str) -> bool {
    answer(address, path).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// What it says, for a message.
pub fn words(address: SocketAddr, path: &str) -> String {
    answer(address, path).unwrap_or_else(|error| error.to_string())
}

fn answer(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWERS_WITHIN)?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    // In one piece: a server that answers after the first of several and closes would reset the connection.
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(1 << 10).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn only_a_200_is_well() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            for status in ["200 OK", "503 Service Unavailable"] {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]).unwrap();
                write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            }
        });
        assert!(ok(address, "/healthz"));
        assert!(!ok(address, "/healthz"));
        server.join().unwrap();
        assert!(!ok(address, "/healthz"));
    }
}
