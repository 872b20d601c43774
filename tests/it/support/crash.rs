//! A job of few customers with many rows each, and what must hold of it whatever ended its runs.

use super::command::Offerit;
use super::reply::Reply;
use super::request::Request;
use super::result;
use super::server::Server;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;

/// A job that is ended and resumed, and its server.
pub struct Broken {
    /// Its folder.
    pub offerit: Offerit,
    /// Keeps the account that counts.
    pub server: Server,
    rows: u64,
    open_rows: usize,
    /// Rows that were in sync before there was this server.
    adopted: HashSet<u64>,
    /// The result file's path, from the folder.
    result: String,
}

/// So many rows over so many customers: the city is the row's number.
pub fn table_of_customers(rows: u64, customers: u64) -> String {
    let row = |row: u64| format!("{},{row}\n", row % customers + 1);
    "customer_id,city\n".to_owned() + &(1..=rows).map(row).collect::<String>()
}

/// The row that a request is of.
#[track_caller]
pub fn row_of(request: &Request) -> u64 {
    request.field("city").and_then(|city| city.parse().ok()).expect("a row of the table")
}

impl Broken {
    /// A job over five customers that runs with this concurrency, against a server that confirms everything.
    #[track_caller]
    pub fn job(rows: u64, concurrency: usize) -> Self {
        Self::job_with(rows, concurrency, |_, _| Reply::updated())
    }

    /// A job over five customers that runs with this concurrency.
    #[track_caller]
    pub fn job_with(
        rows: u64,
        concurrency: usize,
        script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let server = Server::start(script);
        let offerit = Offerit::job(&server, table_of_customers(rows, 5));
        let result = super::RESULT.to_owned();
        Self { offerit, server, rows, open_rows: 4 * concurrency, adopted: HashSet::new(), result }
    }

    /// Takes the result file of another job over the same table: another server confirmed those rows.
    #[track_caller]
    pub fn adopt(&mut self, bytes: &[u8]) {
        self.offerit.input(&self.result, bytes);
        self.adopted = self.rows_in_sync().into_iter().collect();
    }

    /// The job with its result file at another place.
    pub fn with_result(mut self, path: &str) -> Self {
        self.result = path.to_owned();
        self
    }

    /// The rows that were sent, in their order.
    #[track_caller]
    pub fn sent(&self) -> Vec<u64> {
        self.server.requests().iter().map(row_of).collect()
    }

    /// How many rows were sent and which are in sync by the file, now that a run has ended.
    #[track_caller]
    pub fn state(&self) -> (usize, Vec<u64>) {
        self.server.settle();
        (self.server.count(), self.rows_in_sync())
    }

    /// The rows in sync by the whole lines of the file.
    #[track_caller]
    pub fn rows_in_sync(&self) -> Vec<u64> {
        self.offerit.rows_in_sync_of(&self.result)
    }

    /// Asserts what must hold after a run that any end was put to: what is in sync was sent, all but the open rows
    /// of what was sent are in sync, and no row of a customer came before an older one.
    #[track_caller]
    pub fn assert_recorded(&self, what: impl Display) {
        let (sent, in_sync) = (self.sent(), self.rows_in_sync());
        let distinct: HashSet<_> = sent.iter().copied().collect();
        let is_known = |row| distinct.contains(row) || self.adopted.contains(row);
        assert!(in_sync.iter().all(is_known), "{what}: in sync and never sent: {in_sync:?}");
        let lost = distinct.iter().filter(|row| !in_sync.contains(row)).count();
        assert!(lost <= self.open_rows, "{what}: {lost} rows were sent and have no record");
        let mut last: HashMap<String, u64> = HashMap::new();
        for request in self.server.requests() {
            let row = row_of(&request);
            let before = last.insert(request.field("customer_id").expect("an id"), row);
            assert!(before.is_none_or(|before| before <= row), "{what}: out of order: {sent:?}");
        }
    }

    /// Asserts what must hold of the runs since a state: nothing that was in sync then was sent again, and of the
    /// others that were sent before no more than were open.
    #[track_caller]
    pub fn assert_repeats_little(&self, (before, in_sync): &(usize, Vec<u64>), what: impl Display) {
        let sent = self.sent();
        let (earlier, now) = sent.split_at(*before);
        let again: HashSet<_> = now.iter().filter(|row| earlier.contains(row)).collect();
        assert!(
            now.iter().all(|row| !in_sync.contains(row)),
            "{what}: in sync and sent again: {now:?}, {in_sync:?}"
        );
        assert!(again.len() <= self.open_rows, "{what}: {} rows were sent again: {again:?}", again.len());
    }

    /// Asserts that every row is in sync, by a file that is read strictly, and was sent.
    #[track_caller]
    pub fn assert_complete(&self, what: impl Display) {
        let outcomes = result::last_by_row(&result::read(self.offerit.path(&self.result)));
        assert!(outcomes.keys().copied().eq(1..=self.rows), "{what}: {:?}", outcomes.keys());
        assert!(outcomes.values().all(result::Record::is_in_sync), "{what}");
        self.assert_recorded(&what);
        let sent: HashSet<u64> = self.sent().into_iter().chain(self.adopted.iter().copied()).collect();
        assert_eq!(sent.len() as u64, self.rows, "{what}: some rows were never sent");
    }
}
