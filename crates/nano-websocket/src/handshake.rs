//! The opening handshake: its keys, and the check of a request (RFC 6455, section 4). It does not know HTTP's
//! framing.

use base64_simd::STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The bytes of a key before it is encoded.
const KEY_BYTES: usize = 16;

/// Makes a new `Sec-WebSocket-Key`: 16 random bytes in base64.
pub fn new_key() -> String {
    let mut bytes = [0; KEY_BYTES];
    // Without random bytes of the system the key is all zeros, which does no harm: its only purpose is to
    // show that the server has read it.
    let _ = getrandom::fill(&mut bytes);
    STANDARD.encode_to_string(bytes)
}

/// Computes the `Sec-WebSocket-Accept` for a key.
pub fn accept_key(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    STANDARD.encode_to_string(hash.finalize())
}

/// A request that cannot be answered with a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnUpgrade {
    /// Its `Upgrade` does not name `websocket`, or its method is not GET.
    NotAsked,
    /// Its `Sec-WebSocket-Version` is not 13: the answer is 426.
    Version,
    /// Its `Sec-WebSocket-Key` is not 16 bytes in base64.
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

/// Checks the fields of a request, and returns the value for `Sec-WebSocket-Accept`. RFC 6455, section 4.2.1
///
/// # Errors
///
/// [`NotAnUpgrade`] says which rule the request violates.
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
    fn the_example_of_the_rfc() {
        let key = Some(&b"dGhlIHNhbXBsZSBub25jZQ=="[..]);
        let accept = check_request(b"GET", Some(b"foo, WebSocket"), Some(b"13"), key);
        assert_eq!(accept.as_deref(), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[test]
    fn requests_that_are_no_upgrade_are_refused() {
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
