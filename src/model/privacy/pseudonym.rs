//! Pseudonyms: they replace values so that equal values stay equal, and nobody without the key
//! finds out what they were.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// The key of pseudonyms: SHA-256 of the configured secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PseudonymKey([u8; 32]);

/// A secret that is too short to be the key of pseudonyms: it could be found by trying all keys on
/// a known telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of pseudonyms has at least {} bytes", PseudonymKey::SHORTEST)]
pub struct ShortKey;

impl PseudonymKey {
    /// The shortest secret that is accepted, in bytes.
    pub const SHORTEST: usize = 16;

    /// The key from a secret text.
    ///
    /// # Errors
    /// [`ShortKey`] when it has fewer than [`PseudonymKey::SHORTEST`] bytes.
    pub fn new(secret: &Secret) -> Result<Self, ShortKey> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < Self::SHORTEST {
            return Err(ShortKey);
        }
        Ok(Self(Sha256::digest(bytes).into()))
    }

    /// `p:` and the first 16 bytes, in hexadecimal digits, of HMAC-SHA-256 over the class's name,
    /// a zero byte and the value. The class is in it, so that an agent's number and the same
    /// number of a customer have nothing in common.
    pub(super) fn pseudonym(&self, class: &str, value: &str) -> String {
        let mut text = String::from("p:");
        for byte in &self.code(class, value)[..16] {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        text
    }

    pub(super) fn code(&self, class: &str, value: &str) -> [u8; 32] {
        // A key shorter than HMAC's block is filled up with zeros, by definition.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut code = Hmac::<Sha256>::new(&block.into());
        code.update(class.as_bytes());
        code.update(&[0]);
        code.update(value.as_bytes());
        code.finalize().into_bytes().into()
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PseudonymKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Mode;

    fn key(secret: &str) -> PseudonymKey {
        PseudonymKey::new(&Secret::new(secret)).unwrap()
    }

    #[test]
    fn a_pseudonym_is_the_same_for_the_same_value_class_and_key_alone() {
        let one = key("a secret of more than sixteen bytes");
        let pseudonym = one.pseudonym("agents", "Mira Sample");
        // As `hmac.new(sha256(secret).digest(), b"agents\0Mira Sample", "sha256")` in Python.
        assert_eq!(pseudonym, "p:15c3ac3510ea06946b070989432ce469");
        assert_ne!(one.pseudonym("customers", "Mira Sample"), pseudonym);
        assert_ne!(one.pseudonym("agents", "Mira Sampler"), pseudonym);
        assert_ne!(
            key("another secret, long enough").pseudonym("agents", "Mira Sample"),
            pseudonym
        );
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_ever_printed() {
        assert_eq!(PseudonymKey::new(&Secret::new("fifteen bytes..")), Err(ShortKey));
        let mode = Mode::Pseudonymise(key("sixteen bytes..."));
        assert_eq!(format!("{mode:?}"), "Pseudonymise(PseudonymKey(…))");
    }
}
