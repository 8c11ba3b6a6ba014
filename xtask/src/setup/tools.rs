//! Programs and npm packages that the black-box tests use.

use crate::util::{ensure_npm, ensure_program, workspace_root};
use std::path::Path;

/// The programs that tests talk to.
pub fn programs() -> Result<(), String> {
    ensure_program("chromium", "chromium", "testing the administration's page")?;
    // Debian keeps it where PATH has it for root only.
    if Path::new("/usr/sbin/nginx").exists() {
        return Ok(());
    }
    ensure_program("nginx", "nginx-light", "testing fetch() and the server beside an HTTP server of others")
}

/// Installs the npm packages of each application under tests/apps that has a lock file. Quick when they are
/// there.
pub fn packages() -> Result<(), String> {
    let apps = workspace_root().join("tests/apps");
    let Ok(entries) = std::fs::read_dir(&apps) else { return Ok(()) };
    let mut folders: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().try_for_each(|folder| ensure_npm(folder))
}
