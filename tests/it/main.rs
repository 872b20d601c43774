//! The program from outside, the house, and the pages: one binary, as each one is linked anew after every edit of the
//! library. `cargo test --test it since::` runs the tests of one module.

mod brakes;
mod check;
mod completions;
mod config_file;
mod crash_points;
mod disks;
mod exit_codes;
mod failures;
mod faults;
mod holds;
mod hostile_replies;
mod house;
mod interruption;
mod invalid_rows;
mod logs;
mod mapping;
mod order;
mod outage;
mod pacing;
mod page;
mod proxies;
mod random_kills;
mod reading;
mod readme;
mod replies;
mod report;
mod result_file;
mod resume;
mod run;
mod samples;
mod sandbox;
mod secrecy;
mod shard;
mod since;
mod storage_faults;
mod streams;
mod summary;
mod support_itself;
mod terminal;
mod tls;
mod usage;
mod verify;
mod version;

mod support;
