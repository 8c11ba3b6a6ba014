//! The checkout's own server, for the suites that ask one: started when the first of them runs, ended with
//! the run.
//!
//! Knows the server's ports, names and certificates; nothing of tests. The ports are those that the checkout
//! takes by itself, since names of subtests have them in them: a second run on the same machine finds them
//! taken and says so.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::run::Program;
use crate::util;

/// What starts it.
const SCRIPT: &str = include_str!("serve.py");

/// The suites, or parts of their paths, that ask a server.
const SERVED: [&str; 6] =
    ["fetch/api", "fetch/content-encoding", "fetch/data-urls", "xhr", "websockets", "eventsource"];

/// The names that the tests reach it by. Those beyond are for browsers' views of sites.
const HOSTS: [&str; 9] = [
    "web-platform.test",
    "www.web-platform.test",
    "www1.web-platform.test",
    "www2.web-platform.test",
    "not-web-platform.test",
    "www.not-web-platform.test",
    "www1.not-web-platform.test",
    "www2.not-web-platform.test",
    "xn--lve-6lad.web-platform.test",
];

/// HTTP, HTTPS and WebSocket, as the tests' substitutions say them too.
const PORTS: [u16; 6] = [8000, 8001, 8443, 8444, 8666, 8667];

/// It reads its tests and makes certificates first; on a busy machine that takes a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a suite asks a server: it runs with one only.
pub fn serves(suite: &str) -> bool {
    SERVED
        .iter()
        .any(|part| suite == *part || suite.strip_prefix(part).is_some_and(|rest| rest.starts_with('/')))
}

/// The running server; dropping it ends it.
pub struct Server {
    child: Child,
    folder: PathBuf,
}

impl Server {
    pub fn start(root: &Path) -> Result<Self, String> {
        util::ensure_program("python3", "python3", "the server of web-platform-tests")?;
        util::ensure_program("openssl", "openssl", "the certificates of web-platform-tests")?;
        name_hosts()?;
        for port in PORTS {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .map_err(|error| format!("the server of web-platform-tests wants port {port}: {error}"))?;
        }
        let folder = util::target_dir().join("wpt-server");
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let config = folder.join("config.json");
        util::write_whole(&config, &mut configuration(&folder).to_string().as_bytes())?;
        let path = folder.join("log");
        let log = File::create(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        let copy = log.try_clone().map_err(|error| error.to_string())?;
        let script = folder.join("serve.py");
        util::write_whole(&script, &mut SCRIPT.as_bytes())?;
        let child = Command::new("python3")
            .args([&script, root, &config])
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(copy)
            .spawn()
            .map_err(|error| format!("cannot start python3: {error}"))?;
        let mut server = Self { child, folder };
        server.wait(&path)?;
        util::say(&format!("the server of web-platform-tests is there (log: {})", path.display()));
        Ok(server)
    }

    /// Until all ports are open.
    fn wait(&mut self, log: &Path) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        let open = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
        while !PORTS.iter().all(open) {
            let over = self.child.try_wait().ok().flatten();
            if over.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = said.lines().rev().take(12).collect();
                let lines: Vec<&str> = lines.into_iter().rev().collect();
                return Err(format!(
                    "the server of web-platform-tests did not start:\n{}",
                    util::indent(&lines.join("\n"))
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Has a program trust the server's authority, each in its own way.
    pub fn trust(&self, program: &mut Program) {
        let authority = self.folder.join("certs/cacert.pem");
        for name in ["SSL_CERT_FILE", "DENO_CERT", "NODE_EXTRA_CA_CERTS"] {
            program.environment.push((name, authority.clone()));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input ends it, with the processes that it has started.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path) -> serde_json::Value {
    json!({
        "ports": {
            "http": [8000, 8001], "https": [8443, 8444], "ws": [8666], "wss": [8667],
            "http-private": ["auto"], "http-public": ["auto"], "https-private": ["auto"], "https-public": ["auto"],
            "webtransport-h3": []
        },
        "check_subdomains": false,
        "server_host": "127.0.0.1",
        // The certificates that come with a checkout have long expired.
        "ssl": { "type": "openssl", "openssl": { "base_path": folder.join("certs") } },
    })
}

/// Sees to it that the names lead here: by a line in the hosts file.
fn name_hosts() -> Result<(), String> {
    let is_here = |host: &&&str| {
        let mut found = (**host, 0).to_socket_addrs().into_iter().flatten();
        found.any(|address| address.ip() == Ipv4Addr::LOCALHOST)
    };
    let missing: Vec<&str> = HOSTS.iter().filter(|host| !is_here(host)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("127.0.0.1 {}", missing.join(" "));
    let file = File::options().append(true).open("/etc/hosts");
    file.and_then(|mut file| writeln!(file, "{line}"))
        .map_err(|error| format!("web-platform-tests want this line in /etc/hosts ({error}):\n{line}"))?;
    util::say(&format!("added to /etc/hosts: {line}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_that_ask_a_server_are_known() {
        for suite in ["fetch/api", "fetch/api/basic", "xhr/formdata", "websockets", "eventsource"] {
            assert!(serves(suite), "{suite}");
        }
        for suite in ["url", "fetch/apiary", "streams", "FileAPI"] {
            assert!(!serves(suite), "{suite}");
        }
    }
}
