//! Redirects: what the next request is. Fetch standard, section 4.4 "HTTP-redirect fetch".

use crate::error::{ErrorKind, FetchError};
use crate::request::{Request, RequestBody};
use url::Url;

/// "redirect status"
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

fn failed(reason: impl Into<String>) -> FetchError {
    FetchError::new(ErrorKind::Redirect, reason)
}

/// "location URL": where a response points to, relative to the request's URL.
fn location_url(location: &[u8], base: &Url) -> Result<Url, FetchError> {
    // Bytes beyond ASCII are UTF-8 nearly always; else they are sent back as they came.
    let text = match std::str::from_utf8(location) {
        Ok(text) => text.to_owned(),
        Err(_) => location.iter().fold(String::new(), |mut text, &byte| {
            if byte.is_ascii() {
                text.push(byte as char);
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
            text
        }),
    };
    let mut url = base
        .join(&text)
        .map_err(|error| failed(format!("the redirect's target {text:?} is no URL: {error}")))?;
    if url.fragment().is_none() {
        url.set_fragment(base.fragment());
    }
    Ok(url)
}

/// Makes the request that follows a redirect.
pub(crate) fn follow(request: &mut Request, status: u16, location: &[u8]) -> Result<(), FetchError> {
    let url = location_url(location, &request.url)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(failed(format!("the redirect leads to {:?}, which is not http or https", url.scheme())));
    }
    let same_origin = url.origin() == request.url.origin();
    if !same_origin && (!url.username().is_empty() || url.password().is_some()) {
        return Err(failed("the redirect leads to another origin with credentials in its URL"));
    }
    if status != 303 && matches!(request.body, RequestBody::Stream(_)) {
        return Err(failed("the redirect needs the request's body again, which was a stream"));
    }
    let to_get = match status {
        301 | 302 => request.method == "POST",
        303 => request.method != "GET" && request.method != "HEAD",
        _ => false,
    };
    if to_get {
        request.method = "GET".to_owned();
        request.body = RequestBody::None;
        request.headers.remove(&["content-encoding", "content-language", "content-location", "content-type"]);
    }
    if !same_origin {
        request.headers.remove(&["authorization", "cookie", "proxy-authorization"]);
        // A socket of the file system stands for one origin.
        request.unix = None;
    }
    request.url = url;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::AllowAll;
    use std::rc::Rc;

    fn request(method: &str) -> Request {
        let url = Url::parse("http://a.example/dir/page?q#frag").unwrap();
        let mut request = Request::new(method, url, Rc::new(AllowAll));
        request.body = RequestBody::Bytes(b"body".to_vec());
        for name in ["authorization", "cookie", "content-type", "x-a"] {
            request.headers.append(name.as_bytes(), b"1").unwrap();
        }
        request
    }

    fn names(request: &Request) -> Vec<String> {
        request.headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn methods_and_bodies() {
        for (status, method, then) in [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (303, "PUT", "GET"),
            (303, "HEAD", "HEAD"),
            (301, "PUT", "PUT"),
            (302, "DELETE", "DELETE"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
        ] {
            let mut next = request(method);
            follow(&mut next, status, b"/next").unwrap();
            assert_eq!(next.method, then, "{status} {method}");
            let kept = next.body != RequestBody::None;
            assert_eq!(kept, then == method, "{status} {method}");
            assert_eq!(next.headers.contains("content-type"), kept);
            assert_eq!(next.url.as_str(), "http://a.example/next#frag");
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        for (location, kept) in [
            ("/x", true),
            ("//a.example:80/x", true),
            ("//a.example:81/x", false),
            ("https://a.example/", false),
            ("//b.example/", false),
        ] {
            let mut next = request("GET");
            follow(&mut next, 302, location.as_bytes()).unwrap();
            let expected: &[&str] = if kept {
                &["authorization", "cookie", "content-type", "x-a"]
            } else {
                &["content-type", "x-a"]
            };
            assert_eq!(names(&next), expected, "{location}");
        }
    }

    #[test]
    fn where_it_cannot_lead() {
        for location in ["data:,x", "ftp://a.example/", "http://u:p@b.example/", "http://", "//"] {
            let kind = follow(&mut request("GET"), 302, location.as_bytes()).map_err(|error| error.kind);
            assert_eq!(kind, Err(ErrorKind::Redirect), "{location}");
        }
        let mut stream = request("POST");
        stream.body = RequestBody::Stream(None);
        assert!(follow(&mut stream.clone(), 307, b"/").is_err());
        assert!(follow(&mut stream.clone(), 302, b"/").is_err());
        assert!(follow(&mut stream, 303, b"/").is_ok());
        let mut fragment = request("GET");
        follow(&mut fragment, 302, "/\u{e9}#new".as_bytes()).unwrap();
        assert_eq!(fragment.url.as_str(), "http://a.example/%C3%A9#new");
        follow(&mut fragment, 302, b"/?\xff\xc3\xa9").unwrap();
        assert_eq!(fragment.url.as_str(), "http://a.example/?%FF%C3%A9#new");
    }
}
