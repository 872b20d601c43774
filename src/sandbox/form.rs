//! Reads the body of a request: the customer and the fields to change.
//!
//! The decoder is written by hand on purpose, although a crate could do it: the client encodes with that crate, and the
//! server must not mirror a bug of the crate that it is there to find.

use std::borrow::Cow;

use super::reply::Refusal;

/// The value that removes a field.
const REMOVE: &str = "REMOVE";

/// The most characters of an unknown parameter name that an error message repeats. Chosen.
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

/// The parameters that name the customer, in the order of [`LOOKUPS`]: at least one is there and none is empty.
pub(super) type Lookup<'a> = [Option<Cow<'a, str>>; LOOKUPS.len()];

/// A field and its new value; none removes the field.
pub(super) type Change<'a> = (&'static str, Option<Cow<'a, str>>);

/// A well-formed request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Update<'a> {
    /// The customer.
    pub(super) lookup: Lookup<'a>,
    /// The changes: at least one, and at most one a field.
    pub(super) changes: Vec<Change<'a>>,
}

/// A parameter of the API page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    /// A parameter that names the customer, as an index into [`LOOKUPS`].
    Lookup(usize),
    /// A field of the customer.
    Field(&'static str),
}

impl Parameter {
    /// The parameter of that name.
    pub(super) fn named(name: &str) -> Option<Parameter> {
        let field = || FIELDS.into_iter().find(|field| *field == name).map(Parameter::Field);
        LOOKUPS.iter().position(|lookup| *lookup == name).map(Parameter::Lookup).or_else(field)
    }

    /// The name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Parameter::Lookup(index) => LOOKUPS[index],
            Parameter::Field(name) => name,
        }
    }
}

/// Reads a form body and checks it against the API page.
pub(super) fn parse(body: &[u8]) -> Result<Update<'_>, Refusal> {
    let mut update = Update::default();
    let mut seen = Vec::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut parts = pair.splitn(2, |byte| *byte == b'=').map(decode);
        let name = parts.next().unwrap_or(Ok(Cow::Borrowed("")))?;
        let Some(parameter) = Parameter::named(&name) else {
            let quoted: String = name.chars().take(MAX_QUOTED).collect();
            return Err(Refusal::not_found(format!("invalid parameter: {quoted}")));
        };
        let value = parts.next().unwrap_or(Ok(Cow::Borrowed("")))?;
        if seen.contains(&parameter) {
            return Err(Refusal::bad_request(format!("duplicate parameter: {name}")));
        }
        seen.push(parameter);
        match parameter {
            Parameter::Lookup(index) => update.lookup[index] = Some(value).filter(|id| !id.is_empty()),
            Parameter::Field("password") if value == REMOVE => {
                return Err(Refusal::bad_request("password cannot be removed"));
            }
            Parameter::Field(field) => {
                update.changes.push((field, Some(value).filter(|value| value != REMOVE)))
            }
        }
    }
    if update.lookup == Lookup::default() {
        return Err(Refusal::bad_request("customer_id or subscription_id is required"));
    }
    if update.changes.is_empty() {
        return Err(Refusal::bad_request("at least one field is required"));
    }
    Ok(update)
}

/// Decodes a name or a value: a plus sign is a blank, `%` and two hex digits are a byte.
fn decode(text: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let not_utf8 = || Refusal::bad_request("a parameter is not valid UTF-8");
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| not_utf8());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    let hex_digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &[u8]) -> (u16, String) {
        let refusal = parse(body).unwrap_err();
        (refusal.status.as_u16(), refusal.message.into_owned())
    }

    fn values(body: &[u8]) -> Vec<(&'static str, String)> {
        let text = |value: Option<Cow<'_, str>>| value.map_or("(removed)".to_owned(), Cow::into_owned);
        parse(body).unwrap().changes.into_iter().map(|(field, value)| (field, text(value))).collect()
    }

    #[test]
    fn the_example_of_the_api_page_is_read() {
        let body = b"customer_id=191&firstname=Test&zip=66666&email=test@testmail.com&country=US";
        assert_eq!(parse(body).unwrap().lookup, [Some("191".into()), None]);
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
    fn a_request_may_name_every_parameter_of_the_api_page() {
        let fields: Vec<String> = FIELDS.iter().map(|name| format!("{name}=v")).collect();
        let body = format!("customer_id=1&subscription_id=A&{}", fields.join("&"));
        let update = parse(body.as_bytes()).unwrap();
        assert_eq!(update.changes.len(), 16);
        assert_eq!(update.lookup[1].as_deref(), Some("A"));
    }

    #[test]
    fn values_are_decoded_byte_for_byte() {
        let body =
            b"customer_id=%2B49&firstname=+%2b%26%3D%25&lastname=%F0%9F%91%8D=x&city=%00&state=\xc3\xbc";
        assert_eq!(parse(body).unwrap().lookup[0].as_deref(), Some("+49"));
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
    fn every_ascii_byte_is_decoded() {
        for byte in 0..=127_u8 {
            let body = format!("customer_id=1&custom1=%{byte:02x}%{byte:02X}");
            assert_eq!(values(body.as_bytes())[0].1.as_bytes(), [byte, byte]);
        }
    }

    #[test]
    fn malformed_encoding_is_refused() {
        for body in
            ["customer_id=%", "customer_id=%4", "customer_id=%G1", "customer_id=%1g", "%=1", "city=%%41"]
        {
            assert_eq!(refused(body.as_bytes()), (400, "malformed percent-encoding".to_owned()), "{body}");
        }
    }

    #[test]
    fn invalid_utf8_is_refused() {
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
    fn duplicates_are_refused_in_any_encoding() {
        let message = (400, "duplicate parameter: city".to_owned());
        assert_eq!(refused(b"customer_id=1&city=a&city=a"), message);
        assert_eq!(refused(b"customer_id=1&city=a&cit%79=b"), message);
        assert_eq!(refused(b"customer_id=&customer_id=1&city=a").0, 400);
    }

    #[test]
    fn a_request_needs_a_customer_and_a_field() {
        assert_eq!(refused(b"city=a").1, "customer_id or subscription_id is required");
        assert_eq!(refused(b"customer_id=&subscription_id=&city=a").0, 400);
        assert_eq!(refused(b"").0, 400);
        assert_eq!(refused(b"customer_id=1").1, "at least one field is required");
        assert_eq!(refused(b"customer_id=1&subscription_id=2").0, 400);
        assert!(parse(b"customer_id=&subscription_id=2&city=").is_ok());
    }

    #[test]
    fn remove_works_for_every_field_except_the_password() {
        assert_eq!(refused(b"customer_id=1&password=REMOVE"), (400, "password cannot be removed".to_owned()));
        for field in FIELDS.iter().filter(|field| **field != "password") {
            let body = format!("customer_id=1&{field}=REMOVE");
            assert_eq!(values(body.as_bytes()), [(*field, "(removed)".to_owned())]);
        }
        assert_eq!(values(b"customer_id=REMOVE&city=remove"), [("city", "remove".to_owned())]);
    }

    #[test]
    fn empty_pairs_are_skipped_and_a_bare_name_has_an_empty_value() {
        assert_eq!(values(b"&&customer_id=1&&city&"), [("city", String::new())]);
    }
}
