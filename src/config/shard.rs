//! The effects of `--shard`: on the rate and on the name of the result file.

use super::VerifyOptions;
use crate::delivery::Rate;
use crate::exit::Failure;
use crate::input::cannot_overwrite;
use crate::resume::Shard;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// Reads `I/N`.
pub(super) fn shard(text: Option<&str>) -> Result<Option<Shard>, Failure> {
    let read = |text: &str| {
        text.parse().map_err(|error| Failure::usage(format!("--shard: '{}' {error}", text.escape_debug())))
    };
    text.map(read).transpose()
}

/// The rate of this run: the rate of the job, divided among its shards.
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
fn extension(shard: Option<Shard>) -> String {
    shard.map_or("result.csv".to_owned(), |shard| {
        format!("shard-{}-of-{}.result.csv", shard.index(), shard.count())
    })
}

/// Whether the path is standard input under any name, or a pipe of the shell for `<(command)`. No result file can be created
/// beside such a path.
fn is_stream_of_process(input: &Path) -> bool {
    input == Path::new("-")
        || input == Path::new("/dev/stdin")
        || input.starts_with("/dev/fd")
        || input.starts_with("/proc")
}

/// The result file that was named, or `INPUT` with its extension replaced. Each shard has a file of its own.
pub(super) fn result_path(
    input: &Path,
    result: Option<&Path>,
    shard: Option<Shard>,
) -> Result<PathBuf, Failure> {
    let path = match result {
        Some(result) => result.to_path_buf(),
        None if is_stream_of_process(input) => {
            return Err(Failure::usage(
                "--result: needed when the input is standard input or a pipe. Add --result FILE to say where results go",
            ));
        }
        None => input.with_extension(extension(shard)),
    };
    if path == input {
        return Err(Failure::usage(cannot_overwrite(&path)));
    }
    Ok(path)
}

impl VerifyOptions {
    /// The result files to read: the named files, or the result file of the input.
    pub(super) fn results(&self, shard: Option<Shard>) -> Result<Vec<PathBuf>, Failure> {
        if self.result.is_empty() {
            return Ok(vec![result_path(&self.input, None, shard)?]);
        }
        self.result.iter().map(|result| result_path(&self.input, Some(result), shard)).collect()
    }
}
