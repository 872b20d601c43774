//! The rules that a row's values must keep, each written once.

use super::{Parameter, Values};
use std::fmt;

/// The value that removes a field (API page, "Parameters"): exactly these six letters. The field `password` cannot be removed.
pub const REMOVE: &str = "REMOVE";

/// A rule that a row must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// A short name. It never changes, because scripts may use it.
    pub name: &'static str,
    /// The fault and the remedy, in one sentence or two. The text never contains the value.
    pub message: &'static str,
}

/// Shows the message.
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message)
    }
}

/// A rule that a row broke, and the parameter of the broken value (`None`: the row as a whole).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The parameter in the row.
    pub parameter: Option<Parameter>,
    /// The broken rule.
    pub rule: Rule,
}

/// A value with invalid bytes. The input replaces the message, as it knows the encoding of the file.
pub const NOT_UTF_8: Rule = rule("not-text", "not valid UTF-8. Save the file as UTF-8");

const NO_CUSTOMER: Rule = rule("no-customer", "no customer. Fill in customer_id or subscription_id");
const NO_FIELD: Rule =
    rule("no-field", "nothing to send besides the ids. Fill in a field, or use --empty-rows skip");
const NUL: Rule = rule("nul", "the value contains a NUL character: the file is damaged. Export it again");
const REMOVED_PASSWORD: Rule = rule(
    "remove-password",
    "a password cannot be removed with REMOVE. Set a new one, or leave the cell empty",
);
const BLANK_ID: Rule = rule("blank-id", "the id consists of blanks. Correct it, or leave the cell empty");
const CONTROL_IN_ID: Rule = rule(
    "control-in-id",
    "the id contains a line break, tab or other control character. Remove the character",
);
const REMOVED_ID: Rule =
    rule("remove-id", "an id cannot be REMOVE, as it identifies the customer. Correct it");

const fn rule(name: &'static str, message: &'static str) -> Rule {
    Rule { name, message }
}

/// The rule that a value breaks, if any. An empty value counts as no value and breaks no rule.
#[must_use]
pub fn value_fault(parameter: Parameter, value: &str) -> Option<Rule> {
    match () {
        () if value.is_empty() => None,
        () if parameter.is_lookup() => id_fault(value),
        () if value.contains('\0') => Some(NUL),
        () if parameter == Parameter::Password && value == REMOVE => Some(REMOVED_PASSWORD),
        () => None,
    }
}

fn id_fault(id: &str) -> Option<Rule> {
    match () {
        () if id.trim().is_empty() => Some(BLANK_ID),
        () if id.contains(char::is_control) => Some(CONTROL_IN_ID),
        () if id == REMOVE => Some(REMOVED_ID),
        () => None,
    }
}

/// Every rule that a row's values break, by parameter in the order of the API page. Rules about the whole row come last.
pub(super) fn violations(values: &Values) -> impl Iterator<Item = Violation> {
    let of_value = |parameter| {
        let rule = match values.get(parameter) {
            Ok(text) => value_fault(parameter, text)?,
            Err(_) => NOT_UTF_8,
        };
        Some(Violation { parameter: Some(parameter), rule })
    };
    let no_customer = (!values.has_id()).then_some(NO_CUSTOMER);
    let no_field = (!values.has_field()).then_some(NO_FIELD);
    let of_row = no_customer.into_iter().chain(no_field);
    let of_row = of_row.map(|rule| Violation { parameter: None, rule });
    Parameter::ALL.into_iter().filter_map(of_value).chain(of_row)
}
