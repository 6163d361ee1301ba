//! Passwords: which are taken, and how they are kept.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use componentd_sdk::http::Problem;

const MIN_CHARACTERS: usize = 8;
const MAX_CHARACTERS: usize = 128;

/// What OWASP recommends for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Length is the only rule: by NIST SP 800-63B others make passwords worse.
pub(crate) fn check(password: &str) -> Result<(), Problem> {
    match password.chars().count() {
        MIN_CHARACTERS..=MAX_CHARACTERS => Ok(()),
        _ => Err(Problem::unprocessable("password", "`password` must have 8 to 128 characters.")),
    }
}

/// The PHC string of a password with a salt of its own, from the system's random numbers.
pub(crate) fn hash(password: &str) -> Result<String, Problem> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Problem::internal)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password.as_bytes()).map_err(Problem::internal)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(check("ä".repeat(8).as_str()).is_ok());
        assert!(check("ä".repeat(128).as_str()).is_ok());
        assert_eq!(check("ä".repeat(7).as_str()).unwrap_err().status(), 422);
        assert_eq!(check("a".repeat(129).as_str()).unwrap_err().status(), 422);
    }

    #[test]
    fn a_hash_is_argon2id_with_the_parameters_of_owasp_and_a_salt_of_its_own() {
        let hash = hash("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, super::hash("correct horse").unwrap());
        let parsed = PasswordHash::new(&hash).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
        assert!(Argon2::default().verify_password(b"wrong horse", &parsed).is_err());
    }
}
