//! Which addresses and ports a fetch may reach: what is public, what the Fetch standard blocks, and the hook
//! for policies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Judges every address, after a name was resolved and before anything is connected, of the request and of
/// each redirect.
///
/// A connection that is reused was judged when it was made; connections are reused within their partition
/// only, so give requests with different policies different partitions.
pub trait Policy {
    /// `Err` is the reason why `address` may not be reached; `host` is what the URL said.
    ///
    /// # Errors
    ///
    /// The reason, for people.
    fn check(&self, host: &str, address: IpAddr, port: u16) -> Result<(), String>;

    /// Whether a socket of the local file system may be reached.
    fn allows_unix(&self) -> bool {
        false
    }
}

/// Everything may be reached: for programs whose requests are their own.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn check(&self, _: &str, _: IpAddr, _: u16) -> Result<(), String> {
        Ok(())
    }

    fn allows_unix(&self) -> bool {
        true
    }
}

/// Only public addresses may be reached: see [`is_public`]. For tenants, who must not look around in the
/// network of their host.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublicOnly;

impl Policy for PublicOnly {
    fn check(&self, _: &str, address: IpAddr, _: u16) -> Result<(), String> {
        if is_public(address) {
            return Ok(());
        }
        Err(format!("{address} is not a public address"))
    }
}

/// Whether an address is one of the public Internet: not private, loopback, link-local, multicast, reserved
/// or for documentation. IPv6 addresses that stand for an IPv4 address (mapped, NAT64, 6to4) are as public as
/// that one is.
///
/// ```
/// use nano_fetch::is_public;
/// assert!(is_public("93.184.216.34".parse().unwrap()));
/// assert!(!is_public("169.254.169.254".parse().unwrap()));
/// assert!(!is_public("::ffff:10.0.0.1".parse().unwrap()));
/// ```
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// IANA IPv4 Special-Purpose Address Registry, all that is not globally reachable, and multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// IANA IPv6 Special-Purpose Address Registry: global unicast is 2000::/3 with exceptions.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // IPv4-mapped; NAT64's well-known prefix, RFC 6052
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(v4(high, low))
        }
        // 6to4, RFC 3056
        [0x2002, high, low, ..] => is_public_v4(v4(high, low)),
        // Teredo, ORCHID, benchmarking and other protocol assignments: 2001::/23; documentation
        [0x2001, 0..=0x1ff | 0xdb8, ..] => false,
        [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Fetch standard, section 2.9 "Port blocking": ports of services that would take HTTP for orders of their
/// own.
pub(crate) fn is_blocked_port(port: u16) -> bool {
    const BLOCKED: [u16; 83] = [
        0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
        103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512,
        513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719,
        1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
        10080,
    ];
    BLOCKED.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public() {
        for public in [
            "1.1.1.1",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.1.0.1",
            "198.17.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:0101:0101::1",
            "2001:200::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1.1.1.1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:c0a8:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::ffff:0:127.0.0.1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn ports() {
        for blocked in [0, 1, 22, 25, 6000, 6697, 10080] {
            assert!(is_blocked_port(blocked), "{blocked}");
        }
        for open in [80, 443, 3000, 8080, 6001, 10081, 65535] {
            assert!(!is_blocked_port(open), "{open}");
        }
    }
}
