//! Which application answers a host: exact names, then the longest wildcard, then an optional default. Knows
//! nothing of applications, of HTTP heads beyond the `Host` value, or of threads.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::Ipv6Addr;

/// Longest host name, without its final dot.
///
/// Limit (bytes): the domain name system carries no longer ones (RFC 1035, section 2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;
/// Longest label between two dots of a host name.
///
/// Limit (bytes): RFC 1035, section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// A configured host: a name, an address, a wildcard below a name, or every host.
///
/// Kept in the form that requests carry: lower case, international names as A-labels, no port, no final dot.
///
/// ```
/// use nano_config::routes::HostPattern;
///
/// assert_eq!(HostPattern::parse("API.Example.com.")?.to_string(), "api.example.com");
/// assert_eq!(HostPattern::parse("*.bücher.example")?.to_string(), "*.xn--bcher-kva.example");
/// assert_eq!(HostPattern::parse("[0:0::1]")?.to_string(), "[::1]");
/// assert!(HostPattern::parse("api.example.com:8080").is_err());
/// # Ok::<(), nano_config::routes::HostPatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    /// A domain name or an IPv4 address.
    Name(String),
    Ipv6(Ipv6Addr),
    /// Whatever ends in a dot and this name.
    Below(String),
    Every,
}

/// Why a text is not a host pattern. Its [`Display`](fmt::Display) says what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostPatternError {
    /// There is nothing.
    Empty,
    /// It has a scheme, a path or a user.
    Url,
    /// It names a port.
    Port,
    /// There is a `*` elsewhere than as the first label.
    Wildcard,
    /// A wildcard stands before an address.
    WildcardAddress,
    /// A label is empty or longer than 63 bytes, or the whole is longer than 253.
    Length,
    /// It is neither a domain name nor an address.
    Invalid,
}

impl fmt::Display for HostPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HostPatternError::Empty => "a host name must not be empty",
            HostPatternError::Url => "give the host name alone, without scheme, path or user",
            HostPatternError::Port => "give the host name without a port: it matches on every port",
            HostPatternError::Wildcard => {
                "a wildcard stands for whole labels at the front: *.example.com, or * for every host"
            }
            HostPatternError::WildcardAddress => "a wildcard cannot stand before an IP address",
            HostPatternError::Length => {
                "the labels of a host name have 1 to 63 characters, all together at most 253"
            }
            HostPatternError::Invalid => "this is not a valid host name",
        })
    }
}

impl std::error::Error for HostPatternError {}

impl HostPattern {
    /// Every host that nothing else matches: `*`.
    pub const EVERY: HostPattern = HostPattern(Kind::Every);

    /// Reads a host as people write it in a configuration.
    ///
    /// # Errors
    ///
    /// Says what is wrong if `text` is not a domain name, an address, `*.` and a domain name, or `*`.
    pub fn parse(text: &str) -> Result<HostPattern, HostPatternError> {
        if text.is_empty() {
            return Err(HostPatternError::Empty);
        }
        if text == "*" {
            return Ok(HostPattern::EVERY);
        }
        if text.contains(['/', '@', '?', '#', '\\']) {
            return Err(HostPatternError::Url);
        }
        let (name, below) = match text.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if name.contains('*') || name.is_empty() {
            return Err(HostPatternError::Wildcard);
        }
        let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bracketed.unwrap_or(name).parse::<Ipv6Addr>() {
            return if below {
                Err(HostPatternError::WildcardAddress)
            } else {
                Ok(HostPattern(Kind::Ipv6(address)))
            };
        }
        if name.contains(':') {
            return Err(HostPatternError::Port);
        }
        // A configured name is no URL: an escape in it is a mistake, not another way to write a letter.
        if name.contains('%') {
            return Err(HostPatternError::Invalid);
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.split('.').any(str::is_empty) {
            return Err(HostPatternError::Length);
        }
        // The URL Standard's host parser: UTS 46 processing, forbidden characters, IPv4 in all its spellings.
        match url::Host::parse(name) {
            Ok(url::Host::Domain(domain)) => {
                // The conversion may drop characters, even all of a label.
                let domain = domain.strip_suffix('.').unwrap_or(&domain);
                if domain.len() > DOMAIN_BYTES_MAX
                    || domain.split('.').any(|label| label.is_empty() || label.len() > LABEL_BYTES_MAX)
                {
                    return Err(HostPatternError::Length);
                }
                // Host names as the DNS knows them, and the underscore of internal ones. URLs admit more.
                if !domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
                    return Err(HostPatternError::Invalid);
                }
                Ok(HostPattern(if below { Kind::Below(domain.into()) } else { Kind::Name(domain.into()) }))
            }
            Ok(url::Host::Ipv4(_)) if below => Err(HostPatternError::WildcardAddress),
            Ok(url::Host::Ipv4(address)) => Ok(HostPattern(Kind::Name(address.to_string()))),
            Ok(url::Host::Ipv6(_)) | Err(_) => Err(HostPatternError::Invalid),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Name(name) => f.write_str(name),
            Kind::Ipv6(address) => write!(f, "[{address}]"),
            Kind::Below(name) => write!(f, "*.{name}"),
            Kind::Every => f.write_str("*"),
        }
    }
}

impl std::str::FromStr for HostPattern {
    type Err = HostPatternError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        HostPattern::parse(text)
    }
}

/// The host is routed already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateHost(pub HostPattern);

impl fmt::Display for DuplicateHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the host \"{}\" is taken", self.0)
    }
}

impl std::error::Error for DuplicateHost {}

/// A routing table from hosts to `T`.
///
/// A look-up takes one pass over the host's bytes, whatever the number of routes, and allocates nothing.
/// Letter case, the port and a final dot of the host do not matter. Built once and then only read; to change
/// it, build another.
///
/// ```
/// use nano_config::routes::{HostPattern, Routes};
///
/// let mut routes = Routes::new();
/// routes.insert(HostPattern::parse("example.com")?, "site")?;
/// routes.insert(HostPattern::parse("*.example.com")?, "customers")?;
/// routes.insert(HostPattern::parse("*.api.example.com")?, "api")?;
///
/// assert_eq!(routes.get(b"Example.COM:3000"), Some(&"site"));
/// assert_eq!(routes.get(b"ann.example.com"), Some(&"customers"));
/// assert_eq!(routes.get(b"v1.eu.api.example.com."), Some(&"api"));
/// assert_eq!(routes.get(b"example.org"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Routes<T> {
    targets: Vec<T>,
    exact: Table,
    below: Table,
    /// Few, since hardly anybody addresses applications by IPv6 literals; sorted for binary search all the
    /// same.
    ipv6: Vec<(Ipv6Addr, usize)>,
    every: Option<usize>,
    /// Where the hash begins: random, so that clients cannot aim at one place of the tables.
    seed: u64,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Routes::new()
    }
}

impl<T> Routes<T> {
    /// A table that matches nothing.
    pub fn new() -> Self {
        Routes {
            targets: Vec::new(),
            exact: Table::default(),
            below: Table::default(),
            ipv6: Vec::new(),
            every: None,
            seed: RandomState::new().hash_one(0u8),
        }
    }

    /// A table that answers `target` for every host, and for requests without one: one application served
    /// alone.
    pub fn single(target: T) -> Self {
        let mut routes = Routes::new();
        routes.targets.push(target);
        routes.every = Some(0);
        routes
    }

    /// Routes `pattern` to `target`.
    ///
    /// # Errors
    ///
    /// [`DuplicateHost`], and the table is unchanged, if the same pattern is there already.
    pub fn insert(&mut self, pattern: HostPattern, target: T) -> Result<(), DuplicateHost> {
        let index = self.targets.len();
        let is_new = match &pattern.0 {
            Kind::Name(name) => self.exact.insert(hash(self.seed, name.as_bytes()), name.as_bytes(), index),
            Kind::Below(name) => self.below.insert(hash(self.seed, name.as_bytes()), name.as_bytes(), index),
            Kind::Ipv6(address) => match self.ipv6.binary_search_by_key(address, |entry| entry.0) {
                Ok(_) => false,
                Err(at) => {
                    self.ipv6.insert(at, (*address, index));
                    true
                }
            },
            Kind::Every => self.every.is_none().then(|| self.every = Some(index)).is_some(),
        };
        if !is_new {
            return Err(DuplicateHost(pattern));
        }
        self.targets.push(target);
        Ok(())
    }

    /// The target for a request's host: the value of its `Host` field or the authority of its target. An
    /// empty or malformed host, or one that is not ASCII, matches only [`HostPattern::EVERY`].
    pub fn get(&self, host: &[u8]) -> Option<&T> {
        self.find(host).or(self.every).map(|index| &self.targets[index])
    }

    fn find(&self, host: &[u8]) -> Option<usize> {
        if let Some(rest) = host.strip_prefix(b"[") {
            if self.ipv6.is_empty() {
                return None;
            }
            let end = memchr::memchr(b']', rest)?;
            let address: Ipv6Addr = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
            let at = self.ipv6.binary_search_by_key(&address, |entry| entry.0).ok()?;
            return Some(self.ipv6[at].1);
        }
        if self.exact.entries.is_empty() && self.below.entries.is_empty() {
            return None;
        }
        let host = &host[..memchr::memchr(b':', host).unwrap_or(host.len())];
        let host = host.strip_suffix(b".").unwrap_or(host);

        // The hash runs from the end to the front, so that on the way it has been that of every suffix.
        let mut state = self.seed;
        let mut longest = None;
        for (at, &byte) in host.iter().enumerate().rev() {
            if byte == b'.' && at > 0 && !self.below.entries.is_empty() {
                longest = self.below.find(finish(state), &host[at + 1..]).or(longest);
            }
            state = step(state, byte);
        }
        self.exact.find(finish(state), host).or(longest)
    }

    /// How many patterns are routed.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether nothing is routed.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

/// One byte of the hash: FNV-1a on 64 bits, without regard to case.
fn step(state: u64, byte: u8) -> u64 {
    (state ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
}

/// Spreads the state over the low bits, which pick the slot.
fn finish(state: u64) -> u64 {
    let mixed = (state ^ (state >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

fn hash(seed: u64, key: &[u8]) -> u64 {
    finish(key.iter().rev().fold(seed, |state, &byte| step(state, byte)))
}

/// A hash table with open addressing whose keys are found by a hash that the caller has computed on the way.
#[derive(Debug, Clone, Default)]
struct Table {
    /// Index into `entries`, or [`FREE`]. A power of two of them, at most half in use, so that probing ends.
    slots: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    hash: u64,
    key: Box<[u8]>,
    target: usize,
}

const FREE: u32 = u32::MAX;

impl Table {
    /// False, and nothing changes, if the key is there.
    fn insert(&mut self, hash: u64, key: &[u8], target: usize) -> bool {
        if self.find(hash, key).is_some() {
            return false;
        }
        self.entries.push(Entry { hash, key: key.into(), target });
        if self.entries.len() * 2 > self.slots.len() {
            self.slots = vec![FREE; (self.entries.len() * 4).next_power_of_two()];
            for index in 0..self.entries.len() {
                self.place(index);
            }
        } else {
            self.place(self.entries.len() - 1);
        }
        true
    }

    fn place(&mut self, index: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = self.entries[index].hash as usize & mask;
        while self.slots[slot] != FREE {
            slot = (slot + 1) & mask;
        }
        // Four billion hosts do not fit in memory.
        self.slots[slot] = index as u32;
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            let index = self.slots[slot];
            if index == FREE {
                return None;
            }
            let entry = &self.entries[index as usize];
            if entry.hash == hash && entry.key.eq_ignore_ascii_case(key) {
                return Some(entry.target);
            }
            slot = (slot + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests;
