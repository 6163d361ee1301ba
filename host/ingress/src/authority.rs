//! Whom a request is for: `Host`, and `:authority` or an absolute URI (RFC 9112 section 3.2, RFC 9113 section 8.3.1); and that
//! its end is clear (RFC 9112 section 6.1).

use http::header::HOST;
use http::header::TRANSFER_ENCODING;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, StatusCode, Version};

const TUNNEL: &str = "this server is no proxy: send the request to the server that it is for";
const ENCODED: &str =
    "the request's `Transfer-Encoding` is another than `chunked` alone; send that, or `Content-Length`";
const MISSING: &str = "the request names no host; send `Host`";
const DOUBLED: &str = "the request has more than one `Host`; send one";
const INVALID: &str = "the request's `Host` is none; send a name or an address, and a port if it has one";
const DIFFERENT: &str = "the request's `Host` and `:authority` differ; send the same, or only `:authority`";

/// Whether a request says whom it is for and where it ends, once and clearly. Two servers that understand it differently could
/// be played off against each other.
///
/// # Errors
/// What to change.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), (StatusCode, &'static str)> {
    if *request.method() == Method::CONNECT {
        return Err((StatusCode::NOT_IMPLEMENTED, TUNNEL));
    }
    let named = framed(request).and_then(|()| named(request));
    named.map_err(|detail| (StatusCode::BAD_REQUEST, detail))
}

/// The HTTP library takes any list that ends with `chunked` for that.
fn framed<B>(request: &Request<B>) -> Result<(), &'static str> {
    let mut encodings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let (encoding, another) = (encodings.next(), encodings.next());
    let is_chunked = encoding.is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if is_chunked && another.is_none() { Ok(()) } else { Err(ENCODED) }
}

fn named<B>(request: &Request<B>) -> Result<(), &'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Err(DOUBLED);
    }
    let authority = request.uri().authority();
    let is_valid = host.is_none_or(|host| is_host(host.as_bytes()))
        && authority.is_none_or(|authority| is_host(authority.as_str().as_bytes()));
    if !is_valid {
        return Err(INVALID);
    }
    match (request.version(), host, authority) {
        (Version::HTTP_10 | Version::HTTP_09, ..) => Ok(()),
        (Version::HTTP_11, Some(_), _) => Ok(()),
        (Version::HTTP_11, None, _) | (_, None, None) => Err(MISSING),
        (_, Some(host), Some(authority)) if !is_same(host, authority, request.uri().scheme_str()) => Err(DIFFERENT),
        _ => Ok(()),
    }
}

/// Whether it is a name or an address, with or without a port.
fn is_host(text: &[u8]) -> bool {
    is_plain(text) || Authority::try_from(text).is_ok_and(|authority| is_host_and_port(&authority))
}

/// What most are, and quickly seen to be: letters, digits, dots and hyphens, and a port of up to four digits.
fn is_plain(text: &[u8]) -> bool {
    let name = text.iter().take_while(|byte| IN_NAMES[usize::from(**byte)]).count();
    let is_port = |port: &[u8]| port.len() <= 4 && port.iter().all(u8::is_ascii_digit);
    name > 0 && text[name..].split_first().is_none_or(|(colon, port)| *colon == b':' && is_port(port))
}

/// Which bytes [`is_plain`] takes for a name's.
const IN_NAMES: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0_u8);
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        byte += 1;
    }
    table
};

/// The type also has user names, and any text for a port.
fn is_host_and_port(authority: &Authority) -> bool {
    let (text, host) = (authority.as_str(), authority.host());
    let rest = text.strip_prefix(host);
    !host.is_empty() && rest.is_some_and(|rest| matches!(rest, "" | ":") || authority.port_u16().is_some())
}

/// Names are the same in any case, and with or without the port that the scheme has anyway.
fn is_same(host: &HeaderValue, authority: &Authority, scheme: Option<&str>) -> bool {
    if host.as_bytes() == authority.as_str().as_bytes() {
        return true;
    }
    let usual = if scheme == Some("https") { 443 } else { 80 };
    let Ok(host) = Authority::try_from(host.as_bytes()) else { return false };
    host.host().eq_ignore_ascii_case(authority.host())
        && host.port_u16().unwrap_or(usual) == authority.port_u16().unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn names_and_addresses_with_and_without_a_port() {
        for host in ["x", "EXAMPLE.com", "a-b.c:8081", "127.0.0.1:65535", "[::1]", "[::1]:80", "x:", "a_b"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        let others =
            ["", ":80", "a b", "user@host", "a:b", "a:65536", "a:80:80", "[::1", "a/b", "a?b", "a#b", "::1", "\u{e4}"];
        for other in others {
            assert!(!is_host(other.as_bytes()), "{other:?}");
        }
    }
}
