//! Reads the customers that the server is told of from a CSV file.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::ByteRecord;

use super::Error;
use super::customers::Customers;
use super::form::{Field, LOOKUPS, Lookup};

/// What a column of the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    CustomerId,
    SubscriptionId,
    Field(Field),
}

impl Column {
    /// The column with that heading.
    fn named(name: &str) -> Option<Column> {
        match name {
            "customer_id" => Some(Column::CustomerId),
            "subscription_id" => Some(Column::SubscriptionId),
            _ => Field::named(name).map(Column::Field),
        }
    }

    /// The heading.
    fn name(self) -> &'static str {
        match self {
            Column::CustomerId => LOOKUPS[0],
            Column::SubscriptionId => LOOKUPS[1],
            Column::Field(field) => field.name(),
        }
    }
}

/// Reads customers from a CSV file with a header: `customer_id` or `subscription_id` (or both) and any of the
/// sixteen fields. An empty cell means that the customer has no such id or field.
///
/// # Errors
/// The file can't be opened or read, or a line of it is wrong: the error names the file, the line and the
/// column.
pub fn load_customers(path: &Path) -> Result<Customers, Error> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|source| Error::Open { file: name.clone(), source })?;
    Customers::read(file, &name)
}

impl Customers {
    /// Reads customers as [`load_customers`] does, from anything; `name` is what errors call it.
    ///
    /// # Errors
    /// Reading fails, or a line is wrong.
    pub fn read(mut source: impl Read, name: &str) -> Result<Customers, Error> {
        let mut content = Vec::new();
        if let Err(source) = source.read_to_end(&mut content) {
            return Err(Error::Open { file: name.to_owned(), source });
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&content[..]);
        let mut record = ByteRecord::new();
        let mut customers = Customers::default();
        let mut columns: Option<Vec<Column>> = None;
        let mut place = Place { file: name, content: &content, counted: 0, line: 1 };
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => place.move_to(record.position()),
                Err(error) => {
                    place.move_to(error.position());
                    return Err(place.unreadable(&error));
                }
            }
            match &columns {
                None => columns = Some(place.header(&record)?),
                Some(columns) => place.customer(&record, columns, &mut customers)?,
            }
        }
        match columns {
            Some(_) => Ok(customers),
            None => Err(place.wrong(None, "the file is empty, a header is needed")),
        }
    }
}

/// The line that is being read.
struct Place<'a> {
    file: &'a str,
    content: &'a [u8],
    /// How much of the content the line number takes into account.
    counted: usize,
    line: u64,
}

impl Place<'_> {
    /// Moves on to a record. Its line is counted here: to the CSV reader a record begins where the one before it
    /// ended, so with the blank lines in between.
    fn move_to(&mut self, position: Option<&csv::Position>) {
        let begin =
            position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.counted);
        let blank = self.content.iter().skip(begin).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = self.content.get(self.counted..begin + blank).unwrap_or_default();
        self.line += passed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        self.counted += passed.len();
    }

    /// Reads the header.
    fn header(&self, record: &ByteRecord) -> Result<Vec<Column>, Error> {
        let mut columns = Vec::with_capacity(record.len());
        for (index, cell) in record.iter().enumerate() {
            let position = Some(format!("{}", index + 1));
            let Ok(heading) = std::str::from_utf8(cell) else {
                return Err(self.wrong(position, "the heading is not valid UTF-8"));
            };
            let Some(column) = Column::named(heading.trim()) else {
                return Err(self.wrong(position, format!("unknown heading {heading:?}")));
            };
            if columns.contains(&column) {
                return Err(self.wrong(position, format!("{heading:?} appears twice")));
            }
            columns.push(column);
        }
        if !columns.iter().any(|column| matches!(column, Column::CustomerId | Column::SubscriptionId)) {
            return Err(self.wrong(None, "customer_id or subscription_id is required"));
        }
        Ok(columns)
    }

    /// Reads one customer.
    fn customer(
        &self,
        record: &ByteRecord,
        columns: &[Column],
        customers: &mut Customers,
    ) -> Result<(), Error> {
        let mut lookup = Lookup::default();
        let mut fields = Vec::new();
        for (column, cell) in columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty()) {
            let Ok(value) = std::str::from_utf8(cell) else {
                return Err(self.wrong(Some(column.name().to_owned()), "the value is not valid UTF-8"));
            };
            match column {
                Column::CustomerId => lookup.customer_id = Some(Cow::Borrowed(value)),
                Column::SubscriptionId => lookup.subscription_id = Some(Cow::Borrowed(value)),
                Column::Field(field) => fields.push((*field, value.into())),
            }
        }
        if lookup == Lookup::default() {
            return Err(self.wrong(None, "the line has no customer_id and no subscription_id"));
        }
        customers
            .add(&lookup, fields)
            .map_err(|column| self.wrong(Some(column.to_owned()), "an earlier line has the same value"))
    }

    /// The error for this line.
    fn wrong(&self, column: Option<String>, reason: impl Into<String>) -> Error {
        let column = column.map_or_else(String::new, |column| format!(", column {column}"));
        Error::Customers { file: self.file.to_owned(), line: self.line, column, reason: reason.into() }
    }

    /// The error for a record that the CSV reader gave up on.
    fn unreadable(&self, error: &csv::Error) -> Error {
        let reason = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} cells, but the header has {expected_len}")
            }
            _ => error.to_string(),
        };
        self.wrong(None, reason)
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
    fn reads_ids_and_fields() {
        let content = "customer_id, email ,subscription_id,zip\n1,a@b.c,,01234\n,,S1,\n2,,S2,\"x,\n\"\"y\"\n";
        let customers = read(content.as_bytes()).unwrap();
        assert_eq!(customers.len(), 3);
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
    fn accepts_a_byte_order_mark_and_a_header_alone() {
        assert_eq!(read(b"\xef\xbb\xbfcustomer_id\r\n1\r\n").unwrap().len(), 1);
        assert!(read(b"subscription_id").unwrap().is_empty());
    }

    #[test]
    fn a_wrong_header_is_named() {
        for (content, error) in [
            (&b""[..], "c.csv, line 1: the file is empty, a header is needed"),
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
