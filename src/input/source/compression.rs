//! Compressed input, recognised by its first bytes and unpacked as it is read: memory does not depend on the unpacked size.

use super::steady::Changed;
use crate::text::counted;
use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// The most memory that a zstd archive may ask for, in bytes. `zstd -19` needs 8 MiB; only `--long` and `--ultra`
/// need more.
const LARGEST_WINDOW: u64 = 32 * 1024 * 1024;

/// The bytes that identify a compression.
pub const SIGNATURE: usize = 4;

/// How the input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
}

impl Compression {
    /// The compression that the first bytes identify.
    pub fn of(head: &[u8]) -> Option<Compression> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
            // A frame to skip, with which parallel compressors begin (RFC 8878, section 3.1.2).
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// Unpacks the archive that `reader` reads.
    pub fn unpack(self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        let unpacked: Box<dyn Read + Send> = match self {
            Compression::Gzip => Box::new(Gzip::new(reader)),
            Compression::Zstd => Box::new(Zstd::new(reader)),
        };
        Box::new(Unpacked { inner: unpacked, compression: self, length: 0 })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        })
    }
}

/// Marks the error of an archive that cannot be unpacked among the system's own errors.
#[derive(Debug, thiserror::Error)]
#[error(
    "the {compression} archive is cut short or damaged after {} ({})",
    counted(*length, "unpacked byte"), in_words(source)
)]
pub struct Broken {
    compression: Compression,
    /// Bytes that could be unpacked.
    length: u64,
    source: io::Error,
}

/// Words for people: the messages of zstd's decoder show the fields of its types.
fn in_words(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<FrameDecoderError>()) {
        None => error.to_string(),
        Some(FrameDecoderError::WindowSizeTooBig { .. }) => {
            format!(
                "it needs a window of more than {} MiB: compress it with a smaller one",
                LARGEST_WINDOW >> 20
            )
        }
        Some(FrameDecoderError::DictNotProvided { .. }) => {
            "it needs a dictionary: compress it without".to_owned()
        }
        Some(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(_))) => {
            "the next bytes are no zstd frame".to_owned()
        }
        Some(_) => "a block is wrong or missing".to_owned(),
    }
}

/// Separates errors of the archive from errors of the file that holds it.
struct Unpacked {
    inner: Box<dyn Read + Send>,
    compression: Compression,
    length: u64,
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(read) => {
                self.length += read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(of_the_file(&error).unwrap_or_else(|| {
                io::Error::other(Broken { compression: self.compression, length: self.length, source: error })
            })),
        }
    }
}

/// The error of the file itself, if it caused the archive's error.
fn of_the_file(error: &io::Error) -> Option<io::Error> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if let Some(code) = error.raw_os_error() {
                return Some(io::Error::from_raw_os_error(code));
            }
            // The `source` of an `io::Error` skips the error that it wraps.
            let inner = error.get_ref();
            if inner.is_some_and(|inner| inner.is::<Changed>()) {
                return Some(io::Error::other(Changed));
            }
            next = inner.map(|inner| -> &(dyn Error + 'static) { inner });
        } else {
            next = error.source();
        }
    }
    None
}

/// Unpacks gzip members one behind the other. Zeros behind a member are skipped, as gzip does: a tape pads with them.
struct Gzip {
    /// `None` at the end.
    member: Option<GzDecoder<BufReader<Box<dyn Read + Send>>>>,
}

impl Gzip {
    fn new(reader: Box<dyn Read + Send>) -> Gzip {
        Gzip { member: Some(GzDecoder::new(BufReader::new(reader))) }
    }
}

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let is_over = skip_zeros(member.get_mut())?;
            self.member =
                self.member.take().filter(|_| !is_over).map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}

/// Skips zeros, and returns whether nothing follows them.
fn skip_zeros(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = source.fill_buf()?;
        let (length, zeros) = (bytes.len(), bytes.iter().take_while(|byte| **byte == 0).count());
        source.consume(zeros);
        if length == 0 || zeros < length {
            return Ok(length == 0);
        }
    }
}

/// Unpacks zstd frames one behind the other, and holds each to its checksum.
struct Zstd {
    source: BufReader<Box<dyn Read + Send>>,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl Zstd {
    fn new(reader: Box<dyn Read + Send>) -> Zstd {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(LARGEST_WINDOW);
        Zstd { source: BufReader::new(reader), decoder, is_in_frame: false }
    }

    /// Begins the next frame; `false` at the end.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.is_in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut (&mut self.source).take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    fn end(&mut self) -> io::Result<()> {
        self.is_in_frame = false;
        let (stored, found) = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
        match (stored, found) {
            (Some(stored), Some(found)) if stored != found => {
                Err(io::Error::other("the checksum does not match"))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_in_frame && !self.begin()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.end()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::steady::{Snapshot, SteadyFile};
    use super::*;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn unpack(archive: Vec<u8>) -> io::Result<Vec<u8>> {
        let compression = Compression::of(&archive).unwrap();
        let mut all = Vec::new();
        compression.unpack(Box::new(io::Cursor::new(archive))).read_to_end(&mut all)?;
        Ok(all)
    }

    fn text() -> Vec<u8> {
        (0..50_000_u32)
            .flat_map(|row| format!("{row},City {}\n", row.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    #[test]
    fn archives_of_one_part_and_of_many_come_out_whole() {
        let text = text();
        let (first, second) = text.split_at(text.len() / 3);
        for pack in [gzip, zstd] {
            assert_eq!(unpack(pack(&text)).unwrap(), text);
            assert_eq!(unpack([pack(first), pack(b""), pack(second)].concat()).unwrap(), text);
        }
        let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9][..], &zstd(&text)].concat();
        assert_eq!(unpack(skipped).unwrap(), text);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn zeros_behind_a_gzip_member_are_skipped_and_nothing_else_is(
            lengths in proptest::collection::vec(0..20_000_usize, 1..4), other in 1..=255_u8,
        ) {
            let text = b"1,Riga\n".repeat(100);
            let padded = |length: &usize| [gzip(&text), vec![0; *length]].concat();
            let archive: Vec<u8> = lengths.iter().flat_map(padded).collect();
            prop_assert_eq!(unpack(archive.clone()).unwrap(), text.repeat(lengths.len()));
            prop_assert!(unpack([archive, vec![other]].concat()).is_err());
        }
    }

    #[test]
    fn an_archive_that_is_cut_or_damaged_anywhere_is_an_error() {
        let text = text();
        for pack in [gzip, zstd] {
            let whole = pack(&text);
            for length in [5, 9, whole.len() / 2, whole.len() - 5, whole.len() - 1] {
                let error = unpack(whole[..length].to_vec()).unwrap_err();
                assert!(error.get_ref().unwrap().is::<Broken>(), "{length}: {error}");
                // No insides of a type.
                assert!(!error.to_string().contains('{'), "{error}");
            }
            for at in [whole.len() / 2, whole.len() - 2] {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x10;
                assert!(unpack(damaged).is_err(), "byte {at} of {}", whole.len());
            }
            let error = unpack([whole, b"garbage".to_vec()].concat()).unwrap_err();
            assert!(error.to_string().contains(&counted(text.len() as u64, "unpacked byte")), "{error}");
        }
    }

    #[test]
    fn a_window_that_would_need_too_much_memory_is_refused() {
        // A frame header with a window of 1 GiB (RFC 8878, section 3.1.1.1.2).
        assert!(unpack(vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0xa0, 1, 0, 0]).is_err());
    }

    #[test]
    fn a_file_that_changes_under_the_archive_is_told_as_such() {
        for pack in [gzip, zstd] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&pack(&text())).unwrap();
            let snapshot = Snapshot::of(&file.as_file().metadata().unwrap());
            file.write_all(b"more").unwrap();
            let steady = SteadyFile::new(file.reopen().unwrap(), snapshot);
            let compression = Compression::of(&pack(b"")).unwrap();
            let error = compression.unpack(Box::new(steady)).read(&mut [0; 100]).unwrap_err();
            assert!(error.get_ref().unwrap().is::<Changed>(), "{error}");
        }
    }
}
