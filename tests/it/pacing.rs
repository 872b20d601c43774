//! The rate and the places in flight, as the server sees them.

use crate::support::{self, INPUT, Offerit, Reply, Server, table};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The most arrivals in a second but for thirty milliseconds: so late may the server's threads see one arrive when
/// the machine is busy, which is no matter of the program.
fn busiest(server: &Server) -> usize {
    let mut times: Vec<Instant> = server.requests().iter().map(|request| request.arrived).collect();
    times.sort_unstable();
    let window = Duration::from_millis(970);
    let count = |start: usize| times[start..].iter().take_while(|end| **end - times[start] < window).count();
    (0..times.len()).map(count).max().unwrap_or(0)
}

/// Answers that take unequally long, some of them not at all well.
fn jittery(number: usize) -> Reply {
    let reply = if number % 17 == 5 { Reply::new(503) } else { Reply::updated() };
    reply.after(Duration::from_millis((number as u64 * 7) % 23))
}

#[test]
fn no_second_at_the_server_is_above_the_rate() {
    support::alone();
    for (rate, count) in [("5", 12), ("50/s", 130), ("500", 1300)] {
        let server = Server::start(|_, number| jittery(number));
        let offerit = Offerit::job(&server, table(1..=count));
        let job = ["run", INPUT, "--rate", rate, "--concurrency", "32", "--no-adapt", "--max-attempts", "20"];
        offerit.run(&job).expect_code(0);
        let limit: usize = rate.trim_end_matches("/s").parse().expect("a number");
        let busiest = busiest(&server);
        assert!(busiest <= limit, "{busiest} in one second at {rate}");
        assert!(busiest * 10 >= limit * 8, "only {busiest} in the best second at {rate}");
        assert!(server.most_in_flight() <= 32);
        assert!(server.count() > count as usize, "retries are among them");
    }
}

#[test]
fn a_minutes_rate_is_spread_over_the_minute() {
    support::alone();
    let server = Server::start(|_, _| Reply::updated());
    let offerit = Offerit::job(&server, table(1..=16));
    offerit.run(&["run", INPUT, "--rate", "300/m"]).expect_code(0);
    // Five a second, and what a late wake-up may make up for.
    let busiest = server.busiest_second();
    assert!((4..=7).contains(&busiest), "{busiest} in one second at 300/m");
    let requests = server.requests();
    let took = requests[15].arrived.duration_since(requests[0].arrived);
    assert!(took >= Duration::from_millis(2500), "16 within {took:?}");
}

/// How often the kernel has knocked again for each connection to a port that has not been let in.
fn knocking_at(port: u16) -> Vec<u32> {
    const SYN_SENT: &str = "02";
    let port = format!(":{port:04X}");
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table of sockets");
    let fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let knocking = fields.filter(|fields| fields[2].ends_with(&port) && fields[3] == SYN_SENT);
    knocking.map(|fields| u32::from_str_radix(fields[6], 16).expect("a number")).collect()
}

/// The kernel lets all in together that knocked at a full queue of connections together.
#[test]
fn connections_that_are_let_in_together_bring_no_second_above_the_rate() {
    support::alone();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("the address listened on");
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
    }
    let offerit = Offerit::with_credentials(&format!("http://{address}"));
    offerit.input(INPUT, table(1..=60));
    let child = offerit.spawn(&["run", INPUT, "--rate", "10/s", "--concurrency", "32", "--no-adapt"]);
    let began = Instant::now();
    // The second knock is a second after the first, the third two seconds later: in the second after that come those
    // of the first second, of the third, and whoever is new.
    while !knocking_at(address.port()).contains(&2) {
        assert!(began.elapsed() < Duration::from_secs(60), "the program does not connect");
        std::thread::yield_now();
    }
    assert_eq!(knocking_at(address.port()).len(), 10, "no more may be under way");
    let server = Server::start_on(listener, |_, _| Reply::updated());
    drop(queue);
    child.wait().expect_code(0);
    let busiest = busiest(&server);
    assert!(busiest <= 10, "{busiest} in one second at 10/s");
    assert_eq!(server.count(), 60);
}

#[test]
fn after_a_stop_there_is_no_burst() {
    support::alone();
    let server = Server::start(|_, _| Reply::updated().after(Duration::from_millis(5)));
    let offerit = Offerit::job(&server, table(1..=150));
    let child = offerit.spawn(&["run", INPUT, "--rate", "50/s", "--no-adapt"]);
    server.wait_for(25);
    child.signal("STOP");
    // The process stands still: there is nobody to wait for but the clock.
    std::thread::sleep(Duration::from_secs(3));
    child.signal("CONT");
    child.wait().expect_code(0);
    let busiest = busiest(&server);
    assert!(busiest <= 50, "{busiest} in one second at 50/s");
    assert_eq!(server.count(), 150);
}

#[test]
fn replies_that_come_while_it_stands_still_count_however_long_that_is() {
    support::alone();
    let server = Server::start(|_, _| Reply::updated().after(Duration::from_millis(300)));
    let offerit = Offerit::job(&server, table(1..=60));
    let arguments = ["run", INPUT, "--rate", "50/s", "--no-adapt", "--timeout", "1s", "--max-attempts", "1"];
    let child = offerit.spawn(&arguments);
    server.wait_for(30);
    child.signal("STOP");
    // The process stands still: there is nobody to wait for but the clock.
    std::thread::sleep(Duration::from_secs(3));
    child.signal("CONT");
    child.wait().expect_code(0);
    assert_eq!((server.count(), offerit.rows_in_sync().len()), (60, 60));
}

#[test]
fn never_more_are_in_flight_than_allowed_though_they_are_tried_again() {
    support::alone();
    for concurrency in [1, 6] {
        let server = Server::start(|_, number| match number % 19 {
            2 => Reply::reset(),
            4 => Reply::close().after(Duration::from_millis(3)),
            _ => jittery(number),
        });
        let offerit = Offerit::job(&server, table(1..=100));
        let arguments = ["--concurrency", &concurrency.to_string(), "--max-attempts", "50", "--no-adapt"];
        offerit.send(&arguments).expect_code(0);
        assert!(server.most_in_flight() <= concurrency, "{} of {concurrency}", server.most_in_flight());
    }
}

/// A server that admits so many in any second and says 429 to the others, and how often it did.
fn limited(admits: usize) -> (Server, Arc<AtomicUsize>) {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let admitted = Mutex::new(VecDeque::<Instant>::new());
    let server = Server::start(move |_, _| {
        let now = Instant::now();
        let mut admitted = admitted.lock().expect("no panic");
        while admitted.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            admitted.pop_front();
        }
        if admitted.len() < admits {
            admitted.push_back(now);
            return Reply::updated();
        }
        count.fetch_add(1, Ordering::SeqCst);
        Reply::new(429)
    });
    (server, refused)
}

#[test]
fn a_server_that_admits_less_is_hardly_asked_for_more() {
    support::alone();
    let (server, refused) = limited(80);
    let offerit = Offerit::job(&server, table(1..=420));
    offerit.run(&["run", INPUT, "--rate", "300/s", "--max-attempts", "20"]).expect_code(0);
    assert_eq!(offerit.outcomes().values().filter(|record| record.status == "updated").count(), 420);
    let (refused, all) = (refused.load(Ordering::SeqCst), server.count());
    assert!(refused > 0 && refused * 10 < all, "{refused} of {all} refused");
}

#[test]
fn one_429_halves_the_rate_and_no_more() {
    support::alone();
    let server = Server::start(|_, number| if number == 0 { Reply::new(429) } else { Reply::updated() });
    let offerit = Offerit::job(&server, table(1..=400));
    let child = offerit.spawn(&["run", INPUT, "--rate", "200/s", "--concurrency", "2"]);
    server.wait_for(20);
    child.kill();
    let busiest = server.busiest_second();
    assert!(busiest >= 12, "at most {busiest} a second after one 429, of 200");
}

#[test]
fn who_asks_for_no_adaptation_gets_none() {
    support::alone();
    let server = Server::start(|_, number| if number < 9 { Reply::new(429) } else { Reply::updated() });
    let offerit = Offerit::job(&server, table(1..=150));
    let job = ["run", INPUT, "--rate", "100/s", "--no-adapt", "--max-attempts", "20", "--concurrency", "2"];
    offerit.run(&job).expect_code(0);
    // Nine refusals would bring an adapting run down to a few a second; a slow machine does not.
    let busiest = server.busiest_second();
    assert!((40..=100).contains(&busiest), "{busiest} in one second at 100/s");
}
