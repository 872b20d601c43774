//! Accepts connections and serves the requests of each, until the server stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::reply::Reset;
use super::routes::{Server, router};

/// The most connections that wait to be accepted. Chosen: several times the highest concurrency of a client.
const BACKLOG: u32 = 1024;

/// The pause after a failed accept, most likely because no file descriptor is left. Chosen.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The most time that open connections get to end when the server stops. Chosen.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// Opens a port. Must be called within a runtime.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Without SO_REUSEADDR a port stays in use for a minute after the last run.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves every connection on a task of its own until the server stops.
pub(super) async fn serve(listener: TcpListener, max_head_wait: Duration, server: Arc<Server>) {
    let routes = router(Arc::clone(&server));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let served = serve_connection(stream, routes.clone(), max_head_wait, Arc::clone(&server));
                    drop(connections.spawn(served));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            // The set keeps the result of each task until the result is taken.
            Some(_) = connections.join_next() => {}
            () = server.closed() => break,
        }
    }
    // Connections that are open after the grace end with the set.
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, ended).await;
}

/// Serves the requests of one connection.
async fn serve_connection(stream: TcpStream, routes: Router, max_head_wait: Duration, server: Arc<Server>) {
    // Without TCP_NODELAY a small reply waits for more data. A failure makes the server slower and no more.
    let _ = stream.set_nodelay(true);
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(|request| {
        let replied = routes.call(request);
        async {
            let Ok(reply) = replied.await;
            if reply.extensions().get::<Reset>().is_some() { Err(Reset) } else { Ok(reply) }
        }
    });
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(max_head_wait);
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    let served = tokio::select! {
        served = &mut connection => served,
        () = server.closed() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    // The client sees every other error by itself. hyper reports an error of the service as a user error.
    if served.is_err_and(|error| error.is_user()) {
        // Closing a socket that must not linger sends a TCP reset instead of a FIN.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}
