//! The name of a version.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Names a version: the SHA-256 of the component's bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes the bytes of a component.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// All 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A number that follows from the bytes, as likely any as another.
    pub fn number(&self) -> u64 {
        let first: [u8; 8] = self.0.first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(first)
    }

    /// The whole name: `sha256:` and all digits.
    pub fn full(&self) -> String {
        format!("sha256:{}", self.hex())
    }
}

/// The whole name of a version, cut to what people need: 12 digits.
pub fn short(full: &str) -> &str {
    full.get(.."sha256:".len() + 12).unwrap_or(full)
}

/// The first 12 hexadecimal digits, enough for people.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:")?;
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
