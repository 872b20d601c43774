//! Recognises files that are no CSV by their first bytes ([magic numbers](https://en.wikipedia.org/wiki/List_of_file_signatures)),
//! with a message for each.

/// Signatures of files that are named as input by mistake, with the message.
const SIGNATURES: [(&[u8], &str); 15] = [
    (b"\xd0\xcf\x11\xe0", "looks like an old Excel workbook (.xls). Export it as CSV (UTF-8)"),
    (b"%PDF", "looks like a PDF. Export the data as CSV (UTF-8)"),
    (b"SQLite format 3", "looks like an SQLite database. Export the table as CSV (UTF-8)"),
    (b"PAR1", "looks like a Parquet file. Export the table as CSV (UTF-8)"),
    (b"{\\rtf", "looks like a text document (RTF). Export the data as CSV (UTF-8)"),
    (b"\x89PNG\r\n", "is a picture (PNG), not a CSV. Choose the CSV file"),
    (b"\xff\xd8\xff", "is a picture (JPEG), not a CSV. Choose the CSV file"),
    (b"GIF8", "is a picture (GIF), not a CSV. Choose the CSV file"),
    (b"BZh", "is compressed with bzip2. Decompress it first, or use gzip or zstd"),
    (b"\xfd7zXZ\0", "is compressed with xz. Decompress it first, or use gzip or zstd"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive. Unpack it and choose the CSV in it"),
    (b"Rar!\x1a\x07", "is a RAR archive. Unpack it and choose the CSV in it"),
    (b"PK\x05\x06", "is an empty ZIP archive"),
    // A compressed input is unpacked before: these are inside another archive.
    (b"\x1f\x8b\x08", "is compressed twice. Decompress it once"),
    (b"\x28\xb5\x2f\xfd", "is compressed twice. Decompress it once"),
];

/// The bytes of a tar archive's signature.
const TAR: std::ops::Range<usize> = 257..262;

/// The beginnings of web pages. Some download buttons return a web page that is named `.csv` or `.xls`.
const PAGE: [&str; 8] = ["<!doctype", "<html", "<?xml", "<head", "<body", "<meta", "<table", "<script"];

/// The message for first bytes that are no text.
pub fn bytes(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return Some("is empty. The first line must name the columns, such as customer_id,email");
    }
    if head.starts_with(b"PK\x03\x04") {
        let has = |name: &[u8]| memchr::memmem::find(head, name).is_some();
        return Some(if has(b"[Content_Types].xml") || has(b"xl/") {
            "looks like an Excel workbook (.xlsx). Export it as CSV (UTF-8)"
        } else if has(b"opendocument.spreadsheet") {
            "looks like a LibreOffice workbook (.ods). Export it as CSV (UTF-8)"
        } else {
            "is a ZIP archive. Unpack it and choose the CSV in it (a workbook: export it as CSV)"
        });
    }
    if head.get(TAR) == Some(b"ustar") {
        return Some("is a tar archive. Unpack it and choose the CSV in it");
    }
    SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)).map(|(_, what)| *what)
}

/// The message for a text that is no CSV. `is_guess`: the encoding is a guess, so it may be no text at all.
pub fn text(head: &str, is_guess: bool) -> Option<&'static str> {
    let first_line = head.split('\n').next().unwrap_or(head);
    let is_control = |letter: char| letter.is_ascii_control() && !letter.is_ascii_whitespace();
    if first_line.contains('\0') && !first_line.contains(|letter| letter != '\0' && is_control(letter)) {
        return Some(
            "contains NUL characters in its first line: it was padded with them, is UTF-32, or is not text. Export the data \
             again, as CSV (UTF-8)",
        );
    }
    if first_line.contains('\0') || is_guess && first_line.contains(is_control) {
        return Some("is a binary file, not a CSV. Export the data as CSV (UTF-8)");
    }
    let text = head.trim_start();
    let begins = |word: &&str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if PAGE.iter().any(begins) {
        return Some(
            "is a web page or XML, not a CSV. Open it (it may be a login page), then export the data as CSV (UTF-8)",
        );
    }
    let after = |sign: char| text.strip_prefix(sign).map(str::trim_start);
    let is_json = after('{').is_some_and(|rest| rest.starts_with(['"', '}']))
        || after('[').is_some_and(|rest| rest.starts_with(['{', '[', '"', ']']));
    is_json.then_some("is JSON, not a CSV. Export the data as CSV (UTF-8)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named() {
        for (head, what) in [
            (&b"PK\x03\x04\x14\0\x06\0....[Content_Types].xml"[..], "Excel workbook (.xlsx)"),
            (b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet", ".ods"),
            (b"PK\x03\x04....customers.csv", "ZIP archive"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", ".xls"),
            (b"%PDF-1.7", "PDF"),
            (b"\x1f\x8b\x08\0", "twice"),
            (b"\x89PNG\r\n\x1a\n\0\0", "PNG"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
            (b"GIF89a\x01\0", "GIF"),
            (b"", "is empty"),
        ] {
            assert!(bytes(head).is_some_and(|message| message.contains(what)), "{what}");
        }
        let mut tar = vec![b'a'; 600];
        tar[TAR].copy_from_slice(b"ustar");
        assert!(bytes(&tar).is_some_and(|message| message.contains("tar archive")));
        assert_eq!(bytes(b"customer_id,email\n1,a@b\n"), None);
    }

    #[test]
    fn text_that_is_no_table_is_named() {
        for (head, what) in [
            ("\u{7f}ELF\u{2}\0\0", "binary"),
            ("\r\n <!DOCTYPE html>\n<html>", "web page"),
            ("<table><tr><td>", "web page"),
            ("{\n  \"customers\": []}", "JSON"),
            ("[{\"customer_id\": 1}]", "JSON"),
        ] {
            assert!(text(head, false).is_some_and(|message| message.contains(what)), "{what}");
        }
        for head in ["\0\0customer_id,city\n1,a\n", "customer_id,city\0\0\n", "c\0\0\0u\0\0\0"] {
            assert!(text(head, false).is_some_and(|message| message.contains("NUL")), "{head:?}");
        }
        assert!(text("a\u{1}b\n", true).is_some() && text("a\u{1}b\n", false).is_none());
        for head in ["[customer_id],[email]\n", "{id},x\n", "<id>,x\n", "customer_id,city\n1,a\0b\n"] {
            assert_eq!(text(head, false), None, "{head:?}");
        }
    }
}
