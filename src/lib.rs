//! Sends a CSV of customers to Offerit, one rate-limited `PATCH` per row. One result file is the job's whole memory: after any
//! end of a run, the next run continues from that file.
//!
//! Each module contains one idea and imports only from the modules below it:

pub mod cli;
pub mod config;
pub mod commands;
pub mod exit;
pub mod report;
pub mod delivery;
pub mod check;
pub mod plan;
pub mod resume;
pub mod journal;
pub mod offerit;
pub mod input;
pub mod customer;
pub mod text;
pub mod sandbox;
