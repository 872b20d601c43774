//! The options that say how INPUT is to be read, the same for every command that reads it.

use crate::exit::Failure;
use crate::input::{Limits, Reading};
use bytesize::ByteSize;
use clap::Args;
use std::str::FromStr;

/// The longest field that can be asked for: four of them, which is the longest record, fit into the memory of any
/// machine.
const LARGEST_FIELD: ByteSize = ByteSize::mib(256);

/// Options of every command that reads INPUT.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub struct ReadingOptions {
    /// What stands between two fields: , or ; or tab or | [default: told from the header]
    #[arg(long, value_name = "SIGN")]
    pub delimiter: Option<String>,

    /// The encoding: utf-8, utf-16, windows-1252 or another name of the WHATWG standard [default: told from the first
    /// 64 KiB; of standard input and pipes, from the first line]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,

    /// How many lines stand above the header: they are skipped, whatever they hold [default: 0]
    #[arg(long, value_name = "N")]
    pub skip_lines: Option<u64>,

    /// The longest field: bytes, or with a unit, such as 500kB (1000 bytes) or 2MiB (1024 KiB). A longer one ends the
    /// command, as nearly always a quote is not closed [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    pub max_field_size: Option<String>,

    /// The most lines one field may span [default: 100]
    #[arg(long, value_name = "N")]
    pub max_field_lines: Option<u64>,
}

impl ReadingOptions {
    /// How to read INPUT.
    ///
    /// # Errors
    /// The first option that is wrong, with what to do.
    pub fn reading(&self) -> Result<Reading, Failure> {
        let default = Limits::default();
        let lines = self.max_field_lines.unwrap_or(default.lines);
        if lines == 0 {
            return Err(Failure::usage("--max-field-lines: give a number from 1"));
        }
        Ok(Reading {
            delimiter: said("--delimiter", self.delimiter.as_deref())?,
            encoding: said("--encoding", self.encoding.as_deref())?,
            limits: Limits {
                bytes: self.max_field_size.as_deref().map_or(Ok(default.bytes), field_size)?,
                lines,
            },
            skip_lines: self.skip_lines.unwrap_or_default(),
        })
    }
}

fn said<T: FromStr<Err = &'static str>>(option: &str, text: Option<&str>) -> Result<Option<T>, Failure> {
    text.map(str::parse).transpose().map_err(|what| {
        Failure::usage(format!("{option}: '{}' {what}", text.unwrap_or_default().escape_debug()))
    })
}

fn field_size(text: &str) -> Result<usize, Failure> {
    let size = text.parse::<ByteSize>().ok().filter(|size| (ByteSize::b(1)..=LARGEST_FIELD).contains(size));
    size.and_then(|size| usize::try_from(size.as_u64()).ok()).ok_or_else(|| {
        let text = text.escape_debug();
        Failure::usage(format!(
            "--max-field-size: '{text}' is no size such as 500kB or 2MiB, up to {LARGEST_FIELD}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Result<usize, String> {
        let options = ReadingOptions { max_field_size: Some(text.to_owned()), ..ReadingOptions::default() };
        options.reading().map(|reading| reading.limits.bytes).map_err(|error| error.message)
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("500", 500), ("500kB", 500_000), ("2MiB", 2 << 20), ("2 MiB", 2 << 20), ("256MiB", 256 << 20)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["0", "257MiB", "-1", "many", ""] {
            let error = size(text).unwrap_err();
            assert!(error.contains("--max-field-size") && error.contains("up to 256"), "{error}");
        }
    }

    #[test]
    fn what_is_not_said_is_left_to_the_input() {
        assert_eq!(ReadingOptions::default().reading().unwrap(), Reading::default());
    }

    #[test]
    fn a_mistake_names_its_option() {
        let delimiter = ReadingOptions { delimiter: Some("ab".to_owned()), ..ReadingOptions::default() };
        assert!(delimiter.reading().unwrap_err().message.contains("--delimiter: 'ab'"));
        let encoding = ReadingOptions { encoding: Some("utf-9".to_owned()), ..ReadingOptions::default() };
        assert!(encoding.reading().unwrap_err().message.contains("--encoding: 'utf-9'"));
        let lines = ReadingOptions { max_field_lines: Some(0), ..ReadingOptions::default() };
        assert!(lines.reading().is_err());
    }
}
