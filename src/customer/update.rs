//! A validated customer update: the lookup and the fields to set.

use super::rules::violations;
use super::{Parameter, Values, Violation};
use std::fmt;

/// A row's values that keep every rule, so that they can be sent. They name a customer and set or remove at least one field.
#[derive(Clone, PartialEq, Eq)]
pub struct Update(Values);

impl Update {
    /// The update of a row's values. `broken` contains the rules that the row is known to break, and receives all other broken
    /// rules.
    ///
    /// # Errors
    /// The values again, if a rule is broken.
    pub fn new(values: Values, broken: &mut Vec<Violation>) -> Result<Update, Values> {
        broken.extend(violations(&values));
        if broken.is_empty() { Ok(Update(values)) } else { Err(values) }
    }

    /// The value of one parameter, if the row has one.
    #[must_use]
    pub fn get(&self, parameter: Parameter) -> Option<&str> {
        Some(self.0.text(parameter)).filter(|value| !value.is_empty())
    }

    /// Every parameter that has a value, in the order of the API page.
    pub fn values(&self) -> impl Iterator<Item = (Parameter, &str)> {
        Parameter::ALL.into_iter().filter_map(|parameter| Some((parameter, self.get(parameter)?)))
    }
}

/// The values, for code that treats valid and invalid rows alike.
impl AsRef<Values> for Update {
    fn as_ref(&self) -> &Values {
        &self.0
    }
}

/// Shows the names of the parameters only: values are personal data and may be passwords.
impl fmt::Debug for Update {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values().map(|(parameter, _)| parameter.name());
        formatter.debug_tuple("Update").field(&names.collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(row: &[(Parameter, &[u8])]) -> Result<Update, Vec<Violation>> {
        let (mut values, mut broken) = (Values::default(), Vec::new());
        for (parameter, value) in row {
            match std::str::from_utf8(value) {
                Ok(text) => values.set(*parameter, text),
                Err(_) => values.set_damaged(*parameter, value),
            }
        }
        Update::new(values, &mut broken).map_err(|_| broken)
    }

    fn first_fault(values: &[(Parameter, &[u8])]) -> (Option<Parameter>, &'static str) {
        let violations = build(values).unwrap_err();
        (violations[0].parameter, violations[0].rule.message)
    }

    #[test]
    fn an_update_returns_its_values_unchanged_in_the_order_of_the_api_page() {
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
        assert!(first_fault(&[city]).1.starts_with("no customer"));
    }

    #[test]
    fn a_row_without_a_field_is_refused() {
        assert!(first_fault(&[(Parameter::CustomerId, b"5")]).1.starts_with("nothing to send"));
        assert_eq!(build(&[]).unwrap_err().len(), 2);
    }

    #[test]
    fn remove_is_a_value_for_every_field_except_the_password() {
        for parameter in Parameter::ALL.into_iter().filter(|parameter| !parameter.is_lookup()) {
            let row = build(&[(Parameter::CustomerId, b"5"), (parameter, b"REMOVE")]);
            assert_eq!(row.is_ok(), parameter != Parameter::Password, "{}", parameter.name());
        }
        assert!(build(&[(Parameter::CustomerId, b"5"), (Parameter::Password, b"remove")]).is_ok());
    }

    #[test]
    fn damaged_values_are_refused_with_their_parameter() {
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

    /// The two halves of a letter are the end of one value and the start of the next.
    #[test]
    fn halves_of_a_letter_in_two_values_are_two_faults() {
        let values: [(Parameter, &[u8]); 3] =
            [(Parameter::CustomerId, b"5"), (Parameter::City, b"a\xc3"), (Parameter::Zip, b"\xa9b")];
        let violations = build(&values).unwrap_err();
        let places: Vec<_> = violations.iter().filter_map(|violation| violation.parameter).collect();
        assert_eq!(places, [Parameter::City, Parameter::Zip]);
    }

    #[test]
    fn debug_shows_no_value() {
        let update = build(&[(Parameter::CustomerId, b"5"), (Parameter::Password, b"hunter2")]).unwrap();
        assert_eq!(format!("{update:?}"), r#"Update(["customer_id", "password"])"#);
    }
}
