//! What is asked for, again and again.

use anyhow::{Context, Result, bail};
use bytes::Bytes;

use crate::http::Http;

const JSON: &str = "application/json";

/// One kind of request, and what answers it.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub path: &'static str,
    pub body: Body,
    pub status: u16,
    /// What the answer must have in it.
    pub answer: &'static str,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// A GET.
    None,
    /// The same with each POST.
    Fixed(&'static str),
    /// A POST with an address that nobody has signed up with.
    Signup,
}

/// The component and hyper answer the same.
pub const HELLO: Load = Load { path: "/", body: Body::None, status: 200, answer: "Hello, world!\n" };

impl Load {
    /// One request, whose answer must be right.
    ///
    /// # Errors
    /// It is wrong, or there is none.
    pub async fn check(&self, http: &Http, base: &str) -> Result<()> {
        let url = format!("{base}{}", self.path);
        let reply = match self.body {
            Body::None => http.get(&url).await?,
            Body::Fixed(body) => http.post(&url, JSON, Bytes::from_static(body.as_bytes())).await?,
            Body::Signup => http.post(&url, JSON, signup("first")).await?,
        };
        let body = reply.expect(self.status).with_context(|| url.clone())?;
        let text = String::from_utf8_lossy(&body);
        if !text.contains(self.answer) {
            bail!("{url} answered {text}, without {}", self.answer);
        }
        Ok(())
    }
}

/// As docs/src/store.md has it.
fn signup(name: &str) -> String {
    format!(r#"{{"email": "{name}@example.com", "password": "secret123"}}"#)
}
