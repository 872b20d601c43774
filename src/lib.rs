//! Sends a CSV of customers to Offerit.
pub mod customer;
pub mod input;
pub mod journal;
