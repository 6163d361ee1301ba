//! What the host adds to requests stays its own: a server that repeats it in the head of its answer does not show it to the
//! component. What it repeats in a body, or encoded, cannot be told.

use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers with nothing secret in them. What they say stands in answers for reasons of its own, a content type say.
const PUBLIC: [HeaderName; 5] = [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];

/// A shorter value is no secret, and may well stand in an answer for another reason.
const SHORTEST: usize = 8;

/// What stands in place of a value that has one of the host's own in it.
const HIDDEN: HeaderValue = HeaderValue::from_static("(hidden)");

/// Those of the host's headers that no component may see.
pub(super) fn secrets(own: &HeaderMap) -> Vec<HeaderValue> {
    own.iter().filter(|(name, _)| !PUBLIC.contains(name)).map(|(_, value)| value.clone()).collect()
}

/// Hides the secrets among the headers of an answer, also where the first word, as `Bearer`, is left out.
pub(super) fn hide(headers: &mut HeaderMap, secrets: &[HeaderValue]) {
    for secret in secrets.iter().map(last_word).filter(|secret| secret.len() >= SHORTEST) {
        for value in headers.values_mut().filter(|value| has(value.as_bytes(), secret)) {
            *value = HIDDEN;
        }
    }
}

fn last_word(value: &HeaderValue) -> &[u8] {
    value.as_bytes().rsplit(|byte| *byte == b' ').next().unwrap_or_default()
}

fn has(value: &[u8], secret: &[u8]) -> bool {
    value.windows(secret.len()).any(|part| part == secret)
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, LOCATION, SERVER};

    use super::*;

    const JSON: HeaderValue = HeaderValue::from_static("application/json");

    #[test]
    fn what_is_repeated_is_hidden() {
        let mut own = HeaderMap::new();
        own.insert(AUTHORIZATION, HeaderValue::from_static("Bearer 0123456789"));
        own.insert(SERVER, HeaderValue::from_static("team"));
        own.insert(ACCEPT, JSON);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, own[AUTHORIZATION].clone());
        headers.insert(LOCATION, HeaderValue::from_static("/?token=0123456789&a=b"));
        headers.insert(SERVER, HeaderValue::from_static("team"));
        headers.insert(CONTENT_TYPE, JSON);
        hide(&mut headers, &secrets(&own));
        assert_eq!((&headers[AUTHORIZATION], &headers[LOCATION]), (&HIDDEN, &HIDDEN));
        assert_eq!((&headers[SERVER], &headers[CONTENT_TYPE]), (&own[SERVER], &JSON));
    }
}
