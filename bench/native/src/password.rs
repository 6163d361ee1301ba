//! How passwords are kept.

use argon2::password_hash::{self, PasswordHasher};
use argon2::{Algorithm, Argon2, Params, Version};

/// What OWASP recommends for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The PHC string of a password with a salt of its own. Takes a processor for tens of milliseconds.
///
/// # Errors
/// The system has no random numbers.
pub fn hash(password: &str) -> Result<String, password_hash::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("these parameters are in their ranges");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(argon2.hash_password(password.as_bytes())?.to_string())
}
