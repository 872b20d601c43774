//! The rows of the input, one after the other: each is a customer update, or a list of its faults.

mod judge;
mod row;

use crate::customer::Parameter;
use crate::input::columns::{
    DelimiterSource, EmptyRows, Header, HeaderFault, KnownColumns, Mapping, OF_FAILURES, PlanColumns,
    PlanWatch, SkippedColumns, Transform, escape_name, find_nearest, normalize_name,
};
use crate::input::csv::{Fault, Limits, LineEnd, Records};
use crate::input::error::Error;
use crate::input::source::{Format, Opened, Reading};
use judge::Judge;
use std::io::Read;
use std::iter;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use row::{Invalid, Original, Problem, Row};

/// The text of the input.
type Source = Box<dyn Read + Send>;

/// The stream of rows. Reads ahead by one buffer and holds one record.
pub struct Rows {
    path: PathBuf,
    format: Format,
    records: Records<Source>,
    /// The names of the columns as they are written in the input.
    names: Vec<Vec<u8>>,
    header: Header,
    header_line: u64,
    empty_rows: EmptyRows,
    /// Watches the rows of a plan.
    plan: Option<PlanWatch>,
    /// The column, from 0, that `failures` writes a row's status to.
    status_column: Option<usize>,
    number: u64,
    /// Whether the record of the next row is read.
    is_ahead: bool,
    /// Whether there is no next row, or none is wanted.
    is_over: bool,
    /// Whether the input ends within the line of the row read last.
    ends_without_line_end: bool,
}

impl Rows {
    /// Reads the header. The next row is the first one after it.
    pub fn start(
        path: PathBuf,
        mut opened: Opened,
        reading: &Reading,
        mapping: &Mapping,
    ) -> Result<Rows, Error> {
        let (format, head) = (opened.format, opened.head.take());
        let records = read_to_header(&path, opened, head.as_deref(), reading.limits)?;
        let (names, line) = (records.record().iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), records.line());
        let known = KnownColumns::of(mapping);
        let map = match find_stray_quote(&records) {
            None => Header::map(&names, mapping, &known),
            Some(fault) => Err(vec![fault]),
        };
        let header = map.map_err(|faults| {
            let below = head.and_then(|head| known.find_header_below(&head, reading, line, &names));
            let faults = match (below, &faults[..]) {
                (Some(line), _) => vec![HeaderFault::HeaderBelow { line }],
                (None, [HeaderFault::NoHeader { columns: 1 } | HeaderFault::Data, rest @ ..])
                    if names.len() == 1 =>
                {
                    match find_undivided_header(&names[0], format, reading, &known) {
                        Some(fault) => [&[fault], rest].concat(),
                        None => faults,
                    }
                }
                _ => faults,
            };
            Error::Header { path: path.clone(), line, faults }
        })?;
        let is_status = |name: &Vec<u8>| normalize_name(&String::from_utf8_lossy(name)) == OF_FAILURES[0];
        let status_column = names.iter().position(is_status);
        let plan = header.plan().cloned().map(PlanWatch::new);
        Ok(Rows {
            path,
            format,
            records,
            names,
            header,
            header_line: line,
            empty_rows: mapping.empty_rows,
            plan,
            status_column,
            number: 0,
            is_ahead: false,
            is_over: false,
            ends_without_line_end: false,
        })
    }

    /// The format of the input.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// If the file cannot be read further, if a cell is too long, or if there is not a single row.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Error> {
        self.skip_rows(|_| false)?;
        if !std::mem::take(&mut self.is_ahead) {
            return Ok(None);
        }
        let Rows { records, header, format, empty_rows, number, .. } = &*self;
        let plan_fault = self.plan.as_ref().and_then(|plan| plan.fault);
        let judge = Judge { records, header, format: *format, empty_rows: *empty_rows, plan_fault };
        let status = self.status_column.and_then(|column| records.record().cell(column));
        Ok(Some(Row {
            has_status: status.is_some_and(|cell| !cell.trim_ascii().is_empty()),
            number: *number,
            line: records.line(),
            last_line: records.last_line(),
            content: judge.content(),
            record: records.record(),
        }))
    }

    /// Skips the rows that are done, by their numbers, without judging their cells. Reads up to the first row that is not
    /// done, which is the next row.
    ///
    /// # Errors
    /// As [`Rows::next_row`].
    pub fn skip_rows(&mut self, is_done: impl Fn(u64) -> bool) -> Result<(), Error> {
        while !self.is_over {
            if !self.is_ahead {
                if !advance(&self.path, &mut self.records)? {
                    self.is_over = true;
                    break;
                }
                self.number += 1;
                if let Some(plan) = &mut self.plan {
                    plan.observe(self.records.record());
                }
                self.ends_without_line_end = self.records.line_end() == LineEnd::Missing;
            }
            self.is_ahead = !is_done(self.number);
            if self.is_ahead {
                break;
            }
        }
        // A plan without rows changes nothing, and is done.
        if self.number == 0 && self.plan.is_none() {
            let faults = vec![HeaderFault::NoRows];
            return Err(Error::Header { path: self.path.clone(), line: self.header_line, faults });
        }
        Ok(())
    }

    /// Ends the reading: the row read last is the last one.
    pub fn skip_all(&mut self) {
        (self.is_ahead, self.is_over) = (false, true);
    }

    /// The number of rows that were read.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.number
    }

    /// Whether the input ends within the line of the row read last, without the line end that follows all other rows.
    #[must_use]
    pub fn ends_without_line_end(&self) -> bool {
        self.ends_without_line_end
    }

    /// Whether the rows so far have different line ends, and no row is invalid for that.
    #[must_use]
    pub fn has_mixed_line_ends(&self) -> bool {
        self.records.has_mixed_line_ends() && !self.records.demands_crlf()
    }

    /// The names of the columns as they are written in the input.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.iter().map(Vec::as_slice)
    }

    /// The names of the columns, made harmless for a message.
    #[must_use]
    pub fn shown_names(&self) -> Vec<String> {
        self.names().map(|name| escape_name(String::from_utf8_lossy(name).trim())).collect()
    }

    /// The parameters that have a column, each with its number from 1.
    pub fn columns(&self) -> impl Iterator<Item = (usize, Parameter)> {
        self.header.columns()
    }

    /// The transform of a column (from 1), if its cells are sent.
    #[must_use]
    pub fn transform(&self, column: usize) -> Option<&Transform> {
        self.header.transform(column)
    }

    /// The columns of a plan; `None` of an ordinary input.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanColumns> {
        self.plan.as_ref().map(|plan| &plan.columns)
    }

    /// The columns that are skipped.
    #[must_use]
    pub fn skipped_columns(&self) -> Vec<SkippedColumns> {
        self.header.skipped_columns(&self.names)
    }

    /// The columns, from 0, after the last column with a name.
    #[must_use]
    pub fn unnamed(&self) -> Range<usize> {
        self.header.unnamed()
    }

    /// The names of columns to skip that match no column, while a column that is sent has nearly the same name: the name, and
    /// the name and number of the near column. All names are escaped.
    #[must_use]
    pub fn not_left_out(&self, ignored: &[String]) -> Vec<(String, String, usize)> {
        let names: Vec<_> = self.names().map(String::from_utf8_lossy).collect();
        let is_there = |wanted: &str| names.iter().any(|name| normalize_name(name) == wanted);
        let sent = || self.columns().map(|(column, _)| (column, names[column - 1].trim()));
        let absent = ignored.iter().filter(|name| !is_there(&normalize_name(name)));
        let near = absent.filter_map(|name| {
            let near = find_nearest(&normalize_name(name), sent().map(|(_, name)| name))?;
            let (column, near) = sent().find(|(_, name)| *name == near)?;
            Some((escape_name(name.trim()), escape_name(near), column))
        });
        near.collect()
    }
}

/// Reads up to the header, and returns the records from there.
fn read_to_header(
    path: &Path,
    opened: Opened,
    head: Option<&str>,
    limits: Limits,
) -> Result<Records<Source>, Error> {
    let Opened { reader, format, .. } = opened;
    let mut records = Records::new(reader, format.delimiter.byte(), limits);
    if !advance_to_header(path, &mut records, format)? {
        let what = match format.skipped_lines {
            0 => "contains only blank lines. The first line must name the columns, such as customer_id,email"
                .to_owned(),
            lines => format!("contains no text after the lines that --skip-lines {lines} skips"),
        };
        return Err(Error::NotCsv { path: path.to_path_buf(), what });
    }
    // Of a stream, only the header is known before rows are sent.
    let has_crlf_lines = || head.is_none_or(|head| has_second_crlf(head, format, limits));
    let demands_crlf = records.line_end() == LineEnd::CrLf && has_crlf_lines();
    records.demand_crlf(demands_crlf);
    Ok(records)
}

/// Counts the rows after the header as [`Rows`] does.
pub fn count(path: &Path, opened: Opened, limits: Limits) -> Result<u64, Error> {
    let mut records = read_to_header(path, opened, None, limits)?;
    let mut rows = 0;
    while advance(path, &mut records)? {
        rows += 1;
    }
    Ok(rows)
}

/// Finds another delimiter that divides a header which was read as one column.
fn find_undivided_header(
    name: &[u8],
    format: Format,
    reading: &Reading,
    known: &KnownColumns<'_>,
) -> Option<HeaderFault> {
    let found = known.find_delimiter(name)?;
    let cause = match reading.delimiter {
        Some(_) => DelimiterSource::Option,
        None if format.has_sep_line => DelimiterSource::SepLine,
        None => DelimiterSource::Detected,
    };
    let name = escape_name(String::from_utf8_lossy(name).trim());
    Some(HeaderFault::OneColumn { name, delimiter: format.delimiter, found, cause })
}

/// Finds a misplaced quote in a header. The quote may have taken in rows, so the names are not used.
fn find_stray_quote(records: &Records<Source>) -> Option<HeaderFault> {
    let last_line = (records.last_line() > records.line()).then(|| records.last_line());
    let blank = records.record().blank_beside_quote();
    (!records.is_well_quoted()).then_some(HeaderFault::StrayQuote { blank, last_line })
}

/// Reads the header; `false` if there is none.
fn advance_to_header<R: Read>(path: &Path, records: &mut Records<R>, format: Format) -> Result<bool, Error> {
    records.skip_lines(format.skipped_lines).map_err(|error| Error::of_io(path, 1, error))?;
    if format.has_sep_line {
        advance(path, records)?;
    }
    advance(path, records)
}

/// Whether a record behind the header ends in a CRLF in the text of the first bytes.
fn has_second_crlf(head: &str, format: Format, limits: Limits) -> bool {
    let (path, mut records) = (Path::new(""), Records::new(head.as_bytes(), format.delimiter.byte(), limits));
    if !advance_to_header(path, &mut records, format).unwrap_or(false) {
        return false;
    }
    iter::from_fn(|| records.advance().ok().filter(|is_there| *is_there).map(|_| records.line_end()))
        .any(|end| end == LineEnd::CrLf)
}

/// Reads the next record that is not a line of blanks; `false` at the end.
fn advance<R: Read>(path: &Path, records: &mut Records<R>) -> Result<bool, Error> {
    loop {
        let found = records.advance().map_err(|fault| match fault {
            Fault::Io(error) => Error::of_io(path, records.reached(), error),
            Fault::TooLong(fault) => Error::TooLong { path: path.to_path_buf(), fault },
        })?;
        let record = records.record();
        // 0x1a ends a text file of DOS, and some exports still write it.
        let is_blank =
            || record.iter().all(|field| field.iter().all(|byte| matches!(byte, b' ' | b'\t' | 0x1a)));
        // A quoted cell of blanks is a row; a line of blanks is not.
        if !found || record.len() > 1 || records.is_quoted() || !is_blank() {
            return Ok(found);
        }
        records.pass_over();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::{Fingerprint, FingerprintKey, Update};
    use crate::input::source;
    use proptest::prelude::*;

    /// A row as the tests compare it.
    #[derive(Debug)]
    struct ReadRow {
        number: u64,
        line: u64,
        content: Result<Update, Box<Invalid>>,
        fingerprint: Fingerprint,
        debug: String,
    }

    fn rows(text: impl AsRef<[u8]>) -> Result<Vec<ReadRow>, Error> {
        mapped(text, &Mapping::default())
    }

    fn mapped(text: impl AsRef<[u8]>, mapping: &Mapping) -> Result<Vec<ReadRow>, Error> {
        let mut rows = start(text, mapping)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next_row()? {
            let fingerprint = row.fingerprint(&FingerprintKey::from_secret(b"key"), &mut Vec::new());
            let (debug, Row { number, line, content, .. }) = (format!("{row:?}"), row);
            all.push(ReadRow { number, line, content, fingerprint, debug });
        }
        Ok(all)
    }

    fn start(text: impl AsRef<[u8]>, mapping: &Mapping) -> Result<Rows, Error> {
        let path = Path::new("in.csv");
        let reader = Box::new(std::io::Cursor::new(text.as_ref().to_vec()));
        let opened = source::open(reader, false, &Reading::default())
            .map_err(|unusable| Error::of_source(path, unusable))?;
        Rows::start(path.to_path_buf(), opened, &Reading::default(), mapping)
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_are_refused(
            header in proptest::sample::select(vec![
                &b""[..], b"customer_id,city\n", b"sep=;\r\ncustomer_id;city\r\n", b"\xef\xbb\xbfcustomer_id\tcity,\r",
                b"\xff\xfec\0,\0", b"\"customer_id\",\"ci", b"customer_id|city|\"a\nb\"\n",
            ]),
            parts in proptest::collection::vec(proptest::sample::select(vec![
                &b","[..], b";", b"\"", b"\n", b"\r", b"\r\n", b"a", b" ", b"\t", b"|", b"\0", b"\xff", b"\xc3\xbc",
                b"\"\"", b"\xef\xbb\xbf", b"REMOVE", b"sep=;", b"customer_id", b"city", b"\x1a",
            ]), 0..60),
            (bytes, lines) in (1_usize..30, 1_u64..4),
            ignores_unknown: bool,
            is_stream: bool,
        ) {
            let text = [header, &parts.concat()].concat();
            let limits = Limits { bytes, lines };
            let mapping = Mapping { ignores_unknown, ..Mapping::default() };
            let (path, reading) = (Path::new("in.csv"), Reading { limits, ..Reading::default() });
            let opened = || {
                let reader = Box::new(std::io::Cursor::new(text.clone()));
                source::open(reader, is_stream, &reading).map_err(|unusable| Error::of_source(path, unusable))
            };
            let read = || -> Result<u64, Error> {
                let (mut rows, mut line) = (Rows::start(path.to_path_buf(), opened()?, &reading, &mapping)?, 0);
                while let Some(row) = rows.next_row()? {
                    assert!(row.line > line && row.number <= row.line, "{row:?}");
                    line = row.line;
                }
                Ok(rows.number)
            };
            match read() {
                Ok(number) => prop_assert_eq!(count(path, opened().unwrap(), limits).unwrap(), number),
                Err(error) => {
                    prop_assert!(!error.is_fault_of_machine() && !error.messages().is_empty(), "{}", error);
                    prop_assert!(error.messages().iter().all(|message| message.starts_with("in.csv")), "{}", error);
                }
            }
        }
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
        let problem = problems[1].as_deref().unwrap();
        assert!(problem.starts_with("2 cells") && problem.contains("3 columns"), "{problem}");
        assert!(problem.contains("comma or quote"), "{problem}");
        assert!(problems[2].as_deref().unwrap().starts_with("4 cells"));
        assert_eq!((&problems[0], &problems[3]), (&None, &None));
        assert_eq!(all[1].content.as_ref().unwrap_err().customer_id, None);
    }

    #[test]
    fn a_broken_rule_names_the_column() {
        let all = rows("city,password,customer_id\nRiga,REMOVE,7\n").unwrap();
        let invalid = all[0].content.as_ref().unwrap_err();
        assert!(invalid.problems[0].to_string().starts_with("column 2 (password): "));
        assert_eq!(invalid.customer_id.as_deref(), Some("7"));
        assert!(!all[0].debug.contains("Riga"));
    }

    #[test]
    fn a_header_alone_is_refused() {
        for (above, line) in [("", 1), ("\n \n", 3), ("sep=,\n\n", 3)] {
            let error = rows(format!("{above}customer_id,city\n\n \n")).unwrap_err();
            assert!(error.to_string().contains("no rows") && error.line() == Some(line), "{error}");
        }
        assert!(rows("\n\n").unwrap_err().to_string().contains("only blank lines"));
    }

    #[test]
    fn a_quote_that_is_not_closed_makes_no_value() {
        for text in ["customer_id,city\n1,a\n2,\"b\n3,c\n", "customer_id,city\n1,a\n2,5\" pipe\n"] {
            let all = rows(text).unwrap();
            assert!(all[0].content.is_ok());
            assert!(all[1].content.as_ref().unwrap_err().problems[0].message.contains("unclosed quote"));
        }
        assert!(rows("customer_id,city\n1,\"say \"\"a\"\"\"\n").unwrap()[0].content.is_ok());
    }

    #[test]
    fn an_unclosed_quote_is_refused_with_its_line() {
        let text = format!("customer_id,city\n1,a\n2,\"b\n{}", "3,c\n".repeat(400_000));
        let error = rows(&text).unwrap_err().to_string();
        assert!(
            error.starts_with("in.csv: line 3, column 2: ") && error.contains("--max-field-lines"),
            "{error}"
        );
    }

    #[test]
    fn rows_behind_skipped_rows_keep_their_numbers_and_lines() {
        let text = "customer_id,city\n1,a\n\n2,\"b\nc\"\n3\n4,d\n";
        let mut rows = start(text, &Mapping::default()).unwrap();
        rows.skip_rows(|_| false).unwrap();
        rows.skip_rows(|number| number % 2 != 0).unwrap();
        let row = rows.next_row().unwrap().unwrap();
        assert_eq!((row.number, row.line), (2, 4));
        rows.skip_rows(|number| number <= 3).unwrap();
        let row = rows.next_row().unwrap().unwrap();
        assert_eq!((row.number, row.line), (4, 7));
        rows.skip_rows(|_| false).unwrap();
        assert!(rows.next_row().unwrap().is_none());
    }

    #[test]
    fn nothing_is_read_of_rows_that_are_all_skipped() {
        let text = format!("customer_id,city\n1,a\n2,\"b\n{}", "3,c\n".repeat(400_000));
        let mut rows = start(text, &Mapping::default()).unwrap();
        rows.skip_rows(|_| false).unwrap();
        rows.skip_all();
        assert!(rows.next_row().unwrap().is_none());
    }

    #[test]
    fn rows_with_nothing_to_send_are_passed_over_on_request_and_known_by_their_ids() {
        let text = "customer_id,city,country\n5,,\n,,\n ,\t,\n\"5\n6\",,\n,Riga,\n7,Riga,\n";
        let is_passed_over = |rows: Vec<ReadRow>| -> Vec<Option<bool>> {
            rows.iter().map(|row| row.content.as_ref().err().map(|bad| bad.is_passed_over)).collect()
        };
        let invalid = [Some(false); 5].into_iter().chain([None]).collect::<Vec<_>>();
        assert_eq!(is_passed_over(rows(text).unwrap()), invalid);
        let skip = Mapping { empty_rows: EmptyRows::Skip, ..Mapping::default() };
        let passed = [Some(true), Some(true), Some(true), Some(false), Some(false), None];
        assert_eq!(is_passed_over(mapped(text, &skip).unwrap()), passed);

        let print = |text: &str, mapping: &Mapping| mapped(text, mapping).unwrap()[0].fingerprint;
        let empty = "customer_id,city\n5,\n";
        assert_eq!(print(empty, &skip), print("city,customer_id\n , 5\n", &skip));
        assert_ne!(print(empty, &skip), print(empty, &Mapping::default()));
        assert_ne!(print(empty, &skip), print("customer_id,city\n6,\n", &skip));
        assert_ne!(print(empty, &skip), print("customer_id,city\n5,Riga\n", &skip));
    }
}
