//! What went wrong with a request, in the words of `wasi:http`, which are those of RFC 9209 section 2.3.

use std::error::Error as Cause;
use std::io;

use componentd_core::log_bounds::LogRate;
use hyper_util::client::legacy;
use rustix::io::Errno;
use wasmtime_wasi_http::Error;

use super::resolver::ResolveError;

/// Why there is no answer. The log has the driver's own words.
pub(super) fn of_request(error: &legacy::Error, log: &LogRate) -> Error {
    let last = causes(error).last().map(ToString::to_string).unwrap_or_default();
    log.tell(|| tracing::warn!(error = last, "outbound request failed"));
    let otherwise = if error.is_connect() { Error::DestinationUnavailable } else { Error::ConnectionTerminated };
    causes(error).find_map(meaning).unwrap_or(otherwise)
}

/// Why a body ended before it was whole.
pub(super) fn of_body(error: &hyper::Error, log: &LogRate) -> Error {
    log.tell(|| tracing::warn!(error = error as &dyn Cause, "the body of an answer broke off"));
    let io_error = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    match io_error.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            Error::HttpResponseTransferCoding(Some("chunked".to_owned()))
        }
        Some(io::ErrorKind::TimedOut) => Error::ConnectionReadTimeout,
        _ => Error::HttpResponseIncomplete,
    }
}

/// An error and what caused it.
pub(super) fn causes<'a>(error: &'a (dyn Cause + 'static)) -> impl Iterator<Item = &'a (dyn Cause + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// An `io::Error` leaves the error that it was made of out of its `source`.
fn cause<'a>(error: &'a (dyn Cause + 'static)) -> Option<&'a (dyn Cause + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(wrapper) => wrapper.get_ref().map(|wrapped| wrapped as &(dyn Cause + 'static)),
        None => error.source(),
    }
}

/// What one of the errors in such a chain says by itself, if it says enough.
pub(super) fn meaning(cause: &(dyn Cause + 'static)) -> Option<Error> {
    if let Some(error) = cause.downcast_ref::<ResolveError>() {
        return Some(of_name(error));
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return of_protocol(error);
    }
    cause.downcast_ref::<io::Error>().and_then(of_connection)
}

/// The system's resolver keeps the server's answer code to itself.
fn of_name(error: &ResolveError) -> Error {
    match error {
        ResolveError::Lookup(_) => Error::DnsError { rcode: None, info_code: None },
        ResolveError::Prohibited => Error::DestinationIpProhibited,
    }
}

fn of_tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::AlertReceived(alert) => {
            Error::TlsAlertReceived { alert_id: Some((*alert).into()), alert_message: Some(format!("{alert:?}")) }
        }
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::InvalidCertRevocationList(_) => Error::TlsCertificateError,
        _ => Error::TlsProtocolError,
    }
}

fn of_protocol(error: &hyper::Error) -> Option<Error> {
    if error.is_timeout() {
        return Some(Error::HttpResponseTimeout);
    }
    if error.is_parse_too_large() {
        return Some(Error::HttpResponseHeaderSectionSize(None));
    }
    if error.is_incomplete_message() {
        return Some(Error::ConnectionTerminated);
    }
    // That the request was given up has a cause that says more, as has trouble with the connection.
    let is_vague = error.is_canceled() || error.is_closed() || error.source().is_some();
    if is_vague { None } else { Some(Error::HttpProtocolError) }
}

fn of_connection(error: &io::Error) -> Option<Error> {
    use io::ErrorKind;
    // Of files, or of local ports.
    let limits = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL];
    if error.raw_os_error().is_some_and(|code| limits.iter().any(|limit| limit.raw_os_error() == code)) {
        return Some(Error::ConnectionLimitReached);
    }
    match error.kind() {
        ErrorKind::TimedOut => Some(Error::ConnectionTimeout),
        ErrorKind::ConnectionRefused => Some(Error::ConnectionRefused),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Some(Error::DestinationIpUnroutable)
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => Some(Error::ConnectionTerminated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the system says it, and wrapped as drivers wrap it.
    #[test]
    fn what_the_system_says_is_found_behind_wrappers() {
        let said = |errno: Errno| {
            let wrapped = io::Error::other(io::Error::from(errno));
            format!("{:?}", causes(&wrapped).find_map(meaning))
        };
        assert_eq!(said(Errno::MFILE), "Some(ConnectionLimitReached)");
        assert_eq!(said(Errno::ADDRNOTAVAIL), "Some(ConnectionLimitReached)");
        assert_eq!(said(Errno::NETUNREACH), "Some(DestinationIpUnroutable)");
        assert_eq!(said(Errno::HOSTUNREACH), "Some(DestinationIpUnroutable)");
        assert_eq!(said(Errno::TIMEDOUT), "Some(ConnectionTimeout)");
        assert_eq!(said(Errno::ACCESS), "None", "a firewall's refusal is not the grant's");
    }
}
