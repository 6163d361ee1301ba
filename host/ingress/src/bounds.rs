//! What the clients of a listener may take of it.

use std::time::Duration;

/// Bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For the head of a request, from the start of the connection or the end of the request before.
    pub header_timeout: Duration,
    /// How long a client may read nothing of what there is for it.
    pub write_timeout: Duration,
    /// Connections at the same time.
    pub max_connections: usize,
    /// Those of one address.
    pub max_per_address: usize,
    /// Requests at the same time on one connection of HTTP/2.
    pub max_streams: u32,
    /// The largest body of one of them, of which each connection has room for some.
    pub max_body: usize,
    /// Descriptors that are kept for its connections when others have used up those of the process.
    pub spare: usize,
    /// How long requests in flight may take when the server stops; the rest is cut.
    pub drain: Duration,
}

impl Bounds {
    /// For a few clients that are known.
    pub const USUAL: Self = Self {
        header_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(30),
        max_connections: 64,
        max_per_address: 64,
        max_streams: 100,
        max_body: 1 << 20,
        spare: 8,
        drain: Duration::from_secs(2),
    };
}
