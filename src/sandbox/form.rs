//! Reads the body of a request: which customer, which fields.
//!
//! The decoder is written here on purpose, although a crate could do it: the client encodes with that
//! crate, and a bug of it must not be mirrored by the server that is there to find it.

use std::borrow::Cow;

use super::reply::Refusal;

/// The value that removes a field.
const REMOVE: &str = "REMOVE";

/// The most characters of somebody else's parameter name that are repeated in an error message.
const MAX_QUOTED: usize = 64;

/// The parameters that name the customer.
pub(super) const LOOKUPS: [&str; 2] = ["customer_id", "subscription_id"];

/// The parameters that are fields of a customer, in the API page's order.
pub(super) const FIELDS: [&str; 16] = [
    "firstname",
    "lastname",
    "email",
    "address1",
    "address2",
    "city",
    "state",
    "country",
    "zip",
    "custom1",
    "custom2",
    "custom3",
    "custom4",
    "custom5",
    "password",
    "username",
];

/// One of the sixteen fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Field(u8);

impl Field {
    /// The field of that name.
    pub(super) fn named(name: &str) -> Option<Field> {
        let index = FIELDS.iter().position(|field| *field == name)?;
        u8::try_from(index).ok().map(Field)
    }

    /// The parameter's name.
    pub(super) fn name(self) -> &'static str {
        FIELDS.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// The one field that the API does not let go.
    fn is_password(self) -> bool {
        self.name() == "password"
    }
}

/// What becomes of a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// It gets this value.
    Set(Cow<'a, str>),
    /// It goes away.
    Remove,
}

/// Which customer is meant; at least one of the two is there and neither is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lookup<'a> {
    /// The value of `customer_id`.
    pub(super) customer_id: Option<Cow<'a, str>>,
    /// The value of `subscription_id`.
    pub(super) subscription_id: Option<Cow<'a, str>>,
}

/// A well-formed request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Update<'a> {
    /// The customer.
    pub(super) lookup: Lookup<'a>,
    /// What to do with its fields: at least one, each at most once.
    pub(super) changes: Vec<(Field, Change<'a>)>,
}

/// Reads a form body and checks it against the API page.
pub(super) fn parse(body: &[u8]) -> Result<Update<'_>, Refusal> {
    let mut update = Update::default();
    let mut seen_lookups = [false; LOOKUPS.len()];
    let mut seen_fields = [false; FIELDS.len()];
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &pair[pair.len()..]),
        };
        let name = decode(name)?;
        let seen = if let Some(index) = LOOKUPS.iter().position(|lookup| *lookup == name) {
            let value = Some(decode(value)?).filter(|value| !value.is_empty());
            match index {
                0 => update.lookup.customer_id = value,
                _ => update.lookup.subscription_id = value,
            }
            &mut seen_lookups[index]
        } else if let Some(field) = Field::named(&name) {
            update.changes.push((field, change(field, decode(value)?)?));
            &mut seen_fields[usize::from(field.0)]
        } else {
            return Err(Refusal::not_found(format!("invalid parameter: {}", quoted(&name))));
        };
        if std::mem::replace(seen, true) {
            return Err(Refusal::bad_request(format!("duplicate parameter: {name}")));
        }
    }
    complete(update)
}

/// Refuses a request that names no customer or changes nothing.
fn complete(update: Update<'_>) -> Result<Update<'_>, Refusal> {
    if update.lookup.customer_id.is_none() && update.lookup.subscription_id.is_none() {
        return Err(Refusal::bad_request("customer_id or subscription_id is required"));
    }
    if update.changes.is_empty() {
        return Err(Refusal::bad_request("at least one field is required"));
    }
    Ok(update)
}

/// What a field's value asks for.
fn change(field: Field, value: Cow<'_, str>) -> Result<Change<'_>, Refusal> {
    if value != REMOVE {
        Ok(Change::Set(value))
    } else if field.is_password() {
        Err(Refusal::bad_request("password cannot be removed"))
    } else {
        Ok(Change::Remove)
    }
}

/// Undoes the encoding of a name or a value: a plus sign is a blank, `%` and two hex digits are a byte.
fn decode(text: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| not_utf8());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(hex_digit), rest.next().and_then(hex_digit)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(Refusal::bad_request("malformed percent-encoding")),
            },
            other => *other,
        });
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| not_utf8())
}

/// The value of a hex digit.
fn hex_digit(byte: &u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The refusal of a name or a value that is not text.
fn not_utf8() -> Refusal {
    Refusal::bad_request("a parameter is not valid UTF-8")
}

/// Somebody else's text, short enough for a message.
fn quoted(text: &str) -> String {
    text.chars().take(MAX_QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &[u8]) -> (u16, String) {
        let refusal = parse(body).unwrap_err();
        (refusal.status.as_u16(), refusal.message.into_owned())
    }

    fn values(body: &[u8]) -> Vec<(&'static str, String)> {
        let text = |change| match change {
            Change::Set(value) => value.into_owned(),
            Change::Remove => "(removed)".to_owned(),
        };
        let update = parse(body).unwrap();
        update.changes.into_iter().map(|(field, change)| (field.name(), text(change))).collect()
    }

    #[test]
    fn reads_the_example_of_the_api_page() {
        let body = b"customer_id=191&firstname=Test&zip=66666&email=test@testmail.com&country=US";
        let update = parse(body).unwrap();
        assert_eq!(update.lookup.customer_id.as_deref(), Some("191"));
        assert_eq!(update.lookup.subscription_id, None);
        assert_eq!(
            values(body),
            [
                ("firstname", "Test".to_owned()),
                ("zip", "66666".to_owned()),
                ("email", "test@testmail.com".to_owned()),
                ("country", "US".to_owned()),
            ]
        );
    }

    #[test]
    fn accepts_every_parameter_of_the_api_page_at_once() {
        let fields: Vec<String> = FIELDS.iter().map(|name| format!("{name}=v")).collect();
        let body = format!("customer_id=1&subscription_id=A&{}", fields.join("&"));
        let update = parse(body.as_bytes()).unwrap();
        assert_eq!(update.changes.len(), 16);
        assert_eq!(update.lookup.subscription_id.as_deref(), Some("A"));
    }

    #[test]
    fn decodes_byte_for_byte() {
        let body =
            b"customer_id=%2B49&firstname=+%2b%26%3D%25&lastname=%F0%9F%91%8D=x&city=%00&state=\xc3\xbc";
        assert_eq!(parse(body).unwrap().lookup.customer_id.as_deref(), Some("+49"));
        assert_eq!(
            values(body),
            [
                ("firstname", " +&=%".to_owned()),
                ("lastname", "\u{1f44d}=x".to_owned()),
                ("city", "\0".to_owned()),
                ("state", "\u{fc}".to_owned()),
            ]
        );
    }

    #[test]
    fn decodes_every_byte_it_can_be_given() {
        for byte in 0..=127_u8 {
            let body = format!("customer_id=1&custom1=%{byte:02x}%{byte:02X}");
            assert_eq!(values(body.as_bytes())[0].1.as_bytes(), [byte, byte]);
        }
    }

    #[test]
    fn refuses_malformed_encoding() {
        for body in
            ["customer_id=%", "customer_id=%4", "customer_id=%G1", "customer_id=%1g", "%=1", "city=%%41"]
        {
            assert_eq!(refused(body.as_bytes()), (400, "malformed percent-encoding".to_owned()), "{body}");
        }
    }

    #[test]
    fn refuses_invalid_utf8() {
        for body in [&b"customer_id=\xff"[..], b"customer_id=%FF", b"city=%C3", b"\xff=1", b"city=%ED%A0%80"]
        {
            assert_eq!(refused(body), (400, "a parameter is not valid UTF-8".to_owned()), "{body:?}");
        }
    }

    #[test]
    fn an_unknown_parameter_is_not_found() {
        assert_eq!(refused(b"customer_id=1&fistname=x"), (404, "invalid parameter: fistname".to_owned()));
        assert_eq!(refused(b"Customer_id=1&firstname=x").0, 404);
        assert_eq!(refused(b"customer_id[]=1").0, 404);
        assert_eq!(refused(b"=x").0, 404);
        let long = [b'x'; 5000];
        assert!(refused(&long).1.len() < 100);
    }

    #[test]
    fn refuses_duplicates_however_they_are_encoded() {
        let message = (400, "duplicate parameter: city".to_owned());
        assert_eq!(refused(b"customer_id=1&city=a&city=a"), message);
        assert_eq!(refused(b"customer_id=1&city=a&cit%79=b"), message);
        assert_eq!(refused(b"customer_id=&customer_id=1&city=a").0, 400);
    }

    #[test]
    fn needs_a_customer_and_a_field() {
        assert_eq!(refused(b"city=a").1, "customer_id or subscription_id is required");
        assert_eq!(refused(b"customer_id=&subscription_id=&city=a").0, 400);
        assert_eq!(refused(b"").0, 400);
        assert_eq!(refused(b"customer_id=1").1, "at least one field is required");
        assert_eq!(refused(b"customer_id=1&subscription_id=2").0, 400);
        assert!(parse(b"customer_id=&subscription_id=2&city=").is_ok());
    }

    #[test]
    fn remove_takes_away_every_field_but_the_password() {
        assert_eq!(refused(b"customer_id=1&password=REMOVE"), (400, "password cannot be removed".to_owned()));
        for field in FIELDS.iter().filter(|field| **field != "password") {
            let body = format!("customer_id=1&{field}=REMOVE");
            assert_eq!(values(body.as_bytes()), [(*field, "(removed)".to_owned())]);
        }
        assert_eq!(values(b"customer_id=REMOVE&city=remove"), [("city", "remove".to_owned())]);
    }

    #[test]
    fn skips_empty_pairs_and_takes_a_bare_name_as_an_empty_value() {
        assert_eq!(values(b"&&customer_id=1&&city&"), [("city", String::new())]);
    }
}
