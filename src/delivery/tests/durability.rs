//! Records and slots when the disk or the program fails.

use super::*;
use crate::journal::{self, Storage, Writer};
use futures::FutureExt;

/// A log whose disk fails at its n-th batch.
struct FailingLog {
    left: u32,
}

impl Log for FailingLog {
    fn submit(&mut self, _: Vec<u8>) {
        self.left -= 1;
    }

    fn poll_durable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        Poll::Ready(if self.left == 0 { Err(io::Error::other("disk full")) } else { Ok(Vec::new()) })
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_write_nothing_more_is_sent() {
    let server = Simulated::new(|_| (SECOND / 10, updated()));
    let (_, silent) = unbounded_channel::<Interrupt>();
    let log = FailingLog { left: 3 };
    let ending =
        deliver(&settings("10", 1), &server, log, Rows::distinct(100), silent, Notices::default()).await;
    assert!(matches!(ending.stop, Some(Stop::Storage(_))));
    // The fourth row had left when the record of the third row was lost.
    assert_eq!((server.account().len(), ending.tally.recorded()), (4, 2));
}

/// A storage in memory that can be read after the run.
#[derive(Clone, Default)]
struct Memory(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Storage for Memory {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server whose transport panics for one row.
struct PanickingTransport {
    server: Simulated,
    row: u64,
}

impl Transport for PanickingTransport {
    async fn attempt(&self, request: &Request, events: &dyn AttemptEvents) -> Attempt {
        assert!(request.update.get(Parameter::City) != Some(&self.row.to_string()), "a bug, on purpose");
        self.server.attempt(request, events).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_one_row_costs_no_other_row_its_record() {
    let limits = settings("unlimited", 4);
    let open_rows = limits.open_rows() as u64;
    let (memory, server) = (Memory::default(), Simulated::new(|_| (SECOND / 10, updated())));
    let transport = PanickingTransport { server, row: 60 };
    let (_, silent) = unbounded_channel::<Interrupt>();
    let writer = Writer::start(memory.clone()).unwrap();
    let run = deliver(&limits, &transport, writer, Rows::distinct(100), silent, Notices::default());
    assert!(std::panic::AssertUnwindSafe(run).catch_unwind().await.is_err(), "it must not look like an end");

    // The writer has written the records that were submitted before the panic, and no others.
    let file = [journal::HEADER.as_bytes(), &memory.0.lock().unwrap()].concat();
    let (marks, tail) = journal::scan("r".as_ref(), file.as_slice(), journal::Keep::Fingerprint).unwrap();
    assert_eq!(tail.torn, 0);
    let sent: Vec<u64> = transport.server.account().iter().map(|seen| seen.row).collect();
    for row in 1..=100 {
        let is_done = marks.is_done(row, Fingerprint(row));
        assert!(!is_done || sent.contains(&row), "row {row}");
        assert!(is_done || row + open_rows > 60, "row {row} was done long before");
    }
    assert!(marks.get(60).is_none());
}

/// A log whose batches never become durable.
struct StuckLog;

impl Log for StuckLog {
    fn submit(&mut self, _: Vec<u8>) {}

    fn poll_durable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_only_free_once_its_record_is_durable() {
    let server = Simulated::new(|_| (SECOND / 10, updated()));
    let (_, silent) = unbounded_channel::<Interrupt>();
    let limits = settings("unlimited", 4);
    let run = deliver(&limits, &server, StuckLog, Rows::distinct(1000), silent, Notices::default());
    assert!(tokio::time::timeout(3600 * SECOND, run).await.is_err());
    assert_eq!(server.account().len(), MIN_OPEN_ROWS);
}

#[tokio::test(start_paused = true)]
async fn records_go_to_the_disk_together_while_nobody_waits_for_them() {
    let server = Simulated::new(|_| (SECOND / 1000, updated()));
    let (_, lines) = run(&settings("1000", 64), &server, Rows::distinct(3000)).await;
    assert_eq!(lines.count("updated"), 3000);
    // A batch every 90 ms, and a few at the end, when no rows are left to send.
    assert!((30..50).contains(&lines.batches.get()), "{} batches", lines.batches.get());
}

#[tokio::test(start_paused = true)]
async fn no_row_waits_for_the_records_of_others_to_gather() {
    // Rows of one customer: each row waits for the record of the row before.
    let server = Simulated::new(|_| (SECOND / 100, updated()));
    let rows = Rows::of((0..100).map(|_| ("1".to_owned(), String::new())));
    run(&settings("unlimited", 16), &server, rows).await;
    assert!(server.span() <= 100 * SECOND / 100 + SECOND / 10, "{:?}", server.span());
    // Rows of many customers: no row lacks a slot while records are on their way to the disk.
    let server = Simulated::new(|_| (SECOND / 500, updated()));
    let (_, silent) = unbounded_channel::<Interrupt>();
    let (limits, rows) = (settings("unlimited", 16), Rows::distinct(16_000));
    deliver(&limits, &server, SlowLog::default(), rows, silent, Notices::default()).await;
    assert!(server.span() <= 2 * SECOND + SECOND / 10, "{:?}", server.span());
}

/// A log with a slow disk.
#[derive(Default)]
struct SlowLog(Option<Pin<Box<Sleep>>>);

impl Log for SlowLog {
    fn submit(&mut self, _: Vec<u8>) {
        self.0 = Some(Box::pin(sleep(SECOND / 250)));
    }

    fn poll_durable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        self.0.as_mut().unwrap().as_mut().poll(context).map(|()| Ok(Vec::new()))
    }
}
