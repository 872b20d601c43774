//! Rows that are only recorded: their records need no slot and go to the disk in large batches.

use super::*;
use crate::journal::unsent_together;

/// A slow disk that keeps the sizes of its batches.
#[derive(Default, Clone)]
struct SlowDisk {
    lines: Lines,
    busy: Rc<RefCell<Option<Pin<Box<Sleep>>>>>,
    /// For each batch, its rows, and its rows that were not sent.
    batches: Rc<RefCell<Vec<(usize, usize)>>>,
}

impl Log for SlowDisk {
    fn submit(&mut self, batch: Vec<u8>) {
        let text = String::from_utf8(batch.clone()).unwrap();
        let unsent = text.lines().filter(|line| line.split(',').nth(6) == Some("0")).count();
        self.batches.borrow_mut().push((text.lines().count(), unsent));
        self.busy.replace(Some(Box::pin(sleep(SECOND / 250))));
        self.lines.submit(batch);
    }

    fn poll_durable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        let is_done = self.busy.borrow_mut().as_mut().unwrap().as_mut().poll(context).is_ready();
        if is_done { self.lines.poll_durable(context) } else { Poll::Pending }
    }
}

/// `count` rows. Rows whose number is a multiple of `every` are sent; the others are recorded.
fn mostly_unchanged(count: u64, every: u64, error: &str) -> Rows {
    let mut rows = Rows::distinct(count);
    for job in rows.0.as_mut().unwrap().iter_mut().filter(|job| !job.row.is_multiple_of(every)) {
        job.work = Work::Record {
            customer_id: job.row.to_string(),
            subscription_id: String::new(),
            status: Status::Unchanged,
            error: error.to_owned(),
        };
    }
    rows
}

async fn deliver_to_slow_disk(concurrency: usize, rows: Rows) -> (SlowDisk, Simulated) {
    let server = Simulated::new(|_| (SECOND / 100, updated()));
    let (disk, (_, silent)) = (SlowDisk::default(), unbounded_channel::<Interrupt>());
    let limits = settings("unlimited", concurrency);
    let ending = deliver(&limits, &server, disk.clone(), rows, silent, Notices::default()).await;
    assert!(ending.stop.is_none(), "{:?}", ending.stop);
    (disk, server)
}

#[tokio::test(start_paused = true)]
async fn unsent_rows_go_to_the_disk_in_batches_of_thousands() {
    let (disk, server) = deliver_to_slow_disk(4, mostly_unchanged(40_000, 1000, "")).await;
    assert_eq!((disk.lines.count("unchanged"), disk.lines.count("updated")), (39_960, 40));
    assert_eq!(server.account().len(), 40);
    let batches = disk.batches.borrow().len();
    assert!(batches < 120, "{batches} syncs");
}

#[tokio::test(start_paused = true)]
async fn no_batch_exceeds_the_loss_that_a_resumed_run_accepts() {
    for every in [2, 30, 1000] {
        let (disk, _) = deliver_to_slow_disk(4, mostly_unchanged(20_000, every, "")).await;
        let mut durable = 0;
        for (rows, unsent) in disk.batches.borrow().iter() {
            let most = MIN_OPEN_ROWS as u64 + unsent_together(durable);
            assert!(*rows as u64 <= most, "{rows} rows are unsynced, {most} may be");
            durable += *unsent as u64;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn long_records_do_not_fill_the_memory() {
    let error = "e".repeat(600);
    let (disk, _) = deliver_to_slow_disk(4, mostly_unchanged(20_000, 1000, &error)).await;
    let most = disk.batches.borrow().iter().map(|(rows, _)| *rows).max().unwrap();
    assert!((500..900).contains(&most), "{most} rows in one batch");
    assert_eq!(disk.lines.count("unchanged"), 19_980);
}
