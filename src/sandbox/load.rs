//! Reads the customers that exist from a CSV file.

use std::borrow::Cow;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use csv::{ByteRecord, Position, ReaderBuilder};

use super::customers::Customers;
use super::error::Error;
use super::form::{Lookup, Parameter};

/// Reads customers from a CSV file with a header: `customer_id` or `subscription_id` (or both) and any of the
/// sixteen fields. An empty cell means that the customer has no such id or field.
///
/// # Errors
/// The file cannot be opened or read, or a line is wrong: the error names the file, the line and the column.
pub fn load_customers(path: &Path) -> Result<Customers, Error> {
    let file = path.display().to_string();
    match fs::read(path) {
        Ok(content) => Customers::read(&content, &file),
        Err(source) => Err(Error::Open { file, source }),
    }
}

impl Customers {
    /// Reads the content of a file as [`load_customers`] does; `file` is the name of the file in errors.
    pub(super) fn read(content: &[u8], file: &str) -> Result<Customers, Error> {
        let located = |position: Option<Position>, CellError { column, reason }| Error::Customers {
            file: file.to_owned(),
            line: line_at(content, position),
            column,
            reason,
        };
        let mut customers = Customers::default();
        let mut header: Option<Vec<Parameter>> = None;
        for record in ReaderBuilder::new().has_headers(false).from_reader(content).into_byte_records() {
            let position = record.as_ref().map_or_else(csv::Error::position, ByteRecord::position).cloned();
            let read = match (record, &header) {
                (Ok(record), None) => read_header(&record).map(|parameters| header = Some(parameters)),
                (Ok(record), Some(header)) => read_customer(&record, header, &mut customers),
                (Err(error), _) => Err(CellError::line(unreadable(&error))),
            };
            read.map_err(|error| located(position, error))?;
        }
        match header {
            Some(_) => Ok(customers),
            None => Err(located(
                None,
                CellError::line(
                    "the file is empty. The first line must name the columns, such as customer_id,email",
                ),
            )),
        }
    }
}

/// A fault of a line.
struct CellError {
    /// `, column NAME` where the fault is in one cell, else empty.
    column: String,
    reason: String,
}

impl CellError {
    /// A fault of a whole line.
    fn line(reason: impl Into<String>) -> CellError {
        CellError { column: String::new(), reason: reason.into() }
    }

    /// A fault of one cell.
    fn cell(column: impl Display, reason: impl Into<String>) -> CellError {
        CellError { column: format!(", column {column}"), reason: reason.into() }
    }
}

/// The line on which a record begins. The CSV reader includes the blank lines before a record in the record.
fn line_at(content: &[u8], position: Option<Position>) -> u64 {
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let begin = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0);
    let blank = content.iter().skip(begin).take_while(|byte| is_line_end(byte)).count();
    content.iter().take(begin + blank).map(|byte| u64::from(*byte == b'\n')).sum::<u64>() + 1
}

/// Reads the header.
fn read_header(record: &ByteRecord) -> Result<Vec<Parameter>, CellError> {
    let mut header = Vec::with_capacity(record.len());
    for (index, cell) in record.iter().enumerate() {
        let wrong = |reason: String| CellError::cell(index + 1, reason);
        let heading =
            std::str::from_utf8(cell).map_err(|_| wrong("the heading is not valid UTF-8".to_owned()))?;
        let parameter = Parameter::named(heading.trim());
        let parameter = parameter.ok_or_else(|| wrong(format!("unknown heading {heading:?}")))?;
        if header.contains(&parameter) {
            return Err(wrong(format!("{heading:?} appears twice")));
        }
        header.push(parameter);
    }
    if !header.iter().any(|parameter| matches!(parameter, Parameter::Lookup(_))) {
        return Err(CellError::line("customer_id or subscription_id is required"));
    }
    Ok(header)
}

/// Reads a customer.
fn read_customer(
    record: &ByteRecord,
    header: &[Parameter],
    customers: &mut Customers,
) -> Result<(), CellError> {
    let mut lookup = Lookup::default();
    let mut fields = Vec::new();
    for (parameter, cell) in header.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        let value = std::str::from_utf8(cell)
            .map_err(|_| CellError::cell(parameter.name(), "the value is not valid UTF-8"))?;
        match parameter {
            Parameter::Lookup(index) => lookup[*index] = Some(Cow::Borrowed(value)),
            Parameter::Field(field) => fields.push((*field, value.into())),
        }
    }
    if lookup == Lookup::default() {
        return Err(CellError::line("the line has no customer_id and no subscription_id"));
    }
    customers
        .add(&lookup, fields)
        .map_err(|column| CellError::cell(column, "an earlier line has the same value"))
}

/// The reason of the CSV reader, in the words of this file.
fn unreadable(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells, but the header has {expected_len}")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<Customers, String> {
        Customers::read(content, "c.csv").map_err(|error| error.to_string())
    }

    fn shown(customers: &Customers, id: &str) -> String {
        serde_json::to_string(&customers.view(id)).unwrap()
    }

    #[test]
    fn ids_and_fields_are_read() {
        let content = "customer_id, email ,subscription_id,zip\n1,a@b.c,,01234\n,,S1,\n2,,S2,\"x,\n\"\"y\"\n";
        let customers = read(content.as_bytes()).unwrap();
        assert_eq!(customers.count(), 3);
        assert_eq!(
            shown(&customers, "1"),
            r#"{"customer_id":"1","subscription_id":null,"fields":{"email":"a@b.c","zip":"01234"},"updates":0}"#
        );
        assert_eq!(
            shown(&customers, "S1"),
            r#"{"customer_id":null,"subscription_id":"S1","fields":{},"updates":0}"#
        );
        assert!(shown(&customers, "S2").contains(r#""zip":"x,\n\"y""#));
    }

    #[test]
    fn a_byte_order_mark_and_a_header_alone_are_accepted() {
        assert_eq!(read(b"\xef\xbb\xbfcustomer_id\r\n1\r\n").unwrap().count(), 1);
        assert_eq!(read(b"subscription_id").unwrap().count(), 0);
    }

    #[test]
    fn a_wrong_header_is_named() {
        for (content, error) in [
            (
                &b""[..],
                "c.csv, line 1: the file is empty. The first line must name the columns, such as customer_id,email",
            ),
            (b"customer_id,mail", "c.csv, line 1, column 2: unknown heading \"mail\""),
            (b"customer_id,zip,zip", "c.csv, line 1, column 3: \"zip\" appears twice"),
            (b"zip", "c.csv, line 1: customer_id or subscription_id is required"),
            (b"customer_id,\xff", "c.csv, line 1, column 2: the heading is not valid UTF-8"),
        ] {
            assert_eq!(read(content).unwrap_err(), error);
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (content, error) in [
            (
                &b"customer_id,zip\n1,x\n,y\n"[..],
                "c.csv, line 3: the line has no customer_id and no subscription_id",
            ),
            (b"customer_id,zip\n1,x\n2\n", "c.csv, line 3: 1 cells, but the header has 2"),
            (
                b"customer_id,zip\n1,\"x\n\"\n1,y\n",
                "c.csv, line 4, column customer_id: an earlier line has the same value",
            ),
            (
                b"customer_id,subscription_id\n1,A\n2,A\n",
                "c.csv, line 3, column subscription_id: an earlier line has the same value",
            ),
            (b"customer_id,zip\n1,\xff\n", "c.csv, line 2, column zip: the value is not valid UTF-8"),
            (
                b"\xef\xbb\xbf\r\n\r\ncustomer_id,zip\r\n\r\n1,\"\r\n\"\r\n\r\n2,\xff",
                "c.csv, line 8, column zip: the value is not valid UTF-8",
            ),
            (b"customer_id,zip\n1,x\n\n\n\n2,y,z\n", "c.csv, line 6: 3 cells, but the header has 2"),
            (b"customer_id,zip\n\n\n1,\xff\n", "c.csv, line 4, column zip: the value is not valid UTF-8"),
        ] {
            assert_eq!(read(content).unwrap_err(), error);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load_customers(Path::new("/nowhere/c.csv")).unwrap_err().to_string();
        assert!(error.starts_with("cannot open /nowhere/c.csv: "), "{error}");
    }
}
