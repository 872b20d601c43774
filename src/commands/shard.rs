//! `--shard`: refuses a file that cannot be split.

use crate::exit::Failure;
use crate::input::Input;
use crate::resume::{Shard, find_split_subscription};

/// Makes sure that every customer belongs to one shard.
///
/// # Errors
/// If a subscription belongs to two shards, with its lines, or if the input is a stream or cannot be read.
pub(super) fn refuse_split_customers(input: &Input, shard: Shard) -> Result<(), Failure> {
    let path = input.path().display();
    if input.is_stream() {
        return Err(Failure::usage(format!(
            "{path}: --shard needs a file, not a pipe, because all rows are read before anything is sent. Write the input to a \
             file first"
        )));
    }
    let Some(split) = find_split_subscription(input, shard)? else { return Ok(()) };
    let [(row, line), (other_row, other_line)] = split.rows;
    Err(Failure::usage(format!(
        "{path}: this file cannot be split into {} shards: rows {row} (line {line}) and {other_row} (line {other_line}) \
         name the same subscription_id, but belong to different shards, and their order could not be kept. Nothing was \
         sent. Fill in the same customer_id in every row of such a customer, or run the file without --shard",
        shard.count()
    )))
}
