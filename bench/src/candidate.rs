//! Who is measured.

/// One of those that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// `bench/native`: the same service without a host; for hello that is a bare hyper.
    Native,
    /// The host, whose instances serve one request after the other. What a manifest gets that says nothing.
    Reuse,
    /// The host with an instance for each request: `isolation = "request"`.
    Fresh,
    /// `wasmtime serve` as it comes: an instance for each request.
    Serve,
    /// `wasmtime serve` with its best flags, and an instance for each request.
    ServeTuned,
    /// The same, whose instances serve many requests.
    ServeTunedReuse,
}

impl Candidate {
    /// The store has no other.
    pub const STORE: [Self; 3] = [Self::Native, Self::Reuse, Self::Fresh];
    /// The host alone.
    pub const HOST: [Self; 2] = [Self::Reuse, Self::Fresh];
    /// Everybody runs hello.
    pub const ALL: [Self; 6] =
        [Self::Native, Self::Reuse, Self::Fresh, Self::Serve, Self::ServeTuned, Self::ServeTunedReuse];

    /// As it is called in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Reuse => "componentd reuse",
            Self::Fresh => "componentd fresh",
            Self::Serve => "wasmtime serve",
            Self::ServeTuned => "wasmtime serve tuned",
            Self::ServeTunedReuse => "wasmtime serve tuned reuse",
        }
    }

    /// The manifest's `isolation`, for the host.
    pub const fn isolation(self) -> &'static str {
        match self {
            Self::Fresh => "request",
            _ => "reuse",
        }
    }

    /// Name for files.
    pub fn slug(self) -> String {
        self.name().replace(' ', "-")
    }
}
