//! The passwords of the roles that the host makes: random, and told to the server in the form in which it keeps them, so
//! that no log of statements has one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// What Postgres takes by default.
const ITERATIONS: u32 = 4096;

/// 244 random bits.
pub(super) fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// What the server keeps of a password: of letters, digits and signs that need no escape within quotes.
pub(super) fn verifier(password: &str) -> String {
    verifier_with(password, Uuid::new_v4().as_bytes())
}

/// <https://www.rfc-editor.org/rfc/rfc5802#section-3>
fn verifier_with(password: &str, salt: &[u8]) -> String {
    let salted = salted(password.as_bytes(), salt);
    let stored = Sha256::digest(mac(&salted, b"Client Key"));
    let server = mac(&salted, b"Server Key");
    let [salt, stored, server] = [salt, &stored[..], &server].map(|bytes| BASE64.encode(bytes));
    format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}")
}

fn salted(password: &[u8], salt: &[u8]) -> [u8; 32] {
    let mut last = mac(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut all = last;
    for _ in 1..ITERATIONS {
        last = mac(password, &last);
        all.iter_mut().zip(last).for_each(|(one, other)| *one ^= other);
    }
    all
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::{BASE64, verifier_with};
    use base64::Engine as _;

    /// The example of RFC 7677.
    #[test]
    fn a_verifier_is_what_the_server_computes() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let expected = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                        WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert_eq!(verifier_with("pencil", &salt), expected);
    }
}
