//! The keys of the opening handshake (RFC 6455, section 4), and what makes a request one. Knows nothing of HTTP's framing.

use base64_simd::STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A key has so many bytes before it is encoded.
const KEY_BYTES: usize = 16;

/// A new `Sec-WebSocket-Key`: sixteen random bytes in base64.
pub fn new_key() -> String {
    let mut bytes = [0; KEY_BYTES];
    // Without randomness of the system the key says nothing, and does no harm: it only tells that the server has read it.
    let _ = getrandom::fill(&mut bytes);
    STANDARD.encode_to_string(bytes)
}

/// The `Sec-WebSocket-Accept` for a key.
pub fn accept_key(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    STANDARD.encode_to_string(hash.finalize())
}

/// Why a request cannot be answered with a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnUpgrade {
    /// Its `Upgrade` does not say `websocket`, or its method is not GET.
    NotAsked,
    /// Its `Sec-WebSocket-Version` is not 13: the answer is 426.
    Version,
    /// Its `Sec-WebSocket-Key` is not sixteen bytes in base64.
    Key,
}

impl std::fmt::Display for NotAnUpgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "the request does not ask for a WebSocket (GET with Upgrade: websocket)",
            Self::Version => "the request's Sec-WebSocket-Version is not 13",
            Self::Key => "the request's Sec-WebSocket-Key is not 16 bytes in base64",
        })
    }
}

impl std::error::Error for NotAnUpgrade {}

/// Looks at a request's fields (RFC 6455, section 4.2.1): the value for `Sec-WebSocket-Accept`.
///
/// # Errors
///
/// [`NotAnUpgrade`]
pub fn check_request(
    method: &[u8],
    upgrade: Option<&[u8]>,
    version: Option<&[u8]>,
    key: Option<&[u8]>,
) -> Result<String, NotAnUpgrade> {
    let asked = upgrade.is_some_and(|upgrade| {
        upgrade.split(|byte| *byte == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    });
    if method != b"GET" || !asked {
        return Err(NotAnUpgrade::NotAsked);
    }
    if version.map(<[u8]>::trim_ascii) != Some(b"13") {
        return Err(NotAnUpgrade::Version);
    }
    let key = key.map(<[u8]>::trim_ascii).unwrap_or_default();
    match STANDARD.decode_to_vec(key) {
        Ok(bytes) if bytes.len() == KEY_BYTES => Ok(accept_key(key)),
        _ => Err(NotAnUpgrade::Key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_example() {
        let key = Some(&b"dGhlIHNhbXBsZSBub25jZQ=="[..]);
        let accept = check_request(b"GET", Some(b"foo, WebSocket"), Some(b"13"), key);
        assert_eq!(accept.as_deref(), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[test]
    fn what_is_no_upgrade() {
        let key = new_key();
        let key = Some(key.as_bytes());
        let check =
            |method: &str, upgrade, version, key| check_request(method.as_bytes(), upgrade, version, key);
        let websocket = Some(&b"websocket"[..]);
        let version = Some(&b"13"[..]);
        assert!(check("GET", websocket, version, key).is_ok());
        assert_eq!(check("POST", websocket, version, key), Err(NotAnUpgrade::NotAsked));
        assert_eq!(check("GET", Some(b"h2c"), version, key), Err(NotAnUpgrade::NotAsked));
        assert_eq!(check("GET", None, version, key), Err(NotAnUpgrade::NotAsked));
        assert_eq!(check("GET", websocket, Some(b"8"), key), Err(NotAnUpgrade::Version));
        assert_eq!(check("GET", websocket, None, key), Err(NotAnUpgrade::Version));
        for key in [None, Some(&b"AAAA"[..]), Some(b"not base64 at all!!!!!"), Some(b"")] {
            assert_eq!(check("GET", websocket, version, key), Err(NotAnUpgrade::Key));
        }
    }

    #[test]
    fn keys_are_random() {
        assert_ne!(new_key(), new_key());
        assert_eq!(new_key().len(), 24);
    }
}
