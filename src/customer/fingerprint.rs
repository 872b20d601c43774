//! The identity of an update: a keyed hash of its canonical text.
//!
//! The canonical text of a row is one line for the call and the row's kind, then one line for each parameter that has
//! a value, sorted by name. `kind` is `update`, `invalid` or `passed-over`; `length` is the value's length in bytes, in
//! decimal; each line ends in a line feed (here with the call `set_customer_details`):
//!
//! ```text
//! set_customer_details update
//! city=4:Riga
//! customer_id=3:191
//! ```
//!
//! The length marks the end of a value, so that no two rows have the same text. The fingerprint is the first 8 bytes
//! of the text's BLAKE3 in keyed mode. The 32 bytes of the key are BLAKE3's key derivation of the API key with the
//! context `offerit-sync 2026-11-29 fingerprint`. With [`b3sum`](https://github.com/BLAKE3-team/BLAKE3/tree/master/b3sum)
//! and the canonical text in `row.txt`:
//!
//! ```sh
//! printf %s "$OFFERIT_API_KEY" | b3sum --raw --derive-key 'offerit-sync 2026-11-29 fingerprint' |
//!   b3sum --keyed --length 8 row.txt
//! ```

use super::{Parameter, Update, Values};
use std::fmt;
use std::sync::LazyLock;

/// A keyed hash of an update's lookup and fields: 16 hex digits in the result file. Equal updates have equal
/// fingerprints for any order of the input's columns.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The number of hex digits in the result file.
    pub const DIGITS: usize = 16;

    /// Reads what [`fmt::Display`] writes: exactly 16 lower-case hex digits.
    #[must_use]
    pub fn parse(digits: &[u8]) -> Option<Fingerprint> {
        // `from_str_radix` alone would accept upper case and a sign.
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != Self::DIGITS || !digits.iter().all(is_digit) {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().map(Fingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The key of the hash, derived from the API key: without it, a guessed password cannot be tested against a result
/// file.
#[derive(Clone)]
pub struct FingerprintKey([u8; blake3::KEY_LEN]);

/// Domain separation for BLAKE3's key derivation. Changing it makes every fingerprint ever written foreign.
const CONTEXT: &str = "offerit-sync 2026-11-29 fingerprint";

/// The API's call that a row makes. The first line of the canonical text names it, so that the same values of another
/// call have another fingerprint.
const CALL: &str = "set_customer_details";

/// The parameters sorted by name, so that the order in which the program lists them does not matter.
static BY_NAME: LazyLock<[Parameter; Parameter::COUNT]> = LazyLock::new(|| {
    let mut all = Parameter::ALL;
    all.sort_unstable_by_key(|parameter| parameter.name());
    all
});

impl FingerprintKey {
    /// Derives the key from the API key's bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> FingerprintKey {
        FingerprintKey(blake3::derive_key(CONTEXT, secret))
    }

    /// The fingerprint of a valid update. `scratch` is reused from row to row.
    pub fn of_update(&self, update: &Update, scratch: &mut Vec<u8>) -> Fingerprint {
        self.of_row("update", update.as_ref(), scratch)
    }

    /// The fingerprint of a row that is not a valid update. It never equals the fingerprint of an update.
    pub fn of_invalid(&self, values: &Values, scratch: &mut Vec<u8>) -> Fingerprint {
        self.of_row("invalid", values, scratch)
    }

    /// The fingerprint of a row that has nothing to send and is skipped. It never equals the fingerprint of an update or of
    /// an invalid row, so the row is judged again once such rows are not skipped any more.
    pub fn of_passed_over(&self, values: &Values, scratch: &mut Vec<u8>) -> Fingerprint {
        self.of_row("passed-over", values, scratch)
    }

    /// Hashes the canonical text, which is built in `scratch`.
    fn of_row(&self, kind: &str, values: &Values, scratch: &mut Vec<u8>) -> Fingerprint {
        scratch.clear();
        for part in [CALL, " ", kind, "\n"] {
            scratch.extend_from_slice(part.as_bytes());
        }
        for parameter in *BY_NAME {
            let (name, value) = (parameter.name(), values.bytes(parameter));
            if value.is_empty() {
                continue;
            }
            let mut length = itoa::Buffer::new();
            for part in [name.as_bytes(), b"=", length.format(value.len()).as_bytes(), b":", value, b"\n"] {
                scratch.extend_from_slice(part);
            }
        }
        Fingerprint(first_8_bytes(blake3::keyed_hash(&self.0, scratch)))
    }
}

/// The first 8 bytes of a hash as a number: its 16 hex digits are the first 16 of the hash.
fn first_8_bytes(hash: blake3::Hash) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_be_bytes(first)
}

/// Masked: the key is derived from a secret.
impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FingerprintKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fingerprint(key: &str, values: &[(Parameter, &str)]) -> Fingerprint {
        let update = Update::new(row(values), &mut Vec::new()).unwrap();
        FingerprintKey::from_secret(key.as_bytes()).of_update(&update, &mut Vec::new())
    }

    fn row<'value>(
        values: impl IntoIterator<Item = &'value (Parameter, impl AsRef<str> + 'value)>,
    ) -> Values {
        let mut row = Values::default();
        values.into_iter().for_each(|(parameter, value)| row.set(*parameter, value.as_ref()));
        row
    }

    const ROW: [(Parameter, &str); 2] = [(Parameter::CustomerId, "191"), (Parameter::City, "Riga")];

    fn named(name: &str) -> Parameter {
        Parameter::from_name(name).unwrap()
    }

    /// Each parameter alone, with the value `x`. Like all expected values here computed by another program, Python's
    /// `blake3`, by the definition in the module's header.
    const PINNED: [(&str, &str); Parameter::COUNT] = [
        ("customer_id", "472998cf002fa046"),
        ("subscription_id", "c5c83f64965bc5f6"),
        ("firstname", "ecf2ef5e36357e9a"),
        ("lastname", "5236c2d3b9f58929"),
        ("email", "b11352bb0bd42777"),
        ("address1", "45b81e52e9770ac4"),
        ("address2", "1c8e2ff15f77f760"),
        ("city", "d55fbcd92e7815d8"),
        ("state", "4030e0786b5f81a0"),
        ("country", "3cae0695b0fd2abb"),
        ("zip", "62e856300044a621"),
        ("custom1", "1ab8277b6d4d13e9"),
        ("custom2", "e06c03f6d1b46719"),
        ("custom3", "3c858b998522f623"),
        ("custom4", "6482731846c6e00e"),
        ("custom5", "6efa85b88e10e8c8"),
        ("password", "6f76cfaf5ec78a2c"),
        ("username", "cc68f7b72a1310d4"),
    ];

    #[test]
    fn a_fingerprint_never_changes_from_one_version_to_the_next() {
        let key = FingerprintKey::from_secret(b"k3y of the pins");
        let scratch = &mut Vec::new();
        for (name, pinned) in PINNED {
            let row = row(&[(named(name), "x")]);
            assert_eq!(key.of_invalid(&row, scratch).to_string(), pinned, "{name}");
        }
        let row = row(&PINNED.map(|(name, _)| (named(name), format!("value of {name}"))));
        assert_eq!(key.of_invalid(&row, scratch).to_string(), "08b495842fbf7331");
        assert_eq!(key.of_passed_over(&row, scratch).to_string(), "f8e6955273947e1f");
        assert_eq!(key.of_invalid(&Values::default(), scratch).to_string(), "59b6edc908b37ae7");
        let update = Update::new(row, &mut Vec::new()).unwrap();
        assert_eq!(key.of_update(&update, scratch).to_string(), "4b632450e18c59df");
        // Its length in bytes has four digits.
        let long = "Rīga\n".repeat(300);
        let row = [(Parameter::CustomerId, "191"), (Parameter::City, &long)];
        assert_eq!(fingerprint("k3y of the pins", &row).to_string(), "8c0c4b17a25790a1");
    }

    #[test]
    fn a_fingerprint_depends_on_key_lookup_field_and_value() {
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
        /// Lists of values that differ only in the lengths of the values have different fingerprints.
        #[test]
        fn two_lists_of_values_never_have_one_fingerprint(
            lengths in proptest::collection::vec(0_usize..600, 1..4),
            index: proptest::sample::Index,
            by in 1_usize..600,
        ) {
            let key = FingerprintKey::from_secret(b"key");
            let of = |lengths: &[usize]| {
                let parameters = [Parameter::City, Parameter::State, Parameter::Zip].into_iter();
                let values: Vec<_> = parameters.zip(lengths.iter().map(|length| "x".repeat(*length))).collect();
                key.of_invalid(&row(&values), &mut Vec::new())
            };
            let mut others = lengths.clone();
            let one = index.get_mut(&mut others[..]);
            *one = (*one + by) % 600;
            prop_assert_eq!(of(&lengths) == of(&others), lengths == others);
            // The characters of the first value move to the second value.
            if let [first, second, ..] = &mut others[..] {
                *second += std::mem::take(first);
                prop_assert_eq!(of(&lengths) == of(&others), lengths == others);
            }
        }
    }

    #[test]
    fn a_fingerprint_does_not_depend_on_the_order_of_the_values() {
        assert_eq!(fingerprint("key", &ROW), fingerprint("key", &[ROW[1], ROW[0]]));
        let key = FingerprintKey::from_secret(b"key");
        let of = |values: [(Parameter, &str); 2]| key.of_invalid(&row(&values), &mut Vec::new());
        assert_eq!(of(ROW), of([ROW[1], ROW[0]]));
    }

    #[test]
    fn an_invalid_row_never_has_the_fingerprint_of_an_update() {
        let invalid = FingerprintKey::from_secret(b"key").of_invalid(&row(&ROW), &mut Vec::new());
        assert_ne!(invalid, fingerprint("key", &ROW));
    }

    #[test]
    fn a_fingerprint_is_sixteen_lower_case_digits() {
        let fingerprint = Fingerprint(0x0123_4567_89ab_cdef);
        assert_eq!(fingerprint.to_string(), "0123456789abcdef");
        assert_eq!(Fingerprint::parse(b"0123456789abcdef"), Some(fingerprint));
        for bad in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789ABCDEF",
            "+123456789abcdef",
            "0123456789abcdeg",
        ] {
            assert_eq!(Fingerprint::parse(bad.as_bytes()), None);
        }
    }

    #[test]
    fn each_byte_at_each_position_is_a_hex_digit_or_refused() {
        for (place, byte) in
            (0..Fingerprint::DIGITS).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte)))
        {
            for other in *b"09af" {
                let mut digits = [other; Fingerprint::DIGITS];
                digits[place] = byte;
                let expected = matches!(byte, b'0'..=b'9' | b'a'..=b'f').then_some(digits.to_vec());
                let written =
                    Fingerprint::parse(&digits).map(|fingerprint| fingerprint.to_string().into_bytes());
                assert_eq!(written, expected, "{digits:?}");
            }
        }
    }
}
