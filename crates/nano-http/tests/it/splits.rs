//! What the bytes mean does not depend on how they arrive.

use crate::common::{Handler, drive, text};
use crate::smuggling::all_vectors;
use nano_http::Limits;

pub fn sound() -> Vec<Vec<u8>> {
    let pipelined = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2?q=1 HTTP/1.1\r\nhost: b\r\ncontent-length: 3\r\n\r\nabc\
        \r\nPUT /3 HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\na;n=v\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n\
        GET /4 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET http://h:1/5 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\nGET /6"
        .to_vec();
    let expecting =
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    let http10 = b"GET / HTTP/1.0\r\nAccept: */*\r\nX-Empty:\r\n\r\nGET / HTTP/1.0\r\n\r\n".to_vec();
    let cut = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc".to_vec();
    let cut_chunk = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc".to_vec();
    let cut_head = b"\r\nGET / HTTP/1.1\r\nHost: a\r\nX".to_vec();
    vec![pipelined, expecting, http10, cut, cut_chunk, cut_head, b"\r".to_vec(), b"\r\n".to_vec(), vec![]]
}

fn corpus() -> Vec<Vec<u8>> {
    let after = b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n";
    sound().into_iter().chain(all_vectors().into_iter().map(|(v, _)| [&v[..], after].concat())).collect()
}

#[test]
fn every_message_split_anywhere_means_the_same() {
    let limits = Limits::default();
    for handler in [Handler::ReadsAll, Handler::AnswersAtOnce] {
        for message in corpus() {
            let whole = drive(&limits, handler, [&message[..]]);
            for at in 0..=message.len() {
                let (a, b) = message.split_at(at);
                let pieces = [a, b].into_iter().filter(|p| !p.is_empty());
                assert_eq!(drive(&limits, handler, pieces), whole, "{} split at {at}", text(&message));
            }
            assert_eq!(drive(&limits, handler, message.chunks(1)), whole, "{} by bytes", text(&message));
            assert_eq!(drive(&limits, handler, message.chunks(3)), whole, "{} by threes", text(&message));
        }
    }
}

#[test]
fn tight_limits_are_found_at_the_same_byte_however_it_is_split() {
    let mut limits = Limits::default();
    limits.head_bytes = 70;
    limits.fields = 3;
    limits.trailer_bytes = 12;
    limits.chunk_line_bytes = 8;
    limits.chunk_extension_bytes = 6;
    limits.body_bytes = 10;
    limits.discard_bytes = 4;
    for handler in [Handler::ReadsAll, Handler::AnswersAtOnce] {
        for message in corpus() {
            let whole = drive(&limits, handler, [&message[..]]);
            for at in 0..=message.len() {
                let (a, b) = message.split_at(at);
                let pieces = [a, b].into_iter().filter(|p| !p.is_empty());
                assert_eq!(drive(&limits, handler, pieces), whole, "{} split at {at}", text(&message));
            }
            assert_eq!(drive(&limits, handler, message.chunks(1)), whole, "{} by bytes", text(&message));
        }
    }
}
