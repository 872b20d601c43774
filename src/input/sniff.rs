//! Tells what plainly is no CSV by its first bytes, before anything is made of it.

use super::Error;
use std::io::{self, Read};
use std::path::Path;

/// How much is looked at.
const HEAD: usize = 8 * 1024;

/// Signatures of what people take for a CSV, with what it looks like and what to do.
const SIGNATURES: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "looks like an Excel workbook or another ZIP archive: export it as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "looks like an old Excel workbook (.xls): export it as CSV (UTF-8)"),
    (b"%PDF", "looks like a PDF: export the data as CSV (UTF-8)"),
    (b"\x1f\x8b", "is compressed with gzip: decompress it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: decompress it first"),
    (b"SQLite format 3", "looks like an SQLite database: export the table as CSV (UTF-8)"),
    (b"\xff\xfe", "is UTF-16 text: save it as CSV UTF-8"),
    (b"\xfe\xff", "is UTF-16 text: save it as CSV UTF-8"),
];

/// Looks at the head of `reader` and gives back a reader of the whole.
pub(super) fn refuse_what_is_no_csv(
    path: &Path,
    mut reader: Box<dyn Read + Send>,
) -> Result<Box<dyn Read + Send>, Error> {
    let mut head = Vec::with_capacity(HEAD);
    // Until the first line is whole: a slow pipe must not be waited for longer than its header takes.
    while head.len() < HEAD && !head.contains(&b'\n') {
        let filled = head.len();
        head.resize(HEAD, 0);
        match reader.read(&mut head[filled..]) {
            Ok(read) => {
                head.truncate(filled + read);
                if read == 0 {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => head.truncate(filled),
            Err(source) => return Err(Error::Read { path: path.to_path_buf(), line: 1, source }),
        }
    }
    match verdict(&head) {
        Some(what) => Err(Error::NotCsv { path: path.to_path_buf(), what: what.to_owned() }),
        None => Ok(Box::new(io::Cursor::new(head).chain(reader))),
    }
}

fn verdict(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return Some("is empty: the first line must name the columns, such as customer_id,email");
    }
    if let Some((_, what)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
        return Some(what);
    }
    let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    first_line.contains(&0).then_some("is a binary file, not a CSV: export the data as CSV (UTF-8)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(bytes: &'static [u8]) -> Result<Vec<u8>, String> {
        let mut reader =
            refuse_what_is_no_csv(Path::new("in.csv"), Box::new(bytes)).map_err(|error| error.to_string())?;
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        Ok(all)
    }

    #[test]
    fn text_passes_whole_whatever_its_length() {
        assert_eq!(sniff(b"customer_id,email\n1,a@b\n").unwrap(), b"customer_id,email\n1,a@b\n");
        let long: &'static [u8] = Vec::leak(vec![b'x'; 3 * HEAD + 7]);
        assert_eq!(sniff(long).unwrap(), long);
    }

    #[test]
    fn what_is_no_csv_is_named() {
        assert!(sniff(b"PK\x03\x04....").unwrap_err().starts_with("in.csv: looks like an Excel workbook"));
        assert!(sniff(b"%PDF-1.7").unwrap_err().contains("PDF"));
        assert!(sniff(b"\x7fELF\x02\x01\x01\0\0").unwrap_err().contains("binary"));
        assert!(sniff(b"").unwrap_err().contains("is empty"));
    }

    #[test]
    fn a_nul_in_a_later_row_is_left_to_that_row() {
        assert!(sniff(b"customer_id,email\n1,a\0b\n").is_ok());
    }
}
