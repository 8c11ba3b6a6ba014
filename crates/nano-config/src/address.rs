//! Addresses to listen on, as the file and the command line write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address to listen on when nothing else is configured: this machine only.
pub const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Parses an address to listen on, as `host` and `--host` take it: an IP address, with or without brackets,
/// or `localhost`.
///
/// # Errors
///
/// A sentence for the user if it is neither.
pub fn parse_listen_host(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(DEFAULT_HOST);
    }
    bare.parse().map_err(|_| {
        format!(
            "{text:?} is not an IP address (127.0.0.1 for this machine only, 0.0.0.0 or :: for every network)"
        )
    })
}

/// Parses an address and port to listen on, as `admin.listen` and `--admin` take it.
///
/// # Errors
///
/// A sentence for the user if it is neither.
pub fn parse_admin_address(text: &str) -> Result<SocketAddr, String> {
    parse_socket_address(text)
        .ok_or_else(|| format!("{text:?} is not an IP address and a port, such as 127.0.0.1:9090"))
}

/// Parses an IP address, or `localhost`, with a port.
pub(crate) fn parse_socket_address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    host.eq_ignore_ascii_case("localhost").then_some(())?;
    Some(SocketAddr::new(DEFAULT_HOST, port.parse().ok()?))
}
