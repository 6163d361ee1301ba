//! Servers that misbehave below HTTP: each does as it is told with the connections that it gets.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// One that handles each connection so, on the runtime of the caller.
pub async fn start<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// One that writes this once it has a whole head, and closes.
pub async fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer: Arc<[u8]> = answer.into().into();
    start(move |mut stream| {
        let answer = answer.clone();
        async move {
            read_past(&mut stream, b"\r\n\r\n").await;
            let _ = stream.write_all(&answer).await;
        }
    })
    .await
}

/// One that writes this once it has a whole head, and then neither writes nor closes.
pub async fn stalling_after(answer: &'static str) -> SocketAddr {
    start(move |mut stream| async move {
        read_past(&mut stream, b"\r\n\r\n").await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await
}

/// One that writes this before it has read anything, and then reads to the end.
pub async fn greeting(greeting: impl Into<Vec<u8>>) -> SocketAddr {
    let greeting: Arc<[u8]> = greeting.into().into();
    start(move |mut stream| {
        let greeting = greeting.clone();
        async move {
            let _ = stream.write_all(&greeting).await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    })
    .await
}

/// One whose certificate nobody has signed but itself.
pub async fn self_signed() -> SocketAddr {
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.cert.der().clone()], key.into()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let _ = acceptor.accept(stream).await;
        }
    })
    .await
}

/// A port whose queue is full: whoever connects has no answer.
pub struct Full {
    pub address: SocketAddr,
    listener: TcpListener,
    waiting: Vec<TcpStream>,
}

impl Full {
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // The queue of Linux holds one more than it is told.
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = vec![TcpStream::connect(address).await.unwrap()];
        Self { address, listener, waiting }
    }

    /// Makes room for the next that connects and takes it, and is full again.
    pub async fn take_next(&mut self) -> TcpStream {
        self.listener.accept().await.unwrap();
        let (next, _) = self.listener.accept().await.unwrap();
        self.waiting.push(TcpStream::connect(self.address).await.unwrap());
        next
    }
}

/// Reads until it has read `end`, or the other side has no more.
pub async fn read_past(stream: &mut (impl AsyncRead + Unpin), end: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}
