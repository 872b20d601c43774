//! The rows of the input, each as a customer update or as what is wrong with it.

use super::format::Format;
use super::limits::Limits;
use super::opening::Opened;
use super::records::{Fault, Records};
use super::{EmptyRows, Error, Header, HeaderFault, Mapping};
use crate::customer::{Fingerprint, FingerprintKey, NOT_UTF_8, Parameter, Update, UpdateBuilder, Violation};
use csv::ByteRecord;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One data record of the input.
#[derive(Debug)]
pub struct Row {
    /// Its number, from 1, the header not counted.
    pub number: u64,
    /// The physical line it starts on, from 1.
    pub line: u64,
    /// What it asks for.
    pub content: Result<Update, Invalid>,
}

impl Row {
    /// The row's fingerprint, valid or not. `scratch` is reused from row to row.
    pub fn fingerprint(&self, key: &FingerprintKey, scratch: &mut Vec<u8>) -> Fingerprint {
        match &self.content {
            Ok(update) => key.of_update(update, scratch),
            Err(invalid) => {
                let values = invalid.values.iter().map(|(parameter, value)| (*parameter, &**value));
                match invalid.is_passed_over {
                    true => key.of_passed_over(values, scratch),
                    false => key.of_invalid(values, scratch),
                }
            }
        }
    }

    /// Whether it is neither an update nor passed over.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.content.as_ref().is_err_and(|invalid| !invalid.is_passed_over)
    }
}

/// A row that is no update. Its `Debug` and its problems hold none of its values.
pub struct Invalid {
    /// Everything that is wrong with it, at least one.
    pub problems: Vec<Problem>,
    /// Whether nothing is wrong with it but that there is nothing to send, and such rows are to be passed over: it
    /// is recorded as `unchanged`.
    pub is_passed_over: bool,
    /// Its `customer_id`, if that much can be trusted.
    pub customer_id: Option<String>,
    /// Its `subscription_id`, if that much can be trusted.
    pub subscription_id: Option<String>,
    values: Vec<(Parameter, Box<[u8]>)>,
}

impl fmt::Debug for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Invalid").field(&self.problems).finish()
    }
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The column, from 1, and its parameter; none if it concerns the row as a whole.
    pub column: Option<(usize, Parameter)>,
    /// What is wrong and what to do. Never holds a value.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some((column, parameter)) => {
                write!(formatter, "column {column} ({}) {}", parameter.name(), self.message)
            }
            None => write!(formatter, "the row {}", self.message),
        }
    }
}

/// A row that was only read and checked: nothing of it is kept.
#[derive(Debug)]
pub struct Checked {
    /// Its number, from 1, the header not counted.
    pub number: u64,
    /// The physical line it starts on, from 1.
    pub line: u64,
    /// Whether it is an update.
    pub content: Result<(), Invalid>,
}

/// The stream of rows. Reads ahead by one buffer and holds one record.
pub struct Rows {
    path: PathBuf,
    format: Format,
    pub(super) records: Records<Box<dyn Read + Send>>,
    pub(super) names: ByteRecord,
    header: Header,
    builder: UpdateBuilder,
    empty_rows: EmptyRows,
    number: u64,
    /// A row that was read ahead.
    ahead: Option<Box<Row>>,
}

impl Rows {
    /// Reads the header; the reader stands at the first row after it.
    pub(super) fn start(
        path: PathBuf,
        opened: Opened,
        limits: Limits,
        mapping: &Mapping,
    ) -> Result<Rows, Error> {
        let Opened { reader, format } = opened;
        let mut records = Records::new(reader, format.delimiter.byte(), limits);
        if format.has_sep_line {
            advance(&path, &mut records)?;
        }
        if !advance(&path, &mut records)? {
            let what = "holds only blank lines: the first line must name the columns".to_owned();
            return Err(Error::NotCsv { path, what });
        }
        let (names, line) = (ByteRecord::from_iter(records.record().iter()), records.line());
        let map = Header::map(&names, mapping);
        let header = map.map_err(|faults| Error::Header { path: path.clone(), line, faults })?;
        let (builder, empty_rows) = (UpdateBuilder::default(), mapping.empty_rows);
        Ok(Rows { path, format, records, names, header, builder, empty_rows, number: 0, ahead: None })
    }

    /// What the input was found to be.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Reads the first row ahead, so that an input without any shows now. Waits for it if it has not come yet.
    ///
    /// # Errors
    /// As [`Rows::next_row`].
    pub fn wait_for_first(&mut self) -> Result<(), Error> {
        self.ahead = self.next_row()?.map(Box::new);
        Ok(())
    }

    /// The next row, or `None` behind the last.
    ///
    /// # Errors
    /// If the file cannot be read on, if a field has no end, or if there is not a single row.
    pub fn next_row(&mut self) -> Result<Option<Row>, Error> {
        self.next_row_of(|_| true)
    }

    /// The next row whose number is wanted, or `None` behind the last. The others are not looked at.
    ///
    /// # Errors
    /// As [`Rows::next_row`].
    pub fn next_row_of(&mut self, is_wanted: impl Fn(u64) -> bool) -> Result<Option<Row>, Error> {
        if let Some(row) = self.ahead.take().filter(|row| is_wanted(row.number)) {
            return Ok(Some(*row));
        }
        let Some(Checked { number, line, content }) = self.check_next_of(is_wanted)? else {
            return Ok(None);
        };
        let update = || self.builder.update().ok_or_else(|| self.refused("cannot be sent".to_owned()));
        let content = content.and_then(|()| update());
        Ok(Some(Row { number, line, content }))
    }

    /// Reads and checks the next row without making an update of it; `None` behind the last.
    ///
    /// # Errors
    /// As [`Rows::next_row`].
    pub fn check_next(&mut self) -> Result<Option<Checked>, Error> {
        if let Some(row) = self.ahead.take() {
            let Row { number, line, content } = *row;
            return Ok(Some(Checked { number, line, content: content.map(drop) }));
        }
        self.check_next_of(|_| true)
    }

    fn check_next_of(&mut self, is_wanted: impl Fn(u64) -> bool) -> Result<Option<Checked>, Error> {
        while advance(&self.path, &mut self.records)? {
            self.number += 1;
            if is_wanted(self.number) {
                let (number, line) = (self.number, self.records.line());
                return Ok(Some(Checked { number, line, content: self.content() }));
            }
        }
        if self.number == 0 {
            let faults = vec![HeaderFault::NoRows];
            return Err(Error::Header { path: self.path.clone(), line: 1, faults });
        }
        Ok(None)
    }

    fn content(&mut self) -> Result<(), Invalid> {
        self.builder.clear();
        let has_text = self.header.fill(self.records.record().iter(), &mut self.builder);
        if let Some(message) = self.malformed() {
            return Err(self.refused(message));
        }
        let told = |violation| problem(violation, &self.header, self.format);
        let problems: Vec<Problem> = match self.builder.check() {
            Ok(()) => return Ok(()),
            Err(violations) => violations.iter().map(told).collect(),
        };
        // Constants and defaults alone do not fill a row.
        let is_empty = !(has_text && self.builder.has_field());
        let is_sound = problems.iter().all(|problem| problem.column.is_none());
        let is_passed_over = self.empty_rows == EmptyRows::Skip && is_empty && is_sound;
        let values = owned(&self.builder);
        let id = |wanted: Parameter| {
            let found = values.iter().find(|(parameter, _)| *parameter == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let (customer_id, subscription_id) = (id(Parameter::CustomerId), id(Parameter::SubscriptionId));
        Err(Invalid { problems, is_passed_over, customer_id, subscription_id, values })
    }

    /// A row that is wrong as a whole. Which cell belongs to which column is unknown: not even the ids are trusted.
    fn refused(&self, message: String) -> Invalid {
        let problems = vec![Problem { column: None, message }];
        Invalid {
            problems,
            is_passed_over: false,
            customer_id: None,
            subscription_id: None,
            values: owned(&self.builder),
        }
    }

    /// Why the record is not one field a column.
    fn malformed(&self) -> Option<String> {
        let (first, last) = (self.records.line(), self.records.last_line());
        if !self.records.is_well_quoted() {
            let swallowed =
                if first == last { String::new() } else { format!(", which takes in all up to line {last}") };
            return Some(format!(
                "has a stray quote or one that is not closed{swallowed}: enclose the whole field in quotes and double \
                 those inside it"
            ));
        }
        let (found, expected) = (self.records.record().len(), self.header.width());
        let fields = if found == 1 { "field" } else { "fields" };
        (found != expected).then(|| {
            format!(
                "has {found} {fields}, the header {expected}: look for a missing or stray {} or quote",
                self.format.delimiter
            )
        })
    }
}

fn problem(violation: &Violation, header: &Header, format: Format) -> Problem {
    let column = violation.parameter.and_then(|parameter| Some((header.column_of(parameter)?, parameter)));
    let message = match violation.message {
        NOT_UTF_8 => format.encoding.complaint(),
        message => message.to_owned(),
    };
    Problem { column, message }
}

fn owned(builder: &UpdateBuilder) -> Vec<(Parameter, Box<[u8]>)> {
    builder.raw_values().map(|(parameter, value)| (parameter, value.into())).collect()
}

/// Reads the next record that is no line of blanks; `false` at the end.
fn advance(path: &Path, records: &mut Records<Box<dyn Read + Send>>) -> Result<bool, Error> {
    loop {
        let found = records.advance().map_err(|fault| match fault {
            Fault::Io(error) => Error::of_io(path, records.reached(), error),
            Fault::TooLong(fault) => Error::TooLong { path: path.to_path_buf(), fault },
        })?;
        let record = records.record();
        let is_blank = || record.iter().all(|field| field.iter().all(|byte| matches!(byte, b' ' | b'\t')));
        // One quoted field of blanks was put there by somebody; a line of them was not.
        if !found || record.len() > 1 || records.is_quoted() || !is_blank() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reading, opening};
    use super::*;

    fn rows(text: impl AsRef<[u8]>) -> Result<Vec<Row>, Error> {
        mapped(text, &Mapping::default())
    }

    fn mapped(text: impl AsRef<[u8]>, mapping: &Mapping) -> Result<Vec<Row>, Error> {
        let mut rows = start(text, mapping)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next_row()? {
            all.push(row);
        }
        Ok(all)
    }

    fn start(text: impl AsRef<[u8]>, mapping: &Mapping) -> Result<Rows, Error> {
        let path = Path::new("in.csv");
        let reader = Box::new(std::io::Cursor::new(text.as_ref().to_vec()));
        let opened = opening::open(path, reader, false, &Reading::default())?;
        Rows::start(path.to_path_buf(), opened, Limits::default(), mapping)
    }

    fn lines(text: &str) -> Vec<(u64, u64)> {
        rows(text).unwrap().iter().map(|row| (row.number, row.line)).collect()
    }

    #[test]
    fn a_row_has_the_physical_line_it_starts_on() {
        let expected = [(1, 2), (2, 5), (3, 7)];
        let text = "customer_id,city\n1,a\n\n\n2,\"b\nc\"\n3,d\n";
        assert_eq!(lines(text), expected);
        assert_eq!(lines(&text.replace('\n', "\r\n")), expected);
        assert_eq!(lines(&text.replace('\n', "\r")), expected);
        assert_eq!(lines(text.trim_end()), expected);
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_header() {
        assert_eq!(lines("\u{feff}customer_id,city\n1,a\n"), [(1, 2)]);
    }

    #[test]
    fn a_ragged_row_is_its_own_problem_and_hides_its_cells() {
        let all = rows("customer_id,city,zip\n1,a,b\n2,a\n3,a,b,c\n4,d,e\n").unwrap();
        let problems: Vec<_> =
            all.iter().map(|row| row.content.as_ref().err().map(|bad| bad.problems[0].to_string())).collect();
        assert_eq!(
            problems[1].as_deref(),
            Some("the row has 2 fields, the header 3: look for a missing or stray comma or quote")
        );
        assert!(problems[2].as_deref().unwrap().starts_with("the row has 4 fields"));
        assert_eq!((&problems[0], &problems[3]), (&None, &None));
        assert_eq!(all[1].content.as_ref().unwrap_err().customer_id, None);
    }

    #[test]
    fn a_broken_rule_names_the_column() {
        let all = rows("city,password,customer_id\nRiga,REMOVE,7\n").unwrap();
        let invalid = all[0].content.as_ref().unwrap_err();
        assert!(invalid.problems[0].to_string().starts_with("column 2 (password) is REMOVE"));
        assert_eq!(invalid.customer_id.as_deref(), Some("7"));
        assert!(!format!("{:?}", all[0]).contains("Riga"));
    }

    #[test]
    fn a_header_alone_is_refused() {
        assert!(rows("customer_id,city\n").unwrap_err().to_string().contains("no rows"));
        assert!(rows("\n\n").unwrap_err().to_string().contains("only blank lines"));
    }

    #[test]
    fn a_quote_that_is_not_closed_makes_no_value() {
        for text in ["customer_id,city\n1,a\n2,\"b\n3,c\n", "customer_id,city\n1,a\n2,5\" pipe\n"] {
            let all = rows(text).unwrap();
            assert!(all[0].content.is_ok());
            assert!(all[1].content.as_ref().unwrap_err().problems[0].message.contains("stray quote"));
        }
        assert!(rows("customer_id,city\n1,\"say \"\"a\"\"\"\n").unwrap()[0].content.is_ok());
    }

    #[test]
    fn an_unclosed_quote_is_refused_with_its_line() {
        let text = format!("customer_id,city\n1,a\n2,\"b\n{}", "3,c\n".repeat(400_000));
        let error = rows(&text).unwrap_err().to_string();
        assert!(
            error.starts_with("in.csv: line 3: column 2: the field that begins here spans more than"),
            "{error}"
        );
    }

    #[test]
    fn rows_that_are_not_wanted_keep_their_numbers_and_lines() {
        let text = "customer_id,city\n1,a\n\n2,\"b\nc\"\n3\n4,d\n";
        let mut rows = start(text, &Mapping::default()).unwrap();
        rows.wait_for_first().unwrap();
        let row = rows.next_row_of(|number| number % 2 == 0).unwrap().unwrap();
        assert_eq!((row.number, row.line), (2, 4));
        let row = rows.next_row_of(|number| number > 3).unwrap().unwrap();
        assert_eq!((row.number, row.line), (4, 7));
        assert!(rows.next_row_of(|_| true).unwrap().is_none());
    }

    #[test]
    fn rows_with_nothing_to_send_are_passed_over_on_request_and_known_by_their_ids() {
        let text = "customer_id,city,country\n5,,\n,,\n ,\t,\n\"5\n6\",,\n,Riga,\n7,Riga,\n";
        let is_passed_over = |rows: Vec<Row>| -> Vec<Option<bool>> {
            rows.iter().map(|row| row.content.as_ref().err().map(|bad| bad.is_passed_over)).collect()
        };
        let invalid = [Some(false); 5].into_iter().chain([None]).collect::<Vec<_>>();
        assert_eq!(is_passed_over(rows(text).unwrap()), invalid);
        let skip = Mapping { empty_rows: EmptyRows::Skip, ..Mapping::default() };
        let passed = [Some(true), Some(true), Some(true), Some(false), Some(false), None];
        assert_eq!(is_passed_over(mapped(text, &skip).unwrap()), passed);

        let key = FingerprintKey::from_secret(b"key");
        let print = |text: &str, mapping: &Mapping| {
            mapped(text, mapping).unwrap()[0].fingerprint(&key, &mut Vec::new())
        };
        let empty = "customer_id,city\n5,\n";
        assert_eq!(print(empty, &skip), print("city,customer_id\n , 5\n", &skip));
        assert_ne!(print(empty, &skip), print(empty, &Mapping::default()));
        assert_ne!(print(empty, &skip), print("customer_id,city\n6,\n", &skip));
        assert_ne!(print(empty, &skip), print("customer_id,city\n5,Riga\n", &skip));
    }
}
