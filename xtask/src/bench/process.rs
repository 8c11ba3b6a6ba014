//! A server under measurement: started, waited for, its processor time and memory read from /proc, ended.
//!
//! Knows Linux's /proc; knows nothing of what the server is.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::client::{Connection, Request};
use crate::util;

/// How long a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
    ended: bool,
}

/// Where ports are taken from: below those that the system gives to outgoing connections, one of which would
/// have taken a port until the server that it was picked for begins to listen.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port that nothing listens on at the moment, and that was not picked before if there are others.
pub fn free_port() -> Result<u16, String> {
    static NEXT: AtomicU16 = AtomicU16::new(PORTS.start);
    for _ in PORTS {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if port + 1 >= PORTS.end {
            NEXT.store(PORTS.start, Ordering::Relaxed);
        }
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(format!("no free port in {PORTS:?}"))
}

/// The address of a port on this machine.
pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The command, bound to one processor core where `core` says which.
pub fn pinned(program: &Path, core: Option<usize>) -> Command {
    match core {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(core.to_string()).arg(program);
            command
        }
        None => Command::new(program),
    }
}

impl Server {
    /// Starts the server, which is to listen on `port`, with what it prints in `log`. Does not wait for it.
    pub fn spawn(command: &mut Command, port: u16, log: &Path) -> Result<Server, String> {
        let fail = |error: std::io::Error| format!("cannot write {}: {error}", log.display());
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        let file = fs::File::create(log).map_err(fail)?;
        command.stdin(Stdio::null()).stdout(file.try_clone().map_err(fail)?).stderr(file);
        let child = command
            .spawn()
            .map_err(|error| format!("`{}` cannot be started: {error}", util::show(command)))?;
        Ok(Server { child, address: local(port), log: log.to_path_buf(), ended: false })
    }

    /// Waits until the server takes connections.
    pub fn wait_listening(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            match TcpStream::connect_timeout(&self.address, Duration::from_secs(1)) {
                Ok(_) => return Ok(()),
                Err(_) if begun.elapsed() < START_TIMEOUT => self.check_alive()?,
                Err(error) => {
                    return Err(format!("no connection to {}: {error}\n{}", self.address, self.said()));
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Asks until the first answer of status 200, as often as the machine allows without taking a core from
    /// the server; gives the time since `begun`.
    pub fn first_answer(&mut self, request: &Request, begun: Instant) -> Result<Duration, String> {
        loop {
            match Connection::open(self.address) {
                Ok(mut connection) => match connection.exchange(request) {
                    Ok(answer) if answer.status == 200 => return Ok(begun.elapsed()),
                    Ok(answer) => {
                        return Err(format!("the first answer was a {}\n{}", answer.status, self.said()));
                    }
                    Err(error) if begun.elapsed() > START_TIMEOUT => return Err(error),
                    Err(_) => {}
                },
                Err(error)
                    if error.kind() != ErrorKind::ConnectionRefused || begun.elapsed() > START_TIMEOUT =>
                {
                    return Err(format!("no connection to {}: {error}\n{}", self.address, self.said()));
                }
                Err(_) => {}
            }
            self.check_alive()?;
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    /// An error if the server has ended.
    pub fn check_alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                self.ended = true;
                Err(format!("the server ended: {status}\n{}", self.said()))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// The end of what the server printed.
    pub fn said(&self) -> String {
        let text =
            fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        util::indent(&util::last_lines(&text, 12))
    }

    /// The server's processes: the one started and all that descend from it.
    fn processes(&self) -> Vec<u32> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // `PID (name) state PPID …`: the name may hold anything, so count from its closing parenthesis.
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent =
                stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
            if let Some(parent) = parent {
                children.entry(parent).or_default().push(id);
            }
        }
        let mut all = vec![self.child.id()];
        let mut next = 0;
        while next < all.len() {
            all.extend(children.get(&all[next]).into_iter().flatten());
            next += 1;
        }
        all
    }

    /// Time on a processor so far in nanoseconds, of all threads alive of all the server's processes. Unlike
    /// `utime` and `stime`, which count ticks of 10 ms, the scheduler's own account is exact; it loses
    /// threads that ended, which none of the servers does under load.
    pub fn cpu_ns(&self) -> u64 {
        let mut total = 0;
        for id in self.processes() {
            for task in fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
                let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                total += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        total
    }

    /// Ticks of 10 ms so far in which the program ran, and in which the kernel ran for it.
    pub fn cpu_ticks(&self) -> Ticks {
        let mut ticks = Ticks { program: 0, kernel: 0 };
        for id in self.processes() {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            if let Some(more) = Ticks::read(&stat) {
                ticks.program += more.program;
                ticks.kernel += more.kernel;
            }
        }
        ticks
    }

    /// Memory now, of all the server's processes together.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for id in self.processes() {
            let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            for line in rollup.lines() {
                let mut words = line.split_whitespace();
                let (key, kb) =
                    (words.next().unwrap_or_default(), words.next().and_then(|kb| kb.parse::<u64>().ok()));
                match (key, kb) {
                    ("Rss:", Some(kb)) => memory.rss_kb += kb,
                    ("Pss:", Some(kb)) => memory.pss_kb += kb,
                    _ => {}
                }
            }
        }
        memory
    }

    /// Waits until the server has used next to no processor time for a while: garbage collection and
    /// background compilation have come to rest. Gives up after `limit`.
    pub fn wait_idle(&self, limit: Duration) {
        let begun = Instant::now();
        let mut quiet = 0;
        let mut before = self.cpu_ns();
        while quiet < 5 && begun.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.cpu_ns();
            // Less than before: a thread has ended.
            quiet = if now.checked_sub(before).is_some_and(|used| used < 1_000_000) { quiet + 1 } else { 0 };
            before = now;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Processor time of a process in ticks: `utime` and `stime` of /proc/PID/stat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks {
    pub program: u64,
    pub kernel: u64,
}

impl Ticks {
    fn read(stat: &str) -> Option<Ticks> {
        // `PID (name) state PPID …`: the name may hold anything. `utime` is the 14th field, the 12th after
        // the name.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse().ok();
        Some(Ticks { program: next()?, kernel: next()? })
    }

    /// What has come since an earlier reading.
    pub fn since(self, before: Ticks) -> Ticks {
        Ticks {
            program: self.program.saturating_sub(before.program),
            kernel: self.kernel.saturating_sub(before.kernel),
        }
    }
}

#[test]
fn ticks_are_read_behind_any_name() {
    let stat = "7 (a) b c) S 1 7 7 0 -1 4194304 0 0 0 0 123 45 0 0 20 0 9 0 1 0 0";
    let ticks = Ticks::read(stat).unwrap();
    assert_eq!(ticks, Ticks { program: 123, kernel: 45 });
    assert_eq!(ticks.since(Ticks { program: 100, kernel: 50 }), Ticks { program: 23, kernel: 0 });
    assert_eq!(Ticks::read("7 (a"), None);
}

/// Resident memory: everything mapped in (RSS), and with what is shared counted by its share (PSS), in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    pub rss_kb: u64,
    pub pss_kb: u64,
}
