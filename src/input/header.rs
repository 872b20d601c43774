//! Which column holds which parameter.

use crate::customer::Parameter;
use csv::ByteRecord;

/// Why a header cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeaderFault {
    /// A column that is no parameter.
    #[error("column {column} ('{name}') is not a parameter of the API{}", hint(suggestion.as_deref()))]
    Unknown {
        /// Counted from 1.
        column: usize,
        /// As it stands in the header, made harmless.
        name: String,
        /// The nearest parameter, if one is near.
        suggestion: Option<String>,
    },
    /// Two columns for one parameter.
    #[error("columns {first} and {second} are both '{name}': keep one of them")]
    Duplicate {
        /// Counted from 1.
        first: usize,
        /// Counted from 1.
        second: usize,
        /// The parameter.
        name: &'static str,
    },
    /// A column without a name.
    #[error("column {column} has no name: name it after a parameter of the API, or delete it")]
    Empty {
        /// Counted from 1.
        column: usize,
    },
    /// No column names the customer.
    #[error("no column names the customer: one must be customer_id or subscription_id")]
    NoLookup,
    /// No column holds something to set.
    #[error("no column holds a field to set, such as email or zip: there would be nothing to send")]
    NoField,
    /// There is a header and nothing else.
    #[error("the file has a header and no rows: there is nothing to do")]
    NoRows,
}

fn hint(suggestion: Option<&str>) -> String {
    match suggestion {
        Some(name) => format!(": did you mean '{name}'?"),
        None => format!(": the parameters are {}", Parameter::ALL.map(Parameter::name).join(", ")),
    }
}

/// The input's columns, each with its parameter.
#[derive(Debug)]
pub(super) struct Header {
    columns: Vec<Parameter>,
}

impl Header {
    /// Maps a header record: names equal to a parameter, case and surrounding blanks aside.
    pub(super) fn map(record: &ByteRecord) -> Result<Header, HeaderFault> {
        let mut columns = Vec::with_capacity(record.len());
        for (index, name) in record.iter().enumerate() {
            let parameter = parameter(index + 1, name)?;
            if let Some(first) = columns.iter().position(|earlier| *earlier == parameter) {
                return Err(HeaderFault::Duplicate {
                    first: first + 1,
                    second: index + 1,
                    name: parameter.name(),
                });
            }
            columns.push(parameter);
        }
        if !columns.iter().any(|parameter| parameter.is_lookup()) {
            return Err(HeaderFault::NoLookup);
        }
        if columns.iter().all(|parameter| parameter.is_lookup()) {
            return Err(HeaderFault::NoField);
        }
        Ok(Header { columns })
    }

    /// The parameters in the order of the columns.
    pub(super) fn columns(&self) -> &[Parameter] {
        &self.columns
    }

    /// The column of a parameter, from 1.
    pub(super) fn column_of(&self, parameter: Parameter) -> Option<usize> {
        self.columns.iter().position(|column| *column == parameter).map(|index| index + 1)
    }
}

fn parameter(column: usize, name: &[u8]) -> Result<Parameter, HeaderFault> {
    let name = String::from_utf8_lossy(name);
    let wanted = name.trim().to_lowercase();
    if wanted.is_empty() {
        return Err(HeaderFault::Empty { column });
    }
    Parameter::from_name(&wanted).ok_or_else(|| HeaderFault::Unknown {
        column,
        name: shown(name.trim()),
        suggestion: nearest(&wanted).map(|parameter| parameter.name().to_owned()),
    })
}

/// A name from the file as it may be shown: one short line without control characters.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    if name.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// The parameter nearest to a misspelt name: equal but for blanks, dashes and underscores, or alike enough.
fn nearest(name: &str) -> Option<Parameter> {
    let bare = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    let wanted = bare(name);
    let likeness = |parameter: &Parameter| strsim::jaro_winkler(&wanted, &bare(parameter.name()));
    Parameter::ALL
        .into_iter()
        .map(|parameter| (likeness(&parameter), parameter))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, parameter)| parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: &[&str]) -> Result<Header, HeaderFault> {
        Header::map(&ByteRecord::from(names.to_vec()))
    }

    #[test]
    fn case_and_surrounding_blanks_are_forgiven() {
        let header = map(&[" Customer_ID ", "EMAIL", "zip\t"]).unwrap();
        assert_eq!(header.columns(), [Parameter::CustomerId, Parameter::Email, Parameter::Zip]);
        assert_eq!(header.column_of(Parameter::Zip), Some(3));
        assert_eq!(header.column_of(Parameter::City), None);
    }

    #[test]
    fn a_misspelt_column_gets_the_nearest_parameter() {
        for (typed, meant) in [
            ("emial", "email"),
            ("First Name", "firstname"),
            ("customer-id", "customer_id"),
            ("ZIP code", "zip"),
        ] {
            let message = map(&["customer_id", typed]).unwrap_err().to_string();
            assert!(message.ends_with(&format!("did you mean '{meant}'?")), "{message}");
        }
    }

    #[test]
    fn a_column_far_from_any_parameter_gets_the_list() {
        let message = map(&["customer_id", "Ω\u{1b}[31m"]).unwrap_err().to_string();
        assert!(message.starts_with(r"column 2 ('Ω\u{1b}[31m') is not a parameter"), "{message}");
        assert!(message.contains("username"));
    }

    #[test]
    fn what_a_header_lacks_is_said() {
        assert_eq!(map(&["email"]).unwrap_err(), HeaderFault::NoLookup);
        assert_eq!(map(&["customer_id", "subscription_id"]).unwrap_err(), HeaderFault::NoField);
        assert_eq!(map(&["customer_id", ""]).unwrap_err(), HeaderFault::Empty { column: 2 });
        let duplicate = map(&["customer_id", "email", "Email"]).unwrap_err().to_string();
        assert_eq!(duplicate, "columns 2 and 3 are both 'email': keep one of them");
    }
}
