//! The concurrent part: which row is sent when, what its reply leads to, and when the run ends early.
//!
//! [`deliver`] is one task and one loop, in `dispatcher`, the only place that waits. It owns its parts, each of which decides
//! one question and can be tested by itself:
//!
//! | file | question |
//! | --- | --- |
//! | `intake` | Which row comes next? |
//! | `rows`, `lanes`, `queue` | Which open rows may be sent, in which order? |
//! | `admission` | May an attempt start now? It owns the next four. |
//! | `hold` | Has the server asked for a pause? |
//! | `budget` | May a retry start now? |
//! | `pacer`, `aimd` | Does the rate allow it, and the adaptive rate below it? |
//! | `breaker` | Is the server down, or is it the row? (The state table is there.) |
//! | `patience` | Has the server been down for too long? |
//! | `flights` | Has a request left, has an attempt ended? |
//! | `retry` | What becomes of a row after a reply? |
//! | `recorder` | Is a record durable? |
//! | `brakes` | Do too many rows fail? |
//! | `shutdown` | Does the run end early? |
//!
//! A row that is sent holds its slot and its customer's lane from its admission until its record is durable. If the next
//! row of a customer were sent before, a crash could make a resumed run send the older row after the newer one.

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
