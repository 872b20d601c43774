//! What makes two updates the same: a keyed hash of the canonical update.

use super::{Parameter, Update, Values};
use siphasher::sip::SipHasher24;
use std::fmt;

/// A keyed hash of an update's lookup and fields: 16 hex digits in the result file. Equal updates have equal
/// fingerprints whatever the order of the input's columns.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// How many hex digits it is written with.
    pub const DIGITS: usize = 16;

    /// As it is written: lower-case hex digits.
    #[must_use]
    pub fn digits(self) -> [u8; Self::DIGITS] {
        let mut digits = [0; Self::DIGITS];
        for (index, digit) in digits.iter_mut().enumerate() {
            let value = (self.0 >> (60 - 4 * index)) & 0xf;
            *digit = b"0123456789abcdef"[value as usize];
        }
        digits
    }

    /// Reads what [`fmt::Display`] writes: exactly 16 lower-case hex digits.
    #[must_use]
    pub fn parse(digits: &[u8]) -> Option<Fingerprint> {
        let ([upper, lower], []) = digits.as_chunks() else { return None };
        Some(Fingerprint(eight_digits(*upper)? << 32 | eight_digits(*lower)?))
    }
}

/// The value of eight lower-case hex digits, looked at together.
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let digits = u64::from_be_bytes(digits);
    // The highest bit of each byte that is so or more: of ASCII, adding does not carry from one byte to the next.
    let least = |byte: u8| digits.wrapping_add(each(0x80 - byte));
    let is_figure = least(b'0') & !least(b'9' + 1);
    let is_letter = least(b'a') & !least(b'f' + 1);
    if (is_figure | is_letter) & !digits & each(0x80) != each(0x80) {
        return None;
    }
    // The letters are 0x61 to 0x66, the figures 0x30 to 0x39.
    let values = (digits & each(0xf)) + 9 * (digits >> 6 & each(1));
    let bytes = (values >> 4 | values) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes >> 8 | bytes) & 0x0000_ffff_0000_ffff;
    Some((pairs >> 16 | pairs) & 0xffff_ffff)
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The key of the hash, derived from the API key: without it, a guessed password cannot be tested against a
/// result file. The hash is SipHash-2-4, which is made for short inputs under a secret key; the derivation is BLAKE3's.
#[derive(Clone)]
pub struct FingerprintKey(SipHasher24);

/// Domain separation for BLAKE3's key derivation. Changing it makes every fingerprint ever written foreign.
const CONTEXT: &str = "offerit-sync 2026-11 result file fingerprint";

impl FingerprintKey {
    /// Derives the key from the API key's bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> FingerprintKey {
        let mut key = [0; 16];
        blake3::Hasher::new_derive_key(CONTEXT).update(secret).finalize_xof().fill(&mut key);
        FingerprintKey(SipHasher24::new_with_key(&key))
    }

    /// The fingerprint of a valid update. `scratch` is reused from row to row.
    pub fn of_update(&self, update: &Update, scratch: &mut Vec<u8>) -> Fingerprint {
        self.of_list(b'u', update.values().map(|(parameter, value)| (parameter, value.as_bytes())), scratch)
    }

    /// The same of the values of a valid update, wherever they lie.
    pub fn of_values(&self, values: Values<'_>, scratch: &mut Vec<u8>) -> Fingerprint {
        self.of_list(b'u', values.iter(), scratch)
    }

    /// The fingerprint of a row that is no valid update: never equal to that of an update.
    pub fn of_invalid<'value>(
        &self,
        values: impl Iterator<Item = (Parameter, &'value [u8])>,
        scratch: &mut Vec<u8>,
    ) -> Fingerprint {
        self.of_list(b'i', values, scratch)
    }

    /// The fingerprint of a row that has nothing to send and is passed over: never equal to that of an update or of
    /// an invalid row, so that the row is dealt with anew once such rows are not passed over any more.
    pub fn of_passed_over<'value>(
        &self,
        values: impl Iterator<Item = (Parameter, &'value [u8])>,
        scratch: &mut Vec<u8>,
    ) -> Fingerprint {
        self.of_list(b'e', values, scratch)
    }

    /// Each value is written with its parameter and its length, so that no two lists look the same.
    fn of_list<'value>(
        &self,
        kind: u8,
        values: impl Iterator<Item = (Parameter, &'value [u8])>,
        scratch: &mut Vec<u8>,
    ) -> Fingerprint {
        scratch.clear();
        scratch.push(kind);
        for (parameter, value) in values {
            match u8::try_from(value.len()) {
                Ok(length) if length < u8::MAX => scratch.extend_from_slice(&[parameter as u8, length]),
                _ => {
                    scratch.extend_from_slice(&[parameter as u8, u8::MAX]);
                    scratch.extend_from_slice(&(value.len() as u64).to_le_bytes());
                }
            }
            scratch.extend_from_slice(value);
        }
        Fingerprint(self.0.hash(scratch))
    }
}

/// Masked: the key is derived from a secret.
impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FingerprintKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::UpdateBuilder;
    use super::*;
    use proptest::prelude::*;

    fn fingerprint(key: &str, values: &[(Parameter, &str)]) -> Fingerprint {
        let mut builder = UpdateBuilder::default();
        for (parameter, value) in values {
            builder.set(*parameter, value.as_bytes());
        }
        FingerprintKey::from_secret(key.as_bytes()).of_update(&builder.build().unwrap(), &mut Vec::new())
    }

    const ROW: [(Parameter, &str); 2] = [(Parameter::CustomerId, "191"), (Parameter::City, "Riga")];

    #[test]
    fn it_never_changes_from_one_version_to_the_next() {
        assert_eq!(fingerprint("key", &ROW).to_string(), "473ecde8addba3a3");
    }

    #[test]
    fn it_depends_on_key_lookup_field_and_value() {
        let base = fingerprint("key", &ROW);
        let others = [
            fingerprint("other", &ROW),
            fingerprint("key", &[(Parameter::SubscriptionId, "191"), (Parameter::City, "Riga")]),
            fingerprint("key", &[(Parameter::CustomerId, "191"), (Parameter::State, "Riga")]),
            fingerprint("key", &[(Parameter::CustomerId, "191"), (Parameter::City, "Riga ")]),
            fingerprint("key", &[(Parameter::CustomerId, "1"), (Parameter::City, "91Riga")]),
        ];
        assert!(others.iter().all(|other| *other != base), "{base} {others:?}");
    }

    proptest! {
        /// However long values are, and wherever one ends: each list has a fingerprint of its own.
        #[test]
        fn no_two_lists_look_the_same(
            lengths in proptest::collection::vec(0_usize..600, 1..4),
            index: proptest::sample::Index,
            by in 1_usize..600,
        ) {
            let key = FingerprintKey::from_secret(b"key");
            let of = |lengths: &[usize]| {
                let values = lengths.iter().map(|length| vec![b'x'; *length]).collect::<Vec<_>>();
                let parameters = [Parameter::City, Parameter::State, Parameter::Zip];
                key.of_invalid(parameters.into_iter().zip(values.iter().map(Vec::as_slice)), &mut Vec::new())
            };
            let mut others = lengths.clone();
            let one = index.get_mut(&mut others[..]);
            *one = (*one + by) % 600;
            prop_assert_eq!(of(&lengths) == of(&others), lengths == others);
            // What one value loses the next one gains.
            if let [first, second, ..] = &mut others[..] {
                *second += std::mem::take(first);
                prop_assert_eq!(of(&lengths) == of(&others), lengths == others);
            }
        }
    }

    #[test]
    fn the_order_in_which_columns_come_does_not_matter() {
        assert_eq!(fingerprint("key", &ROW), fingerprint("key", &[ROW[1], ROW[0]]));
    }

    #[test]
    fn an_invalid_row_never_has_the_fingerprint_of_an_update() {
        let values = ROW.iter().map(|(parameter, value)| (*parameter, value.as_bytes()));
        let invalid = FingerprintKey::from_secret(b"key").of_invalid(values, &mut Vec::new());
        assert_ne!(invalid, fingerprint("key", &ROW));
    }

    #[test]
    fn only_sixteen_lower_case_digits_are_one() {
        let fingerprint = Fingerprint(0x0123_4567_89ab_cdef);
        assert_eq!(fingerprint.to_string(), "0123456789abcdef");
        assert_eq!(Fingerprint::parse(b"0123456789abcdef"), Some(fingerprint));
        for bad in ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg"] {
            assert_eq!(Fingerprint::parse(bad.as_bytes()), None);
        }
    }

    #[test]
    fn each_byte_of_all_is_a_digit_or_none_wherever_it_stands() {
        for (place, byte) in
            (0..Fingerprint::DIGITS).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte)))
        {
            for other in *b"09af" {
                let mut digits = [other; Fingerprint::DIGITS];
                digits[place] = byte;
                let expected = matches!(byte, b'0'..=b'9' | b'a'..=b'f').then_some(digits);
                assert_eq!(Fingerprint::parse(&digits).map(Fingerprint::digits), expected, "{digits:?}");
            }
        }
    }
}
