//! The API key and the user name. The key is masked by its type.

use crate::customer::FingerprintKey;
use http::header::HeaderValue;
use std::fmt;

/// The fault of a credential. The text never shows the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCredential {
    /// It holds only blanks.
    #[error("is empty")]
    Empty,
    /// It cannot be the value of a header.
    #[error("contains a blank, a line break or a character that is not ASCII")]
    NotAHeader,
}

/// The secret `api-key`. Its `Debug` is masked; nothing displays it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Checks a key from a variable or file; blanks and line ends around it are dropped.
    ///
    /// # Errors
    /// If the key is empty or cannot be sent.
    pub fn new(text: &str) -> Result<ApiKey, BadCredential> {
        header_text(text).map(ApiKey)
    }

    /// The key of the fingerprints in the result file.
    #[must_use]
    pub fn fingerprint_key(&self) -> FingerprintKey {
        FingerprintKey::from_secret(self.0.as_bytes())
    }

    /// Only for the header and for masking.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(***)")
    }
}

/// The values of the two headers of the API page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    key: ApiKey,
}

impl Credentials {
    /// Checks a user name.
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

    /// The user name as the value of a header.
    pub(super) fn username_header(&self) -> HeaderValue {
        header_value(&self.username)
    }

    /// The key as the value of a header that `Debug` masks.
    pub(super) fn key_header(&self) -> HeaderValue {
        let mut value = header_value(self.key.secret());
        value.set_sensitive(true);
        value
    }
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a credential holds only visible ASCII")
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
    fn the_key_is_masked_in_every_debug_output() {
        let credentials = Credentials::new("admin", ApiKey::new("s3cret\n").unwrap()).unwrap();
        assert_eq!(credentials.key().secret(), "s3cret");
        assert!(!format!("{credentials:?}").contains("s3cret"));
        assert!(!format!("{:?}", credentials.key_header()).contains("s3cret"));
        assert!(!format!("{:?}", credentials.key().fingerprint_key()).contains("s3cret"));
    }

    #[test]
    fn a_credential_that_cannot_be_a_header_is_refused() {
        assert_eq!(ApiKey::new(" \n"), Err(BadCredential::Empty));
        for text in ["a b", "a\nb", "clé", "a\u{7f}"] {
            assert_eq!(ApiKey::new(text), Err(BadCredential::NotAHeader));
        }
    }
}
