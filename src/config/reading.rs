//! The options for reading INPUT, equal for every command that reads it.

use super::grammar::{INPUT, positive, untyped, whole};
use crate::exit::Failure;
use crate::input::{Limits, Reading};
use bytesize::ByteSize;
use clap::Args;
use std::str::FromStr;

/// The largest `--max-field-size`. Chosen: a record has at most four times this size, which fits into memory.
const LARGEST_FIELD: ByteSize = ByteSize::mib(256);

/// Options of every command that reads INPUT.
#[derive(Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = INPUT)]
pub struct ReadingOptions {
    /// Field separator: ',', ';', '|' or 'tab'; detected if not given
    #[arg(long, value_name = "CHAR")]
    pub delimiter: Option<String>,

    /// Text encoding, such as utf-8 or windows-1252; detected if not given
    ///
    /// Accepts any name of the WHATWG Encoding Standard. The encoding is detected from the first 64 KiB of a file, or
    /// from the first line of standard input or a pipe.
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,

    /// Number of lines above the header to skip
    #[arg(long, value_name = "N", default_value = "0", value_parser = whole, hide_short_help = true)]
    pub skip_lines: u64,

    /// Maximum size of a cell, such as 500kB or 2MiB
    ///
    /// A larger cell usually means an unclosed quote, so it stops the command.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", hide_short_help = true)]
    pub max_field_size: String,

    /// Maximum number of lines in a cell
    #[arg(long, value_name = "N", default_value = "100", value_parser = positive, hide_short_help = true)]
    pub max_field_lines: u64,
}

impl Default for ReadingOptions {
    fn default() -> ReadingOptions {
        untyped()
    }
}

impl ReadingOptions {
    /// The settings for reading INPUT.
    ///
    /// # Errors
    /// The first option that is wrong, with the remedy.
    pub fn reading(&self) -> Result<Reading, Failure> {
        Ok(Reading {
            delimiter: parsed("--delimiter", self.delimiter.as_deref())?,
            encoding: parsed("--encoding", self.encoding.as_deref())?,
            limits: Limits { bytes: field_size(&self.max_field_size)?, lines: self.max_field_lines },
            skip_lines: self.skip_lines,
        })
    }
}

fn parsed<T: FromStr<Err = &'static str>>(option: &str, text: Option<&str>) -> Result<Option<T>, Failure> {
    text.map(str::parse).transpose().map_err(|what| {
        Failure::usage(format!("{option}: '{}' {what}", text.unwrap_or_default().escape_debug()))
    })
}

fn field_size(text: &str) -> Result<usize, Failure> {
    let size = text.parse::<ByteSize>().ok().filter(|size| (ByteSize::b(1)..=LARGEST_FIELD).contains(size));
    size.and_then(|size| usize::try_from(size.as_u64()).ok()).ok_or_else(|| {
        let text = text.escape_debug();
        Failure::usage(format!(
            "--max-field-size: cannot read '{text}'. Use a size such as 500kB or 2MiB, up to {LARGEST_FIELD}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Result<usize, String> {
        let options = ReadingOptions { max_field_size: text.to_owned(), ..ReadingOptions::default() };
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
    fn an_option_that_is_not_given_is_detected_from_the_input() {
        assert_eq!(ReadingOptions::default().reading().unwrap(), Reading::default());
    }

    #[test]
    fn a_mistake_names_its_option() {
        let delimiter = ReadingOptions { delimiter: Some("ab".to_owned()), ..ReadingOptions::default() };
        assert!(delimiter.reading().unwrap_err().message.contains("--delimiter: 'ab'"));
        let encoding = ReadingOptions { encoding: Some("utf-9".to_owned()), ..ReadingOptions::default() };
        assert!(encoding.reading().unwrap_err().message.contains("--encoding: 'utf-9'"));
    }
}
