//! A JSON body, and what is wrong with one that cannot be used.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::Request;
use crate::problem::Problem;

impl Request {
    /// The body as a JSON object. Members that `T` does not know are ignored.
    ///
    /// # Errors
    /// 415 for a content type that is not JSON, 400 for a body that is not well-formed, 422 for one that is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.check_content_type()?;
        // An array must not be taken for a struct's fields in order.
        let is_object = self.body.trim_ascii_start().starts_with(b"{");
        match serde_json::from_slice(&self.body) {
            Ok(value) if is_object => Ok(value),
            _ => Err(refusal::<T>(&self.body)),
        }
    }

    /// A missing content type counts as JSON, since nothing else is read anyway.
    fn check_content_type(&self) -> Result<(), Problem> {
        match self.head.headers.get(CONTENT_TYPE) {
            Some(value) if !is_json(value.to_str().unwrap_or_default()) => {
                let detail = "The body must be JSON, with content-type: application/json.";
                Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
            }
            _ => Ok(()),
        }
    }
}

fn is_json(content_type: &str) -> bool {
    if content_type == "application/json" {
        return true;
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Parsed again with more care, since only good bodies have to be fast.
fn refusal<T: DeserializeOwned>(body: &[u8]) -> Problem {
    match serde_json::from_slice::<Value>(body) {
        Err(error) => Problem::bad_request(format!("The body is not well-formed JSON: {error}.")),
        Ok(Value::Object(_)) => ill_typed::<T>(body),
        Ok(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "The body must be a JSON object."),
    }
}

fn ill_typed<T: DeserializeOwned>(body: &[u8]) -> Problem {
    match serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(body)) {
        Ok(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "The body cannot be used."),
        Err(error) => {
            let (path, reason) = (error.path().to_string(), error.inner().to_string());
            // serde names a field that is missing, or there twice, in its message only.
            let field = if path == "." { reason.split('`').nth(1).unwrap_or_default() } else { &path };
            Problem::unprocessable(field, format!("`{field}` cannot be used: {reason}."))
        }
    }
}
