//! What the system says of a process.

use std::io;

/// Memory, file descriptors and threads of a process, as /proc has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The most memory it ever had, in bytes (VmHWM).
    pub peak: u64,
    /// Memory now, in bytes (VmRSS).
    pub resident: u64,
    /// Open file descriptors.
    pub files: usize,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// Of the process with this id; `None` if there is none (or it is a zombie, which has no memory).
    pub fn of(id: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let files = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?.count();
        Some(Self {
            peak: field("VmHWM")? << 10,
            resident: field("VmRSS")? << 10,
            files,
            threads: field("Threads")?,
        })
    }
}

/// Lets this process (and those it starts) open as many files as the system allows it; returns how many.
///
/// # Errors
///
/// If the system does not say.
pub fn raise_file_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is a valid limit, below the hard one.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}
