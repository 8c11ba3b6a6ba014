//! Entries by tenant, cache, URL and variant; what goes when room runs out, and what moves to the disk.
//!
//! One lock for all: it is held for look-ups and bookkeeping, never while bodies are copied, written or read.

use crate::disk::{Region, Ring};
use crate::policy;
use crate::{Limits, NotStored, Now, Request, Response};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Bodies that may wait to be written to the disk; what comes beyond goes instead.
const WRITE_QUEUE: usize = 8;
/// What an entry costs beside its body and head.
const ENTRY_BYTES: usize = 256;

type Key = (Arc<str>, String, String);

/// A stored body.
#[derive(Clone, Debug)]
pub struct Body {
    place: Place,
    start: u64,
    length: u64,
}

#[derive(Clone, Debug)]
enum Place {
    Memory(Arc<[u8]>),
    Disk(Arc<Region>),
}

impl Body {
    /// Bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The whole body, if it is in memory.
    pub fn in_memory(&self) -> Option<&[u8]> {
        match &self.place {
            Place::Memory(bytes) => bytes.get(self.start as usize..(self.start + self.length) as usize),
            Place::Disk(_) => None,
        }
    }

    /// Reads from `offset` on; how many bytes, 0 at the end.
    ///
    /// # Errors
    ///
    /// Of the file system.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = into.len().min(left);
        match &self.place {
            Place::Memory(bytes) => {
                let from = (self.start + offset) as usize;
                let Some(bytes) = bytes.get(from..from + count) else { return Ok(0) };
                into[..count].copy_from_slice(bytes);
                Ok(count)
            }
            Place::Disk(region) => region.read(self.start + offset, &mut into[..count]),
        }
    }
}

/// What is there for a request.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// Nothing that is fresh.
    Miss,
    /// This response.
    Hit(Hit),
}

/// A response out of the cache: 200 or what was stored, 206 for a range, 304 for a condition that is met,
/// 416.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Its head, with its Age.
    pub response: Response,
    /// Its body: a part of the stored one for a range, empty for 304 and 416.
    pub body: Body,
}

/// What identifies a stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The request's URL, without its fragment.
    pub url: String,
    /// Of the request's header fields those that the response's Vary names; `None` for one that was not
    /// there.
    pub variant: Vec<(String, Option<String>)>,
}

impl Stored {
    /// Whether it is stored for requests with these header fields. RFC 9111, section 4.1
    pub fn is_for(&self, headers: &[(String, String)]) -> bool {
        self.variant.iter().all(|(name, value)| policy::get(headers, name) == *value)
    }
}

struct Entry {
    key: Key,
    variant: Vec<(String, Option<String>)>,
    response: Arc<Response>,
    place: Place,
    /// Body and head.
    bytes: u64,
    stored: Instant,
    age: Duration,
    fresh_until: Instant,
    used: u64,
    /// It waits to be written to the disk.
    moving: bool,
}

#[derive(Default)]
struct Usage {
    bytes: u64,
    /// In the order in which they were stored.
    entries: BTreeSet<u64>,
}

struct Inner {
    limits: Limits,
    entries: HashMap<u64, Entry>,
    by_key: HashMap<Key, Vec<u64>>,
    /// Entries by when they were used last; per place, since each has its own bound.
    order: BTreeMap<u64, u64>,
    tenants: HashMap<Arc<str>, Usage>,
    memory_bytes: usize,
    next: u64,
    ring: Option<Ring>,
    /// Whether making the file was tried.
    ring_tried: bool,
    writer: Option<SyncSender<(u64, Arc<[u8]>)>>,
}

/// A cache for many tenants; see the crate.
pub struct Store {
    inner: Arc<Mutex<Inner>>,
}

/// One tenant's view of a [`Store`].
#[derive(Clone)]
pub struct Tenant {
    inner: Arc<Mutex<Inner>>,
    name: Arc<str>,
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    // Nothing in here panics half-way with broken bookkeeping that could do more than waste room.
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// An empty store. Its file and the thread that writes to it are made when they are first needed.
    pub fn new(limits: Limits) -> Self {
        let inner = Inner {
            limits,
            entries: HashMap::new(),
            by_key: HashMap::new(),
            order: BTreeMap::new(),
            tenants: HashMap::new(),
            memory_bytes: 0,
            next: 1,
            ring: None,
            ring_tried: false,
            writer: None,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// The view of the tenant with this name.
    pub fn tenant(&self, name: &str) -> Tenant {
        Tenant { inner: Arc::clone(&self.inner), name: name.into() }
    }

    /// Bytes of bodies and heads that are in memory now.
    pub fn memory_bytes(&self) -> usize {
        lock(&self.inner).memory_bytes
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Tenant {
    /// Stores the response to a GET request, in place of the one that it would have answered with.
    ///
    /// # Errors
    ///
    /// Why it was not stored. What was there before is gone in any case.
    pub fn put(
        &self,
        cache: &str,
        request: &Request<'_>,
        mut response: Response,
        body: Arc<[u8]>,
        now: Now,
    ) -> Result<(), NotStored> {
        let key = self.key(cache, request.url);
        let variant = policy::variant(&response.headers, request.headers);
        let mut inner = lock(&self.inner);
        inner.remove_matching(&key, |entry| entry.variant == variant || policy_matches(entry, request));
        let (left, age) = policy::storable(&response, now.wall).ok_or(NotStored::Forbidden)?;
        let fresh_until = now.steady.checked_add(left).ok_or(NotStored::Forbidden)?;
        policy::strip(&mut response.headers);
        let head: usize = response.headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        let bytes = (body.len() + head + key.2.len() + ENTRY_BYTES) as u64;
        if body.len() > inner.limits.object_bytes
            || bytes > inner.limits.tenant_bytes
            || bytes > inner.limits.memory_bytes as u64
        {
            return Err(NotStored::TooLarge);
        }
        let id = inner.next_number();
        let used = inner.next_number();
        let usage = inner.tenants.entry(Arc::clone(&self.name)).or_default();
        usage.bytes += bytes;
        usage.entries.insert(id);
        inner.memory_bytes += bytes as usize;
        inner.order.insert(used, id);
        inner.by_key.entry(key.clone()).or_default().push(id);
        let place = Place::Memory(body);
        let response = Arc::new(response);
        inner.entries.insert(
            id,
            Entry {
                key,
                variant,
                response,
                place,
                bytes,
                stored: now.steady,
                age,
                fresh_until,
                used,
                moving: false,
            },
        );
        inner.make_room_for_tenant(&self.name, id);
        inner.make_room_in_memory(&self.inner, id);
        Ok(())
    }

    /// The response that is stored for a request, if it is fresh.
    pub fn look_up(&self, cache: &str, request: &Request<'_>, now: Now) -> Lookup {
        let key = self.key(cache, request.url);
        let mut inner = lock(&self.inner);
        inner.remove_matching(&key, |entry| entry.fresh_until <= now.steady);
        let Some(id) = inner.by_key.get(&key).and_then(|ids| {
            ids.iter()
                .rev()
                .copied()
                .find(|id| inner.entries.get(id).is_some_and(|entry| policy_matches(entry, request)))
        }) else {
            return Lookup::Miss;
        };
        let used = inner.next_number();
        let Some(entry) = inner.entries.get_mut(&id) else { return Lookup::Miss };
        let before = std::mem::replace(&mut entry.used, used);
        let length = match &entry.place {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::Disk(region) => region.len(),
        };
        let body = Body { place: entry.place.clone(), start: 0, length };
        let age = entry.age + now.steady.saturating_duration_since(entry.stored);
        let stored = Arc::clone(&entry.response);
        inner.order.remove(&before);
        inner.order.insert(used, id);
        drop(inner);
        Lookup::Hit(answer(request, &stored, body, age))
    }

    /// Forgets what is stored for a request; whether there was something.
    pub fn delete(&self, cache: &str, request: &Request<'_>) -> bool {
        let key = self.key(cache, request.url);
        lock(&self.inner).remove_matching(&key, |entry| policy_matches(entry, request)) > 0
    }

    /// What a cache holds that is fresh, or what of it is stored for one URL, in the order in which it was
    /// stored: at most [`Limits::tenant_entries`](crate::Limits::tenant_entries).
    pub fn stored(&self, cache: &str, url: Option<&str>, now: Now) -> Vec<Stored> {
        let inner = lock(&self.inner);
        let known = |id: &u64| inner.entries.get(id).filter(|entry| entry.fresh_until > now.steady);
        let describe = |entry: &Entry| Stored { url: entry.key.2.clone(), variant: entry.variant.clone() };
        if let Some(url) = url {
            let ids = inner.by_key.get(&self.key(cache, url)).map_or(&[][..], Vec::as_slice);
            return ids.iter().filter_map(known).map(describe).collect();
        }
        let ids = inner.tenants.get(&self.name).into_iter().flat_map(|usage| &usage.entries);
        ids.filter_map(known).filter(|entry| entry.key.1 == cache).map(describe).collect()
    }

    /// The names of the caches that hold something fresh, by when they were first stored to.
    pub fn caches(&self, now: Now) -> Vec<String> {
        let inner = lock(&self.inner);
        let mut names = Vec::new();
        let mut seen = HashSet::new();
        let ids = inner.tenants.get(&self.name).into_iter().flat_map(|usage| &usage.entries);
        for entry in ids.filter_map(|id| inner.entries.get(id)).filter(|entry| entry.fresh_until > now.steady)
        {
            if seen.insert(entry.key.1.as_str()) {
                names.push(entry.key.1.clone());
            }
        }
        names
    }

    /// Forgets all that a cache holds; whether there was something.
    pub fn delete_cache(&self, cache: &str) -> bool {
        let mut inner = lock(&self.inner);
        let ids = inner.tenants.get(&self.name).into_iter().flat_map(|usage| &usage.entries);
        let of_cache = |id: &&u64| inner.entries.get(id).is_some_and(|entry| entry.key.1 == cache);
        let gone: Vec<u64> = ids.filter(of_cache).copied().collect();
        for id in &gone {
            inner.remove(*id);
        }
        !gone.is_empty()
    }

    fn key(&self, cache: &str, url: &str) -> Key {
        let url = url.split('#').next().unwrap_or_default();
        (Arc::clone(&self.name), cache.to_owned(), url.to_owned())
    }
}

/// Whether an entry's variant is the request's. RFC 9111, section 4.1
fn policy_matches(entry: &Entry, request: &Request<'_>) -> bool {
    entry.variant.iter().all(|(name, value)| policy::get(request.headers, name) == *value)
}

fn answer(request: &Request<'_>, stored: &Response, mut body: Body, age: Duration) -> Hit {
    let mut response = stored.clone();
    response.headers.push(("age".into(), age.as_secs().to_string()));
    let nothing = |body: &mut Body| body.length = 0;
    if policy::not_modified(request.headers, &stored.headers) {
        response.status = 304;
        response.status_text.clear();
        nothing(&mut body);
    } else if stored.status == 200 {
        let length = body.length;
        match policy::range(request.headers, &stored.headers, length) {
            Ok(None) => {}
            Ok(Some((first, count))) => {
                response.status = 206;
                response.status_text.clear();
                (body.start, body.length) = (first, count);
                response.headers.retain(|field| field.0 != "content-length" && field.0 != "content-range");
                response
                    .headers
                    .push(("content-range".into(), format!("bytes {first}-{}/{length}", first + count - 1)));
                response.headers.push(("content-length".into(), count.to_string()));
            }
            Err(()) => {
                response.status = 416;
                response.status_text.clear();
                nothing(&mut body);
                response.headers.retain(|field| field.0 != "content-length");
                response.headers.push(("content-range".into(), format!("bytes */{length}")));
            }
        }
    }
    Hit { response, body }
}

impl Inner {
    fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn remove_matching(&mut self, key: &Key, matches: impl Fn(&Entry) -> bool) -> usize {
        let Some(ids) = self.by_key.get(key) else { return 0 };
        let gone: Vec<u64> =
            ids.iter().copied().filter(|id| self.entries.get(id).is_some_and(&matches)).collect();
        for id in &gone {
            self.remove(*id);
        }
        gone.len()
    }

    fn remove(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.order.remove(&entry.used);
        if let Some(ids) = self.by_key.get_mut(&entry.key) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_key.remove(&entry.key);
            }
        }
        if matches!(entry.place, Place::Memory(_)) {
            self.memory_bytes = self.memory_bytes.saturating_sub(entry.bytes as usize);
        }
        if let Some(usage) = self.tenants.get_mut(&entry.key.0) {
            usage.bytes = usage.bytes.saturating_sub(entry.bytes);
            usage.entries.remove(&id);
            if usage.entries.is_empty() {
                self.tenants.remove(&entry.key.0);
            }
        }
    }

    /// Lets the tenant's own oldest entries go until it is within its bounds.
    fn make_room_for_tenant(&mut self, name: &Arc<str>, newest: u64) {
        while self.tenants.get(name).is_some_and(|usage| {
            usage.bytes > self.limits.tenant_bytes || usage.entries.len() > self.limits.tenant_entries
        }) {
            let oldest =
                self.order.values().copied().find(|id| {
                    *id != newest && self.entries.get(id).is_some_and(|entry| entry.key.0 == *name)
                });
            let Some(oldest) = oldest else { return };
            self.remove(oldest);
        }
    }

    /// Moves what was used longest ago to the disk, or lets it go, until memory is within its bound.
    fn make_room_in_memory(&mut self, inner: &Arc<Mutex<Self>>, newest: u64) {
        let mut waiting = 0;
        while self.memory_bytes.saturating_sub(waiting) > self.limits.memory_bytes {
            let oldest = self.order.values().copied().find(|id| {
                *id != newest
                    && self
                        .entries
                        .get(id)
                        .is_some_and(|entry| matches!(entry.place, Place::Memory(_)) && !entry.moving)
            });
            let Some(oldest) = oldest else { return };
            match self.begin_move(inner, oldest) {
                Some(bytes) => waiting += bytes,
                None => self.remove(oldest),
            }
        }
    }

    /// Hands an entry's body to the thread that writes; what it frees in memory then. `None` if it cannot
    /// take it.
    fn begin_move(&mut self, inner: &Arc<Mutex<Self>>, id: u64) -> Option<usize> {
        if self.limits.disk_bytes == 0 {
            return None;
        }
        if !self.ring_tried {
            self.ring_tried = true;
            self.ring = Ring::create(&self.limits.directory, self.limits.disk_bytes).ok();
            if self.ring.is_some() {
                self.writer = start_writer(Arc::downgrade(inner));
            }
        }
        let entry = self.entries.get_mut(&id)?;
        let Place::Memory(body) = &entry.place else { return None };
        self.writer.as_ref()?.try_send((id, Arc::clone(body))).ok()?;
        entry.moving = true;
        Some(entry.bytes as usize)
    }

    /// The place that an entry's body is to be written to. Those whose places it takes are gone.
    fn place(&mut self, id: u64, length: u64) -> Option<Arc<Region>> {
        if !self.entries.contains_key(&id) {
            return None;
        }
        let (region, gone) = self.ring.as_mut()?.place(id, length)?;
        for other in gone {
            self.remove(other);
        }
        Some(region)
    }

    fn end_move(&mut self, id: u64, region: Option<Arc<Region>>) {
        let Some(region) = region else {
            self.remove(id);
            return;
        };
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.moving = false;
        entry.place = Place::Disk(region);
        let bytes = entry.bytes as usize;
        self.memory_bytes = self.memory_bytes.saturating_sub(bytes);
    }
}

/// The thread that writes bodies to the disk. It ends with the store.
fn start_writer(inner: Weak<Mutex<Inner>>) -> Option<SyncSender<(u64, Arc<[u8]>)>> {
    let (sender, receiver) = sync_channel::<(u64, Arc<[u8]>)>(WRITE_QUEUE);
    let run = move || {
        for (id, body) in receiver {
            let Some(inner) = inner.upgrade() else { return };
            let region = lock(&inner).place(id, body.len() as u64);
            let written = region.filter(|region| region.write(&body).is_ok());
            lock(&inner).end_move(id, written);
        }
    };
    std::thread::Builder::new().name("nano-cache".into()).spawn(run).ok().map(|_| sender)
}
