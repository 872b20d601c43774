//! A job as most tests run it: a table, a server, credentials in the environment, no limit to the rate.

use super::command::{Child, Offerit, Output};
use super::request::Request;
use super::result::{self, Record};
use super::server::Server;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

/// The user name that jobs show.
pub const USERNAME: &str = "admin-of-tests";
/// The key that jobs show. Found anywhere else than in the request's header, it has leaked.
pub const KEY: &str = "k3y-44b5498dbcb481a0";
/// The input of jobs.
pub const INPUT: &str = "customers.csv";
/// The result file of jobs, where no other is named.
pub const RESULT: &str = "customers.result.csv";

impl Offerit {
    /// A folder with a table, and the server and its credentials in the environment.
    #[track_caller]
    pub fn job(server: &Server, table: impl AsRef<[u8]>) -> Self {
        let offerit = Self::with_credentials(&server.url());
        offerit.input(INPUT, table);
        offerit
    }

    /// An empty folder, and a base URL and credentials in the environment.
    pub fn with_credentials(url: &str) -> Self {
        Self::new().env("OFFERIT_URL", url).env("OFFERIT_API_USERNAME", USERNAME).env("OFFERIT_API_KEY", KEY)
    }

    /// Sends the table, with these arguments besides.
    #[track_caller]
    pub fn send(&self, more: &[&str]) -> Output {
        self.run(&sending(more))
    }

    /// Starts to send the table, with these arguments besides.
    #[track_caller]
    pub fn start_sending(&self, more: &[&str]) -> Child {
        self.spawn(&sending(more))
    }

    /// Every record of the result file, read strictly.
    #[track_caller]
    pub fn records(&self) -> Vec<Record> {
        result::read(self.path(RESULT))
    }

    /// The record that counts of each row.
    #[track_caller]
    pub fn outcomes(&self) -> BTreeMap<u64, Record> {
        result::last_by_row(&self.records())
    }

    /// The bytes of the result file.
    #[track_caller]
    pub fn result_bytes(&self) -> Vec<u8> {
        fs::read(self.path(RESULT)).expect("a result file")
    }

    /// The rows that are in sync by the whole lines of a file that a crash may have cut.
    #[track_caller]
    pub fn rows_in_sync(&self) -> Vec<u64> {
        self.rows_in_sync_of(RESULT)
    }

    /// The same of a result file at another place.
    #[track_caller]
    pub fn rows_in_sync_of(&self, result: &str) -> Vec<u64> {
        let bytes = fs::read(self.path(result)).unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole == 0 {
            return Vec::new();
        }
        let records = result::parse(&bytes[..whole]).expect("whole records");
        let last = result::last_by_row(&records).into_values();
        last.filter(Record::is_in_sync).map(|record| record.row).collect()
    }
}

fn sending<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["run", INPUT, "--rate", "unlimited"], more].concat()
}

/// A table of plain rows: the customer's id is the row's number.
pub fn table(rows: RangeInclusive<u64>) -> String {
    let row = |number| format!("{number},City {number}\n");
    "customer_id,city\n".to_owned() + &rows.map(row).collect::<String>()
}

/// The customer ids of requests, in their order.
#[track_caller]
pub fn customers(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| request.field("customer_id").unwrap_or_default()).collect()
}

/// The customer ids of requests as rows of [`table`], in their order.
#[track_caller]
pub fn rows(requests: &[Request]) -> Vec<u64> {
    customers(requests).iter().map(|id| id.parse().expect("a row of the table")).collect()
}

/// Counts how often a script met each customer, to answer the first time otherwise than later.
#[derive(Default)]
pub struct Visits(Mutex<HashMap<String, usize>>);

impl Visits {
    /// How often this customer came before, and counts this time.
    pub fn before(&self, request: &Request) -> usize {
        let customer = request.field("customer_id").unwrap_or_default();
        let mut visits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = visits.entry(customer).or_default();
        *count += 1;
        *count - 1
    }
}
