//! A validated customer update: who (lookup) and what to set (fields).

use super::Parameter;
use std::fmt;

/// The value that removes a field (API page, "Parameters"). Exactly these six letters; `password` has no such
/// option.
pub const REMOVE: &str = "REMOVE";

/// One rule that a row broke, with the parameter whose column shows it (none: the row as a whole).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the row.
    pub parameter: Option<Parameter>,
    /// What is wrong and what to do. Never holds the value.
    pub message: &'static str,
}

/// A row turned into a customer update that the API can be asked to carry out: it names a customer and sets or
/// removes at least one field. Values are kept byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Update {
    /// All values, one behind the other, in the order of [`Parameter::ALL`].
    text: Box<str>,
    /// Where each parameter's value ends in `text`; it begins where the one before ends.
    ends: [u32; Parameter::COUNT],
}

impl Update {
    /// The value of one parameter, if the row has one.
    #[must_use]
    pub fn get(&self, parameter: Parameter) -> Option<&str> {
        let index = parameter.index();
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        let value = &self.text[start..self.ends[index] as usize];
        (!value.is_empty()).then_some(value)
    }

    /// Every parameter that has a value, in the order of the API page.
    pub fn values(&self) -> impl Iterator<Item = (Parameter, &str)> {
        Parameter::ALL.into_iter().filter_map(|parameter| Some((parameter, self.get(parameter)?)))
    }
}

/// Names only: values are personal data and may be passwords.
impl fmt::Debug for Update {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values().map(|(parameter, _)| parameter.name());
        formatter.debug_tuple("Update").field(&names.collect::<Vec<_>>()).finish()
    }
}

/// Collects a row's values until they are an [`Update`]. Reused from row to row.
#[derive(Default)]
pub struct UpdateBuilder {
    values: [Vec<u8>; Parameter::COUNT],
    violations: Vec<Violation>,
    /// Whether the values are known to make an update.
    is_checked: bool,
}

impl UpdateBuilder {
    /// Forgets the row before.
    pub fn clear(&mut self) {
        self.values.iter_mut().for_each(Vec::clear);
        self.violations.clear();
        self.is_checked = false;
    }

    /// Sets a value as the row has it. An empty one leaves the field alone.
    pub fn set(&mut self, parameter: Parameter, value: &[u8]) {
        self.is_checked = false;
        let kept = &mut self.values[parameter.index()];
        kept.clear();
        kept.extend_from_slice(value);
    }

    /// The values set so far, whether they are valid or not, for a fingerprint of a row that is no update.
    pub fn raw_values(&self) -> impl Iterator<Item = (Parameter, &[u8])> {
        Parameter::ALL
            .into_iter()
            .map(|parameter| (parameter, self.values[parameter.index()].as_slice()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// The update, or every rule the row broke.
    ///
    /// # Errors
    /// As [`UpdateBuilder::check`].
    pub fn build(&mut self) -> Result<Update, &[Violation]> {
        if self.check().is_ok()
            && let Some(update) = self.update()
        {
            return Ok(update);
        }
        Err(&self.violations)
    }

    /// The update of values that passed [`UpdateBuilder::check`]; `None` of others.
    #[must_use]
    pub fn update(&self) -> Option<Update> {
        if self.is_checked { self.joined() } else { None }
    }

    /// Whether the values make an update. Nothing is allocated for one that does.
    ///
    /// # Errors
    /// All violations in the order of the API page, the row's own last.
    pub fn check(&mut self) -> Result<(), &[Violation]> {
        for parameter in Parameter::ALL {
            if let Some(message) = fault(parameter, &self.values[parameter.index()]) {
                self.violations.push(Violation { parameter: Some(parameter), message });
            }
        }
        let has = |lookup: bool| self.raw_values().any(|(parameter, _)| parameter.is_lookup() == lookup);
        let (has_lookup, has_field) = (has(true), has(false));
        if !has_lookup {
            self.refuse("names no customer: fill in customer_id or subscription_id");
        }
        if !has_field {
            self.refuse("has no field to set: fill in at least one column besides the ids");
        }
        if self.values.iter().map(|value| value.len() as u64).sum::<u64>() > u64::from(u32::MAX) {
            self.refuse("is longer than one request can be");
        }
        self.is_checked = self.violations.is_empty();
        if self.is_checked { Ok(()) } else { Err(&self.violations) }
    }

    fn refuse(&mut self, message: &'static str) {
        self.violations.push(Violation { parameter: None, message });
    }

    /// The checked values as one string.
    fn joined(&self) -> Option<Update> {
        let mut text = String::with_capacity(self.values.iter().map(Vec::len).sum());
        let mut ends = [0; Parameter::COUNT];
        for (end, value) in ends.iter_mut().zip(&self.values) {
            text.push_str(std::str::from_utf8(value).ok()?);
            *end = u32::try_from(text.len()).ok()?;
        }
        Some(Update { text: text.into_boxed_str(), ends })
    }
}

/// The message about a value that is no text. Who knows the file's encoding can say more.
pub const NOT_UTF_8: &str = "is not valid UTF-8: save the file as UTF-8";

/// What is wrong with one value. `None`: nothing, or there is no value.
fn fault(parameter: Parameter, value: &[u8]) -> Option<&'static str> {
    if value.is_empty() {
        return None;
    }
    let Ok(text) = std::str::from_utf8(value) else {
        return Some(NOT_UTF_8);
    };
    if parameter.is_lookup() {
        return id_fault(text);
    }
    if text.contains('\0') {
        return Some("holds a NUL character: the file is damaged or not plain text");
    }
    if parameter == Parameter::Password && text == REMOVE {
        return Some("is REMOVE, but a password cannot be removed (API page): set one or leave it empty");
    }
    None
}

fn id_fault(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        Some("is blank: an id must name a customer")
    } else if text.chars().any(char::is_control) {
        Some("holds a control character (a line break, a tab …): an id cannot have one")
    } else if text == REMOVE {
        Some("is REMOVE: an id names the customer and cannot be removed")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(values: &[(Parameter, &[u8])]) -> Result<Update, Vec<Violation>> {
        let mut builder = UpdateBuilder::default();
        for (parameter, value) in values {
            builder.set(*parameter, value);
        }
        builder.build().map_err(<[Violation]>::to_vec)
    }

    fn first_fault(values: &[(Parameter, &[u8])]) -> (Option<Parameter>, &'static str) {
        let violations = build(values).unwrap_err();
        (violations[0].parameter, violations[0].message)
    }

    #[test]
    fn values_come_back_as_they_went_in_and_in_the_order_of_the_page() {
        let update = build(&[
            (Parameter::Zip, b"01067"),
            (Parameter::City, "=1+1 & 100% \u{1f600}\n".as_bytes()),
            (Parameter::CustomerId, b"007"),
        ])
        .unwrap();
        let values: Vec<_> = update.values().collect();
        let expected = [
            (Parameter::CustomerId, "007"),
            (Parameter::City, "=1+1 & 100% \u{1f600}\n"),
            (Parameter::Zip, "01067"),
        ];
        assert_eq!(values, expected);
        assert_eq!(update.get(Parameter::Email), None);
    }

    #[test]
    fn either_id_or_both_name_the_customer() {
        let city = (Parameter::City, b"Riga".as_slice());
        for ids in [
            &[Parameter::CustomerId][..],
            &[Parameter::SubscriptionId],
            &[Parameter::CustomerId, Parameter::SubscriptionId],
        ] {
            let mut values: Vec<_> = ids.iter().map(|id| (*id, b"5".as_slice())).collect();
            values.push(city);
            assert!(build(&values).is_ok());
        }
        assert!(first_fault(&[city]).1.starts_with("names no customer"));
    }

    #[test]
    fn a_row_without_a_field_is_refused() {
        assert!(first_fault(&[(Parameter::CustomerId, b"5")]).1.starts_with("has no field"));
        assert_eq!(build(&[]).unwrap_err().len(), 2);
    }

    #[test]
    fn remove_is_a_value_for_every_field_but_the_password() {
        for parameter in Parameter::ALL.into_iter().filter(|parameter| !parameter.is_lookup()) {
            let row = build(&[(Parameter::CustomerId, b"5"), (parameter, b"REMOVE")]);
            assert_eq!(row.is_ok(), parameter != Parameter::Password, "{}", parameter.name());
        }
        assert!(build(&[(Parameter::CustomerId, b"5"), (Parameter::Password, b"remove")]).is_ok());
    }

    #[test]
    fn damaged_values_are_refused_where_they_stand() {
        let field = (Parameter::City, b"Riga".as_slice());
        let cases: [(Parameter, &[u8]); 5] = [
            (Parameter::CustomerId, b"1\n2"),
            (Parameter::CustomerId, b"  "),
            (Parameter::CustomerId, b"REMOVE"),
            (Parameter::Email, b"a\0b"),
            (Parameter::Lastname, b"M\xfcller"),
        ];
        for (parameter, value) in cases {
            let mut row = vec![(Parameter::SubscriptionId, b"5".as_slice()), field];
            row.push((parameter, value));
            assert_eq!(first_fault(&row).0, Some(parameter));
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let update = build(&[(Parameter::CustomerId, b"5"), (Parameter::Password, b"hunter2")]).unwrap();
        assert_eq!(format!("{update:?}"), r#"Update(["customer_id", "password"])"#);
    }
}
