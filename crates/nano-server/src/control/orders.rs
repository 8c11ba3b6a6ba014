//! Changes to the applications while they are served: the orders and their outcomes.

use super::shared::Shared;
use crate::config::App;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

/// A change to what is served.
#[derive(Clone, Debug)]
pub enum Change {
    /// Read the configuration and all applications anew.
    Reload,
    /// Read these applications anew, as they are configured.
    ReloadApps(Vec<String>),
    /// Serve one more application, until the server ends. Its name and hosts must be free.
    Add(Box<App>),
    /// Serve an application no more; one of the configuration comes back when that is read again.
    Remove(String),
    /// Serve the version of an application before the one that it has.
    RollBack(String),
}

/// The outcome of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Applications that have a new version, and its number.
    pub deployed: Vec<(String, u64)>,
    /// Applications that are gone.
    pub removed: Vec<String>,
    /// Changes that were refused; the versions that were there still serve.
    pub problems: Vec<Problem>,
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The application; `None`: the configuration.
    pub app: Option<String>,
    /// The error, with file, line and column where it is in one.
    pub message: String,
}

/// An application as it is served.
#[derive(Clone, Debug)]
pub struct Served {
    /// As it is configured.
    pub config: App,
    /// Its version's number.
    pub version: u64,
}

pub(crate) type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// Messages to the control thread.
pub(crate) enum Order {
    Change(Change, Reply),
    /// Files have changed.
    Touched(Vec<PathBuf>),
    /// The server ends.
    End,
}

/// The way to change a running server, from any thread.
#[derive(Clone)]
pub struct Control {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) shared: Arc<Shared>,
    pub(super) admin: Option<SocketAddr>,
}

impl Control {
    /// Where the administration listens, if it does; its port picked, if 0 was asked for.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Has a change made; `reply` is called on the control thread when it is made, or refused. Every worker
    /// serves the new version then.
    pub fn order(&self, change: Change, reply: impl FnOnce(Outcome) + Send + 'static) {
        // While the server ends, nothing changes any more.
        let _ = self.orders.send(Order::Change(change, Box::new(reply)));
    }

    /// The same, and waits for it. `None`: the server ends. Not for a worker's thread, which would wait for
    /// itself.
    pub fn change(&self, change: Change) -> Option<Outcome> {
        let (sender, receiver) = mpsc::channel();
        self.order(change, move |outcome| drop(sender.send(outcome)));
        receiver.recv().ok()
    }

    /// The applications that are served, in the order of the configuration.
    pub fn served(&self) -> Vec<Served> {
        let site = self.shared.site();
        site.apps.iter().map(|app| Served { config: app.config.clone(), version: app.version }).collect()
    }

    pub(crate) fn end(&self) {
        let _ = self.orders.send(Order::End);
    }
}
