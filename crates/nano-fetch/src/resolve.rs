//! Names and their addresses: what is known without asking, what was asked before, who waits for an answer.
//! It asks no resolver itself.

use nano_time::Moment;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

/// An answer: addresses in the order of preference, or why there are none.
pub(crate) type Answer = Result<Rc<[IpAddr]>, Rc<str>>;

enum Entry {
    /// Asked for, or in the queue for that: who waits.
    Pending(Vec<u64>),
    Known(Answer, Moment),
}

/// What [`Resolver::look_up`] says.
pub(crate) enum LookUp {
    Known(Answer),
    /// The one who waits is named when the answer comes.
    Wait,
}

/// The cache of names.
pub(crate) struct Resolver {
    entries: HashMap<String, Entry>,
    /// Names that wait to be asked for.
    queue: VecDeque<String>,
    asking: usize,
    most_asking: usize,
    most_names: usize,
}

/// What needs no resolver: IP addresses, and `localhost` with all below it (RFC 6761 6.3).
pub(crate) fn known(host: &str) -> Option<Rc<[IpAddr]>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Rc::new([address]));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name == "localhost" || name.ends_with(".localhost") {
        return Some(Rc::new([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]));
    }
    None
}

impl Resolver {
    pub(crate) fn new(most_asking: usize, most_names: usize) -> Self {
        let (most_asking, most_names) = (most_asking.max(1), most_names.max(1));
        Self { entries: HashMap::new(), queue: VecDeque::new(), asking: 0, most_asking, most_names }
    }

    /// Asks for a name on behalf of `waiter`. [`next`](Self::next) says what to ask the system.
    pub(crate) fn look_up(&mut self, host: &str, waiter: u64, now: Moment) -> LookUp {
        match self.entries.get_mut(host) {
            Some(Entry::Known(answer, until)) if *until > now => return LookUp::Known(answer.clone()),
            Some(Entry::Pending(waiters)) => {
                waiters.push(waiter);
                return LookUp::Wait;
            }
            _ => {}
        }
        self.make_room(now);
        self.entries.insert(host.to_owned(), Entry::Pending(vec![waiter]));
        self.queue.push_back(host.to_owned());
        LookUp::Wait
    }

    /// Forgets what has expired, and if need be what will next.
    fn make_room(&mut self, now: Moment) {
        if self.entries.len() < self.most_names {
            return;
        }
        self.entries.retain(|_, entry| !matches!(entry, Entry::Known(_, until) if *until <= now));
        if self.entries.len() >= self.most_names {
            let known = self.entries.iter().filter_map(|(name, entry)| match entry {
                Entry::Known(_, until) => Some((*until, name)),
                Entry::Pending(_) => None,
            });
            if let Some(name) = known.min().map(|(_, name)| name.clone()) {
                self.entries.remove(&name);
            }
        }
    }

    /// The next name to ask the system for.
    pub(crate) fn next(&mut self) -> Option<String> {
        while self.asking < self.most_asking {
            let name = self.queue.pop_front()?;
            // Nobody may want it any more.
            match self.entries.get(&name) {
                Some(Entry::Pending(waiters)) if !waiters.is_empty() => {
                    self.asking += 1;
                    return Some(name);
                }
                _ => drop(self.entries.remove(&name)),
            }
        }
        None
    }

    /// The system's answer to what [`next`](Self::next) gave; who waits for it.
    pub(crate) fn answer(&mut self, host: &str, answer: Answer, keep: Duration, now: Moment) -> Vec<u64> {
        self.asking = self.asking.saturating_sub(1);
        match self.entries.insert(host.to_owned(), Entry::Known(answer, now + keep)) {
            Some(Entry::Pending(waiters)) => waiters,
            _ => Vec::new(),
        }
    }

    /// `waiter` no longer waits.
    pub(crate) fn forget(&mut self, host: &str, waiter: u64) {
        if let Some(Entry::Pending(waiters)) = self.entries.get_mut(host) {
            waiters.retain(|other| *other != waiter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Moment = Moment::from_nanos(1);

    fn address(last: u8) -> Answer {
        Ok(Rc::new([IpAddr::from([192, 0, 2, last])]))
    }

    #[test]
    fn known_without_asking() {
        assert_eq!(known("127.0.0.1").unwrap().len(), 1);
        assert_eq!(known("::1").unwrap().len(), 1);
        assert_eq!(known("localhost").unwrap().len(), 2);
        assert!(known("app.localhost.").unwrap().iter().all(IpAddr::is_loopback));
        assert!(known("notlocalhost").is_none());
    }

    #[test]
    fn a_name_is_asked_for_once_and_remembered_for_a_while() {
        let mut resolver = Resolver::new(2, 10);
        let keep = Duration::from_secs(1);
        for waiter in 0..3 {
            assert!(matches!(resolver.look_up("a", waiter, AT), LookUp::Wait));
        }
        assert_eq!(resolver.next().as_deref(), Some("a"));
        assert_eq!(resolver.next(), None);
        resolver.forget("a", 1);
        assert_eq!(resolver.answer("a", address(1), keep, AT), [0, 2]);
        assert!(matches!(resolver.look_up("a", 3, AT), LookUp::Known(Ok(_))));
        assert!(matches!(resolver.look_up("a", 4, AT + keep), LookUp::Wait));
        assert_eq!(resolver.next().as_deref(), Some("a"));
        let none: Answer = Err("no such name".into());
        assert_eq!(resolver.answer("a", none, keep, AT), [4]);
        assert!(matches!(resolver.look_up("a", 5, AT), LookUp::Known(Err(_))));
    }

    #[test]
    fn limits() {
        let mut resolver = Resolver::new(2, 3);
        let keep = Duration::from_secs(1);
        for (waiter, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            resolver.look_up(name, waiter as u64, AT);
        }
        // A name without waiters is not asked for.
        resolver.forget("c", 2);
        assert_eq!((resolver.next().as_deref(), resolver.next().as_deref()), (Some("a"), Some("b")));
        assert_eq!(resolver.next(), None);
        resolver.answer("a", address(1), keep, AT);
        assert_eq!(resolver.next().as_deref(), Some("d"));
        resolver.answer("b", address(1), keep, AT);
        resolver.answer("d", address(1), keep, AT);
        for name in 0..100 {
            let name = format!("n{name}");
            resolver.look_up(&name, 9, AT);
            assert_eq!(resolver.next(), Some(name.clone()));
            resolver.answer(&name, address(2), keep, AT);
            assert!(resolver.entries.len() <= 3);
        }
    }
}
