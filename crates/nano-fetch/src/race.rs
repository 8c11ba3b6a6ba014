//! Happy Eyeballs, RFC 8305: which address is tried next, and when. It connects nothing itself.

use nano_time::Moment;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// Attempts at the addresses of one host.
#[derive(Debug)]
pub(crate) struct Race {
    waiting: VecDeque<IpAddr>,
    /// Attempts under way: the connection's id and its address.
    running: Vec<(u64, IpAddr)>,
    /// When the next address is tried though others are still being.
    next_at: Moment,
    delay: Duration,
}

/// RFC 8305, section 4: the families in turn, each in the order of preference, beginning with the preferred
/// one.
pub(crate) fn interleave(addresses: &[IpAddr]) -> VecDeque<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let mut preferred = addresses.iter().filter(|address| address.is_ipv6() == first_is_v6);
    let mut others = addresses.iter().filter(|address| address.is_ipv6() != first_is_v6);
    let mut order = VecDeque::with_capacity(addresses.len());
    loop {
        let pair = (preferred.next(), others.next());
        if pair == (None, None) {
            return order;
        }
        order.extend(pair.0.into_iter().chain(pair.1));
    }
}

impl Race {
    pub(crate) fn new(addresses: &[IpAddr], delay: Duration) -> Self {
        let waiting = interleave(addresses);
        Self { waiting, running: Vec::new(), next_at: Moment::ZERO, delay }
    }

    /// The next address to try now, if any.
    pub(crate) fn next(&mut self, now: Moment) -> Option<IpAddr> {
        if !self.running.is_empty() && now < self.next_at {
            return None;
        }
        self.next_at = now + self.delay;
        self.waiting.pop_front()
    }

    /// An attempt has begun.
    pub(crate) fn began(&mut self, conn: u64, address: IpAddr) {
        self.running.push((conn, address));
    }

    /// An attempt has failed: its address, and the next one is due. RFC 8305, section 5
    pub(crate) fn failed(&mut self, conn: u64) -> Option<IpAddr> {
        let index = self.running.iter().position(|(other, _)| *other == conn)?;
        self.next_at = Moment::ZERO;
        Some(self.running.remove(index).1)
    }

    /// Whether all attempts have failed.
    pub(crate) fn is_lost(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// When to ask [`next`](Self::next) again.
    pub(crate) fn deadline(&self) -> Moment {
        if self.waiting.is_empty() { Moment::MAX } else { self.next_at }
    }

    /// All attempts under way.
    pub(crate) fn running(&self) -> impl Iterator<Item = u64> {
        self.running.iter().map(|(conn, _)| *conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<IpAddr> {
        text.split(' ').map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let order = interleave(&addresses("::1 ::2 ::3 1.1.1.1 1.1.1.2"));
        assert_eq!(order, addresses("::1 1.1.1.1 ::2 1.1.1.2 ::3"));
        let order = interleave(&addresses("1.1.1.1 1.1.1.2 ::1"));
        assert_eq!(order, addresses("1.1.1.1 ::1 1.1.1.2"));
        assert!(interleave(&[]).is_empty());
    }

    #[test]
    fn the_next_address_is_tried_after_a_while_or_a_failure() {
        let delay = Duration::from_millis(250);
        let mut race = Race::new(&addresses("::1 1.1.1.1 ::2"), delay);
        let at = Moment::from_nanos(1_000_000_000);
        let first = race.next(at).unwrap();
        race.began(1, first);
        assert_eq!(race.next(at), None);
        assert_eq!(race.deadline(), at + delay);
        let second = race.next(at + delay).unwrap();
        assert!(second.is_ipv4());
        race.began(2, second);
        assert_eq!(race.next(at + delay), None);
        assert_eq!(race.failed(1), Some(first));
        let third = race.next(at + delay).unwrap();
        race.began(3, third);
        assert_eq!(race.deadline(), Moment::MAX);
        assert_eq!(race.running().collect::<Vec<_>>(), [2, 3]);
        race.failed(3);
        assert!(!race.is_lost());
        race.failed(2);
        assert!(race.is_lost());
    }
}
