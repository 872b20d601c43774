//! Sends a CSV of customers to Offerit, one rate-limited `PATCH` a row, and keeps the job's whole memory in one
//! result file: whatever happens to a run, the next one goes on from that file.
//!
//! Each module is one idea and imports only from those below it:

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
