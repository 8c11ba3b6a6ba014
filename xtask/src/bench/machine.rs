//! The machine that figures were measured on, and the day.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Cores, processor, kernel: as the operating system names them.
pub fn describe() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    let mhz = cpus
        .lines()
        .find_map(|line| line.strip_prefix("cpu MHz")?.split_once(':')?.1.trim().parse::<f64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // The version proper: what follows is each distribution's or machine's own.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kb: f64 = memory.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0.0);
    format!(
        "{} cores of {}{}, {:.0} GiB of memory, Linux {kernel}",
        cores(),
        model.unwrap_or("an unnamed processor"),
        mhz.map(|mhz| format!(" at {:.1} GHz", mhz / 1e3)).unwrap_or_default(),
        kb / 1024.0 / 1024.0
    )
}

/// How many cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Today, as `2026-11-22`, in UTC.
pub fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day of the Gregorian calendar, from days since 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month as u64 + 1, days + 1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn days_become_dates() {
        let dates = [0, 58, 59, 11_016, 20_454, 20_453].map(super::civil);
        assert_eq!(
            dates,
            [(1970, 1, 1), (1970, 2, 28), (1970, 3, 1), (2000, 2, 29), (2026, 1, 1), (2025, 12, 31)]
        );
    }
}
