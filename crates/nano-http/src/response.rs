//! What a response's head looks like on the wire. It knows nothing of connections beyond the field that names
//! their fate.

/// The head of a response, as the application gives it.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// 200 to 999.
    pub status: u16,
    /// The reason phrase; `None` for the status's own. One with control characters counts as `None`.
    pub reason: Option<&'a [u8]>,
    /// Lines `name: value CRLF`, made with [`push_field`](crate::push_field), without any field of the class
    /// [`is_writers`](crate::FieldClasses::is_writers): those are written by the connection.
    pub header_block: &'a [u8],
    /// The Date field's value, which a driver formats once a second. `None` when the block has one.
    pub date: Option<&'a [u8; 29]>,
}

impl<'a> ResponseHead<'a> {
    /// A head with its status's own reason phrase and no Date.
    pub fn new(status: u16, header_block: &'a [u8]) -> ResponseHead<'a> {
        ResponseHead { status, reason: None, header_block, date: None }
    }
}

/// What the framing fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FramingFields {
    None,
    Length(u64),
    Chunked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionField {
    None,
    Close,
    KeepAlive,
}

pub(crate) fn write_head(
    out: &mut Vec<u8>,
    head: &ResponseHead<'_>,
    framing: FramingFields,
    connection: ConnectionField,
    body_len: usize,
) {
    out.reserve(head.header_block.len() + body_len + 192);
    write_status_line(out, head.status, head.reason);
    out.extend_from_slice(head.header_block);
    if let Some(date) = head.date {
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(b"\r\n");
    }
    match framing {
        FramingFields::None => {}
        FramingFields::Length(n) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        FramingFields::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    out.extend_from_slice(match connection {
        ConnectionField::None => b"\r\n",
        ConnectionField::Close => b"Connection: close\r\n\r\n",
        ConnectionField::KeepAlive => b"Connection: keep-alive\r\n\r\n",
    });
}

pub(crate) fn write_status_line(out: &mut Vec<u8>, status: u16, reason: Option<&[u8]>) {
    // A reason from outside is never a way to write another line.
    let reason = reason.filter(|r| r.iter().all(|&b| crate::grammar::is_field_byte(b)));
    if status == 200 && reason.is_none_or(|r| r == b"OK") {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason.unwrap_or_else(|| reason_phrase(status).as_bytes()));
    out.extend_from_slice(b"\r\n");
}

/// The reason phrase that the status registry gives; empty for a status it does not hold.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}
