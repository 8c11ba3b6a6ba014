//! Where connections lead to. Connections of one origin can stand in for each other.

use crate::proxy::Proxy;
use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::rc::Rc;

/// What names an origin.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub partition: u64,
    pub tls: bool,
    pub host: String,
    pub port: u16,
    pub proxy: Option<Proxy>,
    pub unix: Option<PathBuf>,
}

impl Key {
    /// The host and the port that a socket is connected to: the proxy's, where there is one.
    pub(crate) fn peer(&self) -> (&str, u16) {
        self.proxy.as_ref().map_or((&*self.host, self.port), |proxy| (&*proxy.host, proxy.port))
    }
}

/// The connections of one key, and the fetches that wait for them. Equal to, and found by, its key.
#[derive(Debug)]
pub(crate) struct Origin {
    pub key: Key,
    /// Connections, idle ones included.
    pub open: Cell<usize>,
    pub idle: RefCell<Vec<u64>>,
    /// Fetches that wait for a connection.
    pub waiting: RefCell<VecDeque<u64>>,
}

impl Origin {
    pub(crate) fn new(key: Key) -> Self {
        Self { key, open: Cell::new(0), idle: RefCell::default(), waiting: RefCell::default() }
    }
}

impl Borrow<Key> for Rc<Origin> {
    fn borrow(&self) -> &Key {
        &self.key
    }
}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.key.hash(hasher);
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Origin {}
