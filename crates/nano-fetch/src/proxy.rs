//! Proxies: which one, if any, a URL goes through.

use crate::error::{ErrorKind, FetchError};
use crate::request::basic;
use std::net::IpAddr;
use url::Url;

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of Proxy-Authorization.
    pub(crate) authorization: Option<String>,
}

impl Proxy {
    /// A proxy by its URL: `http://[user:password@]host[:port]`, or only `host:port`.
    ///
    /// # Errors
    ///
    /// If it is no URL, or of another kind of proxy.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let fail = |reason: String| FetchError::new(ErrorKind::Proxy, reason);
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url =
            Url::parse(&full).map_err(|error| fail(format!("the proxy's address is no URL: {error}")))?;
        if url.scheme() != "http" {
            return Err(fail(format!("proxies of the kind {:?} are not supported, only http", url.scheme())));
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port_or_known_default().unwrap_or(80), authorization: basic(&url) })
    }
}

/// Which URLs go through which proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<Proxy>,
    /// For `https` URLs, which are tunnelled (CONNECT).
    pub https: Option<Proxy>,
    /// Hosts that are reached directly.
    pub except: Exceptions,
}

/// Hosts that are reached directly: the form of `NO_PROXY`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    all: bool,
    /// Host or domain without a dot at the front, and a port.
    hosts: Vec<(String, Option<u16>)>,
    /// Networks: address and bits.
    networks: Vec<(IpAddr, u32)>,
}

impl Exceptions {
    /// From a list separated by commas: names (which stand for all below them too), addresses, networks
    /// (`10.0.0.0/8`), each with an optional port; `*` for all.
    pub fn parse(text: &str) -> Self {
        let mut exceptions = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if part == "*" {
                exceptions.all = true;
                continue;
            }
            if let Some((address, bits)) = part.split_once('/')
                && let (Ok(address), Ok(bits)) = (address.parse(), bits.parse())
            {
                exceptions.networks.push((address, bits));
                continue;
            }
            let (host, port) = if part.parse::<IpAddr>().is_ok() {
                (part, None)
            } else {
                match part.rsplit_once(':') {
                    Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
                    _ => (part, None),
                }
            };
            let host = host.trim_start_matches("*.").trim_start_matches('.');
            let host = host.trim_start_matches('[').trim_end_matches(']');
            exceptions.hosts.push((host.to_ascii_lowercase(), port));
        }
        exceptions
    }

    /// Whether a host, in lower case and without brackets, is reached directly.
    pub fn contains(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let named = |(name, only): &(String, Option<u16>)| {
            only.is_none_or(|only| only == port)
                && host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if self.all || self.hosts.iter().any(named) {
            return true;
        }
        let Ok(address) = host.parse::<IpAddr>() else { return false };
        self.networks.iter().any(|(network, bits)| is_within(address, *network, *bits))
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let shifted = |value: u128, width: u32| value.checked_shr(width.saturating_sub(bits)).unwrap_or(0);
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            shifted(u128::from(u32::from(a)), 32) == shifted(u128::from(u32::from(b)), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => shifted(u128::from(a), 128) == shifted(u128::from(b), 128),
        _ => false,
    }
}

impl Proxies {
    /// No proxies.
    pub fn none() -> Self {
        Self::default()
    }

    /// What the process's environment says: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, each also
    /// in lower case, which wins. `HTTP_PROXY` in upper case is ignored where `REQUEST_METHOD` is set: to a
    /// CGI script it is a request's header.
    ///
    /// # Errors
    ///
    /// If one of them is no proxy that can be used.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self, FetchError> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let either = |lower: &str, upper: &str| get(lower).or_else(|| get(upper));
        let all = either("all_proxy", "ALL_PROXY");
        let http =
            get("http_proxy").or_else(|| get("HTTP_PROXY").filter(|_| get("REQUEST_METHOD").is_none()));
        let parse = |value: Option<String>| value.map(|value| Proxy::parse(&value)).transpose();
        Ok(Self {
            http: parse(http.or_else(|| all.clone()))?,
            https: parse(either("https_proxy", "HTTPS_PROXY").or(all))?,
            except: Exceptions::parse(&either("no_proxy", "NO_PROXY").unwrap_or_default()),
        })
    }

    /// The proxy for a host, in lower case and without brackets.
    pub(crate) fn for_host(&self, tls: bool, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = if tls { self.https.as_ref() } else { self.http.as_ref() }?;
        // The machine itself is no proxy's business.
        let local = host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        (!local && !self.except.contains(host, port)).then_some(proxy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment() {
        let env = |pairs: &'static [(&str, &str)]| {
            Proxies::from_env(|name| {
                pairs.iter().find(|(other, _)| *other == name).map(|(_, v)| (*v).to_owned())
            })
        };
        let proxies = env(&[
            ("HTTP_PROXY", "http://up.example:3128"),
            ("https_proxy", "u:p@low.example"),
            ("NO_PROXY", "internal, .corp.example,10.0.0.0/8,*.x.example,only.example:8080, fd00::/8"),
        ])
        .unwrap();
        let host = |tls, host, port| proxies.for_host(tls, host, port).map(|proxy| proxy.host.as_str());
        assert_eq!(host(false, "example.com", 80), Some("up.example"));
        assert_eq!(host(true, "example.com", 443), Some("low.example"));
        assert_eq!(proxies.https.as_ref().unwrap().authorization.as_deref(), Some("Basic dTpw"));
        for direct in [
            "internal",
            "a.internal",
            "corp.example",
            "a.corp.example",
            "10.1.2.3",
            "y.x.example",
            "localhost",
            "127.0.0.1",
            "::1",
            "fd12::1",
        ] {
            assert_eq!(host(false, direct, 80), None, "{direct}");
        }
        for proxied in ["xinternal", "11.0.0.1", "only.example", "fe00::1"] {
            assert_eq!(host(false, proxied, 80), Some("up.example"), "{proxied}");
        }
        assert_eq!(host(false, "only.example", 8080), None);
        let cgi = env(&[("HTTP_PROXY", "http://evil.example"), ("REQUEST_METHOD", "GET")]).unwrap();
        assert_eq!(cgi.http, None);
        assert!(env(&[("HTTP_PROXY", "socks5://x")]).is_err());
        assert!(env(&[("NO_PROXY", "*"), ("ALL_PROXY", "p")]).unwrap().for_host(true, "a", 1).is_none());
    }
}
