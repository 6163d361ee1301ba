//! The `Idempotency-Key` header: a repeated request has the effect and the answer of the first.

use crate::http::Request;
use crate::problem::Problem;

impl Request {
    /// # Errors
    /// 400 for a key that is not 1 to 255 printable ASCII characters.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        let Some(value) = self.head.headers.get("idempotency-key") else { return Ok(None) };
        let key = value.to_str().unwrap_or_default().trim();
        if !(1..=255).contains(&key.len()) || key.contains('\t') {
            return Err(Problem::bad_request("`Idempotency-Key` must be 1 to 255 printable ASCII characters."));
        }
        Ok(Some(key))
    }
}
