//! An nginx that runs while a test looks at it: an HTTP server and proxy that nobody here has written.

use crate::{Dir, PATIENCE};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Where Debian has it, for those whose PATH is without the system's programs.
const PROGRAM: &str = "/usr/sbin/nginx";

/// An nginx in one process. Killed when it is dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    ports: Vec<u16>,
    dir: Dir,
    /// The ports' other sockets.
    _reserved: Vec<OwnedFd>,
}

/// A free port of this machine, and a socket that keeps it from everybody but those who listen with
/// `reuseport`. It does not listen itself.
fn reserve() -> io::Result<(u16, OwnedFd)> {
    // SAFETY: the call takes numbers only; the descriptor it gives is nobody else's.
    let socket = unsafe {
        match libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) {
            number if number < 0 => return Err(io::Error::last_os_error()),
            number => OwnedFd::from_raw_fd(number),
        }
    };
    let (on, length) = (1i32, size_of::<i32>() as libc::socklen_t);
    let mut address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be() },
        sin_zero: [0; 8],
    };
    let mut size = size_of_val(&address) as libc::socklen_t;
    let number = socket.as_raw_fd();
    // SAFETY: the descriptor is open, and each pointer is to a value of the size that is told beside it.
    let failed = unsafe {
        libc::setsockopt(number, libc::SOL_SOCKET, libc::SO_REUSEPORT, (&raw const on).cast(), length) != 0
            || libc::bind(number, (&raw const address).cast(), size) != 0
            || libc::getsockname(number, (&raw mut address).cast(), &raw mut size) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok((u16::from_be(address.sin_port), socket)) }
}

impl Nginx {
    /// Starts it with so many ports; `servers` gets what follows `listen` for each, and makes the `server`
    /// blocks. Relative paths are in `dir`, where it also keeps what it needs. It accepts connections when
    /// this returns.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(dir: Dir, ports: usize, servers: impl FnOnce(&[String]) -> String) -> Self {
        let (ports, reserved): (Vec<u16>, Vec<OwnedFd>) =
            (0..ports).map(|_| reserve().expect("a free port")).unzip();
        let listen: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port} reuseport")).collect();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};\n", dir.text(&format!("temp-{name}"))));
        let config = format!(
            "daemon off; master_process off; pid {}; error_log stderr warn;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n{}\
             log_format test '$request_method $uri $status $connection $connection_requests $gzip_ratio $request_length';\n\
             access_log {} test;\n\
             default_type application/octet-stream;\n\
             client_max_body_size 0;\n{}\n}}\n",
            dir.text("pid"),
            temporary.concat(),
            dir.text("access.log"),
            servers(&listen)
        );
        dir.write("nginx.conf", config.as_bytes());
        let program = if Path::new(PROGRAM).exists() { PROGRAM } else { "nginx" };
        let mut command = Command::new(program);
        command.arg("-p").arg(dir.path()).arg("-e").arg("stderr").arg("-c").arg(dir.join("nginx.conf"));
        command.stdin(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("these tests want nginx, which `cargo xtask setup` installs: {program}: {error}")
        });
        let mut nginx = Self { child, ports, dir, _reserved: reserved };
        nginx.wait();
        nginx
    }

    /// Until all ports are open.
    fn wait(&mut self) {
        let until = Instant::now() + PATIENCE;
        let open = |port: &u16| TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], *port))).is_ok();
        while !self.ports.iter().all(open) {
            let ended = self.child.try_wait().expect("a child of ours");
            assert!(ended.is_none() && Instant::now() < until, "nginx does not start: {ended:?}");
            std::thread::yield_now();
        }
    }

    /// Its ports.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Its directory.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The access log so far: a line for each request that is over, with method, path, status, the
    /// connection's number, that of the request on it, how many times smaller gzip has made it (or `-`), and
    /// the request's length.
    pub fn log(&self) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.dir.join("access.log")).unwrap_or_default();
        text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
