//! Requests that two parsers might read differently: each is refused, with the status that the product
//! documents, and nothing after it on the connection is read as a request. And odd requests that are sound.

use crate::common::{Handler, Seen, drive, refusal, text};
use nano_http::{Limits, Refusal as R};

/// What follows each refused request: a second request, which must never be seen.
const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Requests refused at the head.
const HEADS: &[(&[u8], R)] = &[
    // Content-Length
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        R::ContentLengthRepeated,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        R::ContentLengthRepeated,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n",
        R::ContentLengthRepeated,
    ),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", R::ContentLengthRepeated),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\r\n\r\n", R::ContentLengthRepeated),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5e1\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_000\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: five\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"5\"\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa5\r\n\r\n", R::ContentLengthInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n", R::BodyTooLarge),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", R::BodyTooLarge),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999999999999999\r\n\r\n",
        R::BodyTooLarge,
    ),
    (b"GET / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", R::ContentLengthRepeated),
    // Transfer-Encoding
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        R::LengthAndCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        R::LengthAndCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
        R::LengthAndCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n",
        R::LengthAndCoding,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\ntRANSFER-eNCODING: chunked\r\nContent-Length: 5\r\n\r\n",
        R::LengthAndCoding,
    ),
    (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", R::CodingInHttp10),
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\n\r\n", R::CodingInHttp10),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", R::CodingUnknown),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", R::CodingUnknown),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", R::CodingUnknown),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n", R::CodingUnknown),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        R::CodingUnknown,
    ),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", R::CodingUnknown),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunkedx\r\n\r\n", R::CodingUnknown),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x;a=b, chunked\r\n\r\n", R::CodingUnknown),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", R::CodingInvalid),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        R::CodingInvalid,
    ),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", R::CodingInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", R::CodingInvalid),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        R::CodingInvalid,
    ),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", R::CodingInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", R::CodingInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n", R::CodingInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", R::CodingInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", R::CodingInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: 'chunked'\r\n\r\n", R::CodingUnknown),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked foo\r\n\r\n", R::CodingInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\xa0\r\n\r\n", R::CodingInvalid),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\0\r\n\r\n", R::ControlCharacter),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0b\r\n\r\n", R::ControlCharacter),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0cchunked\r\n\r\n", R::ControlCharacter),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\r\n\r\n", R::BareCarriageReturn),
    // Names
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", R::FieldName),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n", R::FieldName),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n", R::FieldName),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", R::FieldName),
    (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", R::FieldName),
    (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", R::FieldName),
    (b"GET / HTTP/1.1\r\nHost: a\r\nname\r\n\r\n", R::FieldName),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX(a): b\r\n\r\n", R::FieldName),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\"a: b\r\n\r\n", R::FieldName),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: b\r\n\r\n", R::FieldName),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", R::ControlCharacter),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX\x7f: b\r\n\r\n", R::ControlCharacter),
    // Folding and line ends
    (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", R::LineFolding),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", R::LineFolding),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n", R::LineFolding),
    (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", R::LineFolding),
    (b"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", R::LineFolding),
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", R::BareLineFeed),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", R::BareLineFeed),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", R::BareLineFeed),
    (b"GET / HTTP/1.1\nHost: a\n\n", R::BareLineFeed),
    (b"GET / HTTP/1.1\r\nX: a\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n", R::BareLineFeed),
    (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", R::BareLineFeed),
    (b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", R::BareLineFeed),
    (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", R::BareCarriageReturn),
    (b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / HTTP/1.1\r\nX: a\rTransfer-Encoding: chunked\r\nHost: a\r\n\r\n", R::BareCarriageReturn),
    (b"GET / HTTP/1.1\r\rHost: a\r\n\r\n", R::BareCarriageReturn),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", R::BareCarriageReturn),
    (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", R::BareCarriageReturn),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", R::ControlCharacter),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x08b\r\n\r\n", R::ControlCharacter),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x1bb\r\n\r\n", R::ControlCharacter),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", R::ControlCharacter),
    // Request line
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET /\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET HTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / http/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / HTTP/1.1x\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / HTTP/11\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / HTTP/1.\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / HTTP/1,1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / ICY/1.1\r\nHost: a\r\n\r\n", R::RequestLine),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", R::Version),
    (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", R::Version),
    (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", R::Version),
    (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", R::Version),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", R::Version),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", R::ControlCharacter),
    (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", R::ControlCharacter),
    // Targets
    (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET ?x HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", R::Target),
    (b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", R::HostInvalid),
    (b"GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n", R::HostInvalid),
    (b"GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n", R::HostInvalid),
    (b"GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n", R::HostInvalid),
    (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", R::Connect),
    (b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", R::Connect),
    // Host
    (b"GET / HTTP/1.1\r\n\r\n", R::HostMissing),
    (b"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", R::HostMissing),
    (b"GET http://a/ HTTP/1.1\r\n\r\n", R::HostMissing),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", R::HostRepeated),
    (b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", R::HostRepeated),
    (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", R::HostRepeated),
    (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", R::HostInvalid),
    (b"GET / HTTP/1.1\r\nHost: a\xc3\xa9\r\n\r\n", R::HostInvalid),
    // Expect
    (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n", R::Expectation),
    (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\nContent-Length: 1\r\n\r\n", R::Expectation),
];

/// Bodies that are refused, after a head with chunked.
const CHUNKED: &[(&[u8], R)] = &[
    (b"x\r\n", R::ChunkSize),
    (b"\r\n", R::ChunkSize),
    (b"-1\r\n", R::ChunkSize),
    (b"+1\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"0x1\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b" 1\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"1 \r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"1\t\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"1 ;a\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"1 1\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"1,1\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"1\r\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"1\0\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"00000000000000001\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"10000000000000001\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"FFFFFFFFFFFFFFFFFF\r\na\r\n0\r\n\r\n", R::ChunkSize),
    (b"FFFFFFFFFFFFFFFF\r\na\r\n0\r\n\r\n", R::BodyTooLarge),
    (b"8000000000000000\r\na\r\n0\r\n\r\n", R::BodyTooLarge),
    (b"1\r\na\r\nFFFFFFFFFFFFFFFF\r\n", R::BodyTooLarge),
    (b"1\na\r\n0\r\n\r\n", R::BareLineFeed),
    (b"1\r\na\n0\r\n\r\n", R::ChunkEnd),
    (b"1\r\na\r0\r\n\r\n", R::ChunkEnd),
    (b"1\r\nab\r\n0\r\n\r\n", R::ChunkEnd),
    (b"1\r\na0\r\n\r\n", R::ChunkEnd),
    (b"1\r\na\n\r\n0\r\n\r\n", R::ChunkEnd),
    (b"1\r\na\r\r\n0\r\n\r\n", R::ChunkEnd),
    (b"1;\r\na\r\n0\r\n\r\n", R::ChunkExtension),
    (b"1;a=\r\na\r\n0\r\n\r\n", R::ChunkExtension),
    (b"1;a=\"b\r\na\r\n0\r\n\r\n", R::ChunkExtension),
    (b"1;a\rb\r\na\r\n0\r\n\r\n", R::ChunkExtension),
    (b"1;a\nb\r\na\r\n0\r\n\r\n", R::BareLineFeed),
    (b"1;a\0\r\na\r\n0\r\n\r\n", R::ChunkExtension),
    (b"0\r\n\n", R::BareLineFeed),
    (b"0\r\n\r\r\n", R::BareCarriageReturn),
    (b"0\r\nx : y\r\n\r\n", R::FieldName),
    (b"0\r\nx: y\r\n z\r\n\r\n", R::LineFolding),
    (b"0\r\nx: y\n\r\n", R::BareLineFeed),
    (b"0\r\nx: \0\r\n\r\n", R::ControlCharacter),
    (b"0\r\nContent-Length: 5\r\n\r\n", R::TrailerForbidden),
    (b"0\r\nTransfer-Encoding: chunked\r\n\r\n", R::TrailerForbidden),
    (b"0\r\nhost: b\r\n\r\n", R::TrailerForbidden),
    (b"0\r\nAuthorization: b\r\n\r\n", R::TrailerForbidden),
];

pub fn all_vectors() -> Vec<(Vec<u8>, R)> {
    let heads = HEADS.iter().map(|(bytes, refusal)| (bytes.to_vec(), *refusal));
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let bodies = CHUNKED.iter().map(|(bytes, refusal)| ([head, *bytes].concat(), *refusal));
    heads.chain(bodies).collect()
}

#[test]
fn every_vector_is_refused_and_nothing_after_it_is_served() {
    for (request, expected) in all_vectors() {
        let bytes = [&request[..], SMUGGLED].concat();
        let (seen, output) = drive(&Limits::default(), Handler::ReadsAll, [&bytes[..]]);
        let name = text(&request);
        let refused = seen.iter().find_map(|s| if let Seen::Refused(r) = s { Some(*r) } else { None });
        assert_eq!(refused, Some(expected), "{name}");
        assert!(
            !seen.iter().any(|s| matches!(s, Seen::Head(h) if h.path == "/smuggled")),
            "{name}: {seen:?}"
        );
        let status = format!("HTTP/1.1 {} ", expected.status());
        let output = String::from_utf8(output).expect("text");
        assert!(output.starts_with(&status), "{name}: {output}");
        assert!(output.contains("\r\nConnection: close\r\n"), "{name}: {output}");
        assert_eq!(
            output.matches("HTTP/1.1 ").count(),
            1 + usize::from(expected == R::Version),
            "{name}: {output}"
        );
    }
}

#[test]
fn the_statuses_are_the_documented_ones() {
    let mut by_status = std::collections::BTreeMap::<u16, usize>::new();
    for (_, refusal) in all_vectors() {
        *by_status.entry(refusal.status()).or_default() += 1;
    }
    assert_eq!(by_status.keys().copied().collect::<Vec<_>>(), [400, 413, 417, 501, 505]);
    assert_eq!(R::HeadTooLarge.status(), 431);
    assert_eq!(R::TooManyFields.status(), 431);
    assert_eq!(R::TrailersTooLarge.status(), 431);
}

#[test]
fn odd_but_sound_requests_are_served() {
    let sound: &[&[u8]] = &[
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"M-SEARCH~ / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET //x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /?a=\"<>{}|\\^`'[] HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\t\x80\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX!#$%&'*+-.^_`|~1: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0001\r\n\r\nx",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET HTTPS://b:8/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n1;a=b\r\nx\r\n000\r\nx: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \t chunked \r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nExpect: anything\r\nContent-Length: 1\r\n\r\nx",
    ];
    for request in sound {
        assert_eq!(refusal(&Limits::default(), request), None, "{}", text(request));
        let (seen, output) = drive(&Limits::default(), Handler::ReadsAll, [*request]);
        assert_eq!(seen.len(), 3, "{}: {seen:?}", text(request));
        assert!(output.starts_with(b"HTTP/1.1 200 "), "{}", text(request));
    }
}
