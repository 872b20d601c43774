//! The concurrent part: it decides which row is sent when, reads the replies, and ends the run early.
//!
//! [`deliver`] is one task and one loop, in `dispatcher`, the only place that waits. The dispatcher owns the other parts.
//! Each part decides one question and can be tested by itself:
//!
//! | file | question |
//! | --- | --- |
//! | `intake` | Which row comes next? |
//! | `rows`, `lanes`, `queue` | Which open rows may be sent, in which order? |
//! | `admission` | May an attempt start now? (It owns the parts in the next three lines.) |
//! | `hold` | Has the server asked for a pause? |
//! | `budget` | May a retry start now? |
//! | `pacer`, `aimd` | Do the rate and the adaptive rate allow another attempt? |
//! | `breaker` | Is the server down, or is the row at fault? (It contains the state table.) |
//! | `patience` | Has the server been down for too long? |
//! | `flights` | Has a request left, has an attempt ended? |
//! | `retry` | Is a row sent again after a reply, recorded or parked? |
//! | `recorder` | Is a record durable? |
//! | `brakes` | Do too many rows fail? |
//! | `shutdown` | Does the run end early? |
//!
//! A row that is sent holds its slot and its customer's lane from its admission until its record is durable. If the next
//! row of a customer were sent before, a crash could make a resumed run send the older row after the newer row.

mod admission;
mod aimd;
mod brakes;
mod breaker;
mod budget;
mod dispatcher;
mod ending;
mod feed;
mod flights;
mod hold;
mod intake;
mod job;
mod lanes;
mod observer;
mod pacer;
mod patience;
mod queue;
mod rate;
mod recorder;
mod retry;
mod rows;
mod settings;
mod shutdown;
mod time;

pub use brakes::{Brakes, MaxFailures};
pub use dispatcher::deliver;
pub use ending::{Brake, Ending, Interrupt, Limit, Refusal, Stop, Tally};
pub use feed::ChannelFeed;
pub use job::{Feed, FeedError, Job, Work};
pub use observer::{FailedRow, Notice, Observer, Pause, Retry};
pub use rate::{BadRate, Rate};
pub use settings::{MIN_OPEN_ROWS, OPEN_ROWS_PER_REQUEST, Settings};

#[cfg(test)]
mod tests;
