//! Which files changed: the configuration's, and those of the applications that are served.
//!
//! Directories are watched, not files: editors and deployments replace files. What a change means is the
//! control thread's business; it compares contents, so that a needless message costs a look.

use super::orders::Order;
use crate::config::Certificate;
use crate::site::{Deployed, Site};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// Directories under watch.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    /// Each with whether what is below belongs to it.
    watched: BTreeMap<PathBuf, bool>,
    orders: mpsc::Sender<Order>,
}

fn watcher(orders: mpsc::Sender<Order>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // An error is an overflow of the system's queue at most: `rescan` events tell of it.
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Access(_)) && !event.need_rescan() {
            return;
        }
        let _ = orders.send(Order::Touched(event.paths));
    })
}

impl Watch {
    pub(crate) fn new(orders: mpsc::Sender<Order>) -> notify::Result<Self> {
        let watcher = watcher(orders.clone())?;
        Ok(Self { watcher, watched: BTreeMap::new(), orders })
    }

    /// Watches what belongs to a configuration and a site, and nothing else. Returns what cannot be watched,
    /// and why.
    pub(crate) fn follow(
        &mut self,
        file: Option<&Path>,
        certificates: &[Certificate],
        site: &Site,
    ) -> Vec<(PathBuf, notify::Error)> {
        let mut wanted = BTreeMap::new();
        let mut want = |path: PathBuf, below: bool| *wanted.entry(path).or_insert(false) |= below;
        if let Some(directory) = file.and_then(directory_of) {
            want(directory, false);
        }
        let files = certificates.iter().flat_map(|certificate| [&certificate.cert, &certificate.key]);
        for directory in files.filter_map(|file| directory_of(file)) {
            want(directory, false);
        }
        for app in &site.apps {
            if app.config.path.is_dir() {
                want(app.app.sources().root().to_owned(), true);
            } else {
                want(app.app.sources().root().to_owned(), false);
                for directory in app.app.sources().directories() {
                    want(directory, false);
                }
            }
            // A deployment may replace a link.
            if app.config.path.is_symlink()
                && let Some(directory) = directory_of(&app.config.path)
            {
                want(directory, false);
            }
        }
        if self.watched.iter().any(|(path, below)| wanted.get(path) != Some(below)) {
            // Watches may overlap, and removing one might end another: all are made anew.
            if let Ok(fresh) = watcher(self.orders.clone()) {
                self.watcher = fresh;
                self.watched.clear();
            }
        }
        let mut failed = Vec::new();
        for (path, below) in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            let mode = if below { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            match self.watcher.watch(&path, mode) {
                Ok(()) => drop(self.watched.insert(path, below)),
                Err(error) => failed.push((path, error)),
            }
        }
        failed
    }

    /// Whether a file is among what has changed; also if it is there through a link that was replaced, as
    /// Kubernetes does it with mounted configurations.
    pub(crate) fn concerns_file(&self, file: &Path, changed: &[PathBuf]) -> bool {
        let Some(directory) = directory_of(file) else { return false };
        changed.iter().any(|path| {
            path.parent() == Some(&directory)
                && (path.file_name() == file.file_name()
                    || path.file_name().is_some_and(|name| name == "..data"))
        })
    }

    /// Whether a certificate or a key is among what has changed.
    pub(crate) fn concerns_certificates(&self, certificates: &[Certificate], changed: &[PathBuf]) -> bool {
        certificates.iter().any(|certificate| {
            self.concerns_file(&certificate.cert, changed) || self.concerns_file(&certificate.key, changed)
        })
    }

    /// Whether something of an application has changed.
    pub(crate) fn concerns_app(&self, app: &Deployed, changed: &[PathBuf]) -> bool {
        let root = app.app.sources().root();
        let is_link = app.config.path.is_symlink();
        let directories = if app.config.path.is_dir() { Vec::new() } else { app.app.sources().directories() };
        changed.iter().any(|path| {
            path.starts_with(root)
                || is_link && self.concerns_file(&app.config.path, std::slice::from_ref(path))
                || directories.iter().any(|directory| path.starts_with(directory))
        })
    }
}

/// The directory that a file or link is in, as the system reports changes in it.
fn directory_of(path: &Path) -> Option<PathBuf> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    directory.canonicalize().ok()
}
