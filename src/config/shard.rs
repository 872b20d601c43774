//! What `--shard` changes: the rate and the name of the result file.

use super::{VerifyOptions, result_path};
use crate::delivery::Rate;
use crate::exit::Failure;
use crate::resume::Shard;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// The default of `--rate`.
pub(super) const RATE: &str = "10/s";

/// Reads `I/N`.
pub(super) fn shard(text: Option<&str>) -> Result<Option<Shard>, Failure> {
    let read = |text: &str| {
        text.parse().map_err(|error| Failure::usage(format!("--shard: '{}' {error}", text.escape_debug())))
    };
    text.map(read).transpose()
}

/// The rate of this run: that of the job, divided among its shards.
pub(super) fn rate(text: &str, shard: Option<Shard>) -> Result<Rate, Failure> {
    let rate: Rate = text
        .parse()
        .map_err(|error| Failure::usage(format!("--rate: cannot read '{}'. {error}", text.escape_debug())))?;
    let count = shard.map_or(NonZeroU32::MIN, Shard::count);
    rate.divided(count).ok_or_else(|| {
        Failure::usage(format!(
            "--rate: {text} is less than one request per minute for each of {count} shards. Use a higher rate or fewer \
             shards"
        ))
    })
}

/// The extension of the result file, instead of the input's. Each shard has a file of its own.
pub(super) fn extension(shard: Option<Shard>) -> String {
    shard.map_or("result.csv".to_owned(), |shard| {
        format!("shard-{}-of-{}.result.csv", shard.index(), shard.count())
    })
}

impl VerifyOptions {
    /// The result files to read: those that were named, or that of the input.
    pub(super) fn results(&self, shard: Option<Shard>) -> Result<Vec<PathBuf>, Failure> {
        if self.result.is_empty() {
            return Ok(vec![result_path(&self.input, None, shard)?]);
        }
        self.result.iter().map(|result| result_path(&self.input, Some(result), shard)).collect()
    }
}
