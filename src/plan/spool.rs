//! The rows of a baseline in a temporary file, to be read again by their offset. The file has no name, so that nothing of it
//! is left behind, whatever ends the program, and its mode is 0600.

use super::Fields;
use crate::customer::Parameter;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes that are read at once where rows follow each other (chosen).
const SEQUENTIAL: usize = 64 * 1024;
/// Bytes that are read at once where they do not (chosen): most rows are shorter.
const RANDOM: usize = 2 * 1024;
/// Bytes before the values of a row: its length and whether it is trusted.
const HEAD: usize = 5;

/// Writes rows one behind the other.
pub(super) struct SpoolWriter {
    file: BufWriter<File>,
    length: u64,
    row: Vec<u8>,
}

impl SpoolWriter {
    /// Begins a file in a folder.
    pub(super) fn new(folder: &Path) -> io::Result<SpoolWriter> {
        let file = BufWriter::with_capacity(SEQUENTIAL, tempfile::tempfile_in(folder)?);
        Ok(SpoolWriter { file, length: 0, row: Vec::new() })
    }

    /// Appends a row and returns its offset.
    pub(super) fn add(&mut self, fields: &Fields<'_>, is_trusted: bool) -> io::Result<u64> {
        self.row.clear();
        self.row.extend_from_slice(&[0; HEAD]);
        for (index, value) in (0_u8..).zip(fields).filter(|(_, value)| !value.is_empty()) {
            self.row.push(index);
            self.row.extend_from_slice(&length_of(value)?.to_le_bytes());
            self.row.extend_from_slice(value);
        }
        let length = length_of(&self.row)?;
        self.row[..4].copy_from_slice(&length.to_le_bytes());
        self.row[4] = u8::from(is_trusted);
        self.file.write_all(&self.row)?;
        let offset = self.length;
        self.length += u64::from(length);
        Ok(offset)
    }

    /// Ends writing.
    pub(super) fn finish(self) -> io::Result<Spool> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Spool { file, window: Vec::new(), start: 0 })
    }
}

fn length_of(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| io::Error::other("a row is longer than 4 GiB"))
}

/// Reads rows by their offset.
pub(super) struct Spool {
    file: File,
    /// A part of the file.
    window: Vec<u8>,
    /// Where that part begins.
    start: u64,
}

impl Spool {
    /// Appends the values of the row at `offset` to `text`. Returns where they are in it, and whether the row is trusted.
    pub(super) fn read(&mut self, offset: u64, text: &mut Vec<u8>) -> io::Result<(Row, bool)> {
        let head = self.bytes(offset, HEAD)?;
        let is_trusted = head[4] == 1;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let row = self.bytes(offset, length)?;
        let base = text.len();
        text.extend_from_slice(row);
        let mut places: Row = Default::default();
        let mut at = HEAD;
        while at < row.len() {
            let [index, a, b, c, d] = *row[at..].first_chunk().ok_or_else(damaged)?;
            let (start, length) = (at + HEAD, u32::from_le_bytes([a, b, c, d]) as usize);
            *places.get_mut(usize::from(index)).ok_or_else(damaged)? = (base + start, length);
            at = start + length;
        }
        Ok((places, is_trusted))
    }

    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let is_held = |start: u64, window: &[u8]| {
            offset >= start && offset + length as u64 <= start + window.len() as u64
        };
        if !is_held(self.start, &self.window) {
            let behind = offset.checked_sub(self.start);
            let is_next = behind.is_some_and(|distance| distance <= (self.window.len() + RANDOM) as u64);
            self.fill(offset, length.max(if is_next { SEQUENTIAL } else { RANDOM }))?;
        }
        let start = usize::try_from(offset - self.start).map_err(|_| damaged())?;
        self.window.get(start..start + length).ok_or_else(damaged)
    }

    fn fill(&mut self, offset: u64, most: usize) -> io::Result<()> {
        self.window.resize(most, 0);
        let mut length = 0;
        while length < most {
            match self.file.read_at(&mut self.window[length..], offset + length as u64) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.window.truncate(length);
        self.start = offset;
        Ok(())
    }
}

/// Where each value of a row begins, and its length; the length is 0 where it has none.
pub(super) type Row = [(usize, usize); Parameter::COUNT];

fn damaged() -> io::Error {
    io::Error::other("the temporary file of the baseline is not as it was written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![8 => "[a-z]{0,9}", 1 => Just("x".repeat(3000))]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn rows_come_back_in_any_order(
            rows in proptest::collection::vec((proptest::collection::vec(value(), 18), any::<bool>()), 1..40),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..80),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = SpoolWriter::new(folder.path()).unwrap();
            let fields = |row: &[String]| -> Vec<Vec<u8>> { row.iter().map(|value| value.clone().into_bytes()).collect() };
            let offsets: Vec<u64> = rows.iter().map(|(row, is_trusted)| {
                let row = fields(row);
                writer.add(&std::array::from_fn(|index| &*row[index]), *is_trusted).unwrap()
            }).collect();
            let mut spool = writer.finish().unwrap();
            for index in (0..rows.len()).chain(order.iter().map(|index| index.index(rows.len()))) {
                let mut text = b"before".to_vec();
                let (places, is_trusted) = spool.read(offsets[index], &mut text).unwrap();
                prop_assert_eq!(is_trusted, rows[index].1);
                let found: Vec<&[u8]> = places.iter().map(|(start, length)| &text[*start..start + length]).collect();
                prop_assert_eq!(found, fields(&rows[index].0));
            }
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
