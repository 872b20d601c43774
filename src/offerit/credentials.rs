//! The API key and the user name. The key is masked by its type.

use crate::customer::FingerprintKey;
use http::header::HeaderValue;
use std::fmt;

/// Why a credential cannot be used. Never shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCredential {
    /// Nothing but blanks.
    #[error("is empty")]
    Empty,
    /// It could not be a header's value.
    #[error("holds a blank, a control character or a character beyond ASCII: it cannot be sent as a header")]
    NotAHeader,
}

/// The secret `api-key`. Its `Debug` is masked; nothing displays it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes a key as it stands in a variable or file; blanks and line ends around it are dropped.
    ///
    /// # Errors
    /// If nothing is left or it cannot be sent.
    pub fn new(text: &str) -> Result<ApiKey, BadCredential> {
        header_text(text).map(ApiKey)
    }

    /// The key of the result file's fingerprints.
    #[must_use]
    pub fn fingerprint_key(&self) -> FingerprintKey {
        FingerprintKey::from_secret(self.0.as_bytes())
    }

    /// For the header and for redaction alone.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(***)")
    }
}

/// What the two headers of the API page carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    key: ApiKey,
}

impl Credentials {
    /// Takes a user name with its key.
    ///
    /// # Errors
    /// If the name is empty or cannot be sent.
    pub fn new(username: &str, key: ApiKey) -> Result<Credentials, BadCredential> {
        Ok(Credentials { username: header_text(username)?, key })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &ApiKey {
        &self.key
    }

    /// The user name as a header's value.
    pub(super) fn username_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.username).ok()
    }

    /// The key as a header's value that `Debug` masks.
    pub(super) fn key_header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.key.secret()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

fn header_text(text: &str) -> Result<String, BadCredential> {
    // Editors put a byte order mark before the key.
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(BadCredential::Empty);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadCredential::NotAHeader);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_masked_wherever_it_travels() {
        let credentials = Credentials::new("admin", ApiKey::new("s3cret\n").unwrap()).unwrap();
        assert_eq!(credentials.key().secret(), "s3cret");
        assert!(!format!("{credentials:?}").contains("s3cret"));
        assert!(!format!("{:?}", credentials.key_header()).contains("s3cret"));
        assert!(!format!("{:?}", credentials.key().fingerprint_key()).contains("s3cret"));
    }

    #[test]
    fn what_cannot_be_a_header_is_refused() {
        assert_eq!(ApiKey::new(" \n"), Err(BadCredential::Empty));
        for text in ["a b", "a\nb", "clé", "a\u{7f}"] {
            assert_eq!(ApiKey::new(text), Err(BadCredential::NotAHeader));
        }
    }
}
