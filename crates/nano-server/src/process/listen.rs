//! The listening sockets, one for each worker thread: bound here, or handed over by a service manager that
//! has bound them (`LISTEN_FDS`, as systemd's socket activation has it).

use crate::error::ServeError;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd, RawFd};

/// Connections that wait to be accepted, for each thread.
pub(crate) const BACKLOG: i32 = 4096;

/// The first descriptor that a service manager hands over.
const FIRST_PASSED: RawFd = 3;

/// The sockets of all workers.
pub(crate) struct Listeners {
    pub(crate) sockets: Vec<Socket>,
    /// Where they listen.
    pub(crate) address: SocketAddr,
}

/// A listening socket for each thread: what a service manager has handed over, else sockets at the address.
pub(crate) fn open(address: SocketAddr, threads: usize) -> Result<Listeners, ServeError> {
    let variable = |name: &str| std::env::var(name).ok()?.parse::<i64>().ok();
    let passed = passed_count(std::process::id(), variable("LISTEN_PID"), variable("LISTEN_FDS"));
    if passed > 0 { adopt(passed, threads) } else { bind_all(address, threads) }
}

/// How many sockets were handed over to this very process.
fn passed_count(me: u32, pid: Option<i64>, count: Option<i64>) -> usize {
    match (pid, count) {
        (Some(pid), Some(count)) if pid == i64::from(me) && count > 0 => usize::try_from(count).unwrap_or(0),
        _ => 0,
    }
}

fn adopt(count: usize, threads: usize) -> Result<Listeners, ServeError> {
    let failed = |error| ServeError::System("use the socket that the service manager has handed over", error);
    let mut passed = Vec::with_capacity(count);
    for index in 0..count {
        // SAFETY: the service manager has opened these descriptors for this process (LISTEN_PID is its id)
        // and no other code here knows them; this function is called once, before any thread is started.
        let socket = unsafe { Socket::from_raw_fd(FIRST_PASSED + index as RawFd) };
        socket.set_cloexec(true).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        // Inherited by what is accepted.
        socket.set_tcp_nodelay(true).map_err(failed)?;
        passed.push(socket);
    }
    let address = passed[0].local_addr().map_err(failed)?.as_socket();
    let address =
        address.ok_or_else(|| failed(io::Error::other("it is no socket of the Internet protocols")))?;
    let mut sockets = Vec::with_capacity(threads);
    for index in 0..threads {
        sockets.push(passed[index % passed.len()].try_clone().map_err(failed)?);
    }
    Ok(Listeners { sockets, address })
}

fn bind_all(address: SocketAddr, threads: usize) -> Result<Listeners, ServeError> {
    if address.port() != 0 {
        // The sockets below share their port with each other, and would with another server's: whether there
        // is one is found out first, by a socket that does not share.
        bind(address, false).map_err(|error| ServeError::Listen(address, error))?;
    }
    let mut address = address;
    let mut sockets = Vec::with_capacity(threads);
    for index in 0..threads {
        // Clients may connect to the first socket from now on, and wait; to the others when their workers are
        // there (`work`).
        let socket = bind(address, true)
            .and_then(|socket| if index == 0 { socket.listen(BACKLOG).map(|()| socket) } else { Ok(socket) })
            .map_err(|error| ServeError::Listen(address, error))?;
        if let Some(bound) = socket.local_addr().ok().and_then(|bound| bound.as_socket()) {
            // A port that was picked is for all of them.
            address = bound;
        }
        sockets.push(socket);
    }
    Ok(Listeners { sockets, address })
}

fn bind(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    #[cfg(target_os = "linux")]
    socket.set_reuse_port(share)?;
    // Inherited by what is accepted: no call for each connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::passed_count;

    #[test]
    fn sockets_are_taken_only_by_whom_they_were_handed_to() {
        assert_eq!(passed_count(7, Some(7), Some(2)), 2);
        assert_eq!(passed_count(7, Some(8), Some(2)), 0);
        assert_eq!(passed_count(7, None, Some(2)), 0);
        assert_eq!(passed_count(7, Some(7), Some(-1)), 0);
        assert_eq!(passed_count(7, Some(7), None), 0);
    }
}
