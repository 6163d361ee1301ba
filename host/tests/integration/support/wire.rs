//! HTTP byte by byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::Client;
use super::wait::PATIENCE;

/// A connection, byte by byte.
pub struct Wire(TcpStream);

impl Wire {
    pub async fn open(client: &Client) -> Self {
        Self(TcpStream::connect(client.address).await.unwrap())
    }

    pub async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Everything until the other side closes, which it must.
    pub async fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        // A reset closes as well.
        let _ = read.expect("the connection is closed");
        String::from_utf8(bytes).unwrap()
    }

    /// Whether there is something to read by now, be it the end.
    pub fn has_more(&self) -> bool {
        let peeked = socket2::SockRef::from(&self.0).peek(&mut [std::mem::MaybeUninit::uninit()]);
        !peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Reads until `end` has been read.
    pub async fn read_until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let byte = tokio::time::timeout(PATIENCE, self.0.read_u8()).await.expect("an answer");
            text.push(char::from(byte.unwrap_or_else(|error| panic!("{error} after {text:?}"))));
        }
        text
    }
}
