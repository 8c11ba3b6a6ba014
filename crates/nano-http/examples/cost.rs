//! What a request costs here, without sockets: nanoseconds for parsing and answering, and allocations.
//! Run it with `cargo run --release -p nano-http --example cost`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nano_http::{BodyLength, BufferPool, Connection, Input, Limits, ResponseHead, push_field};

struct Counting;
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: passes everything on to the system's allocator, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WRK: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n";

const BROWSER: &[u8] = b"GET /articles/2024/how-things-work?ref=home HTTP/1.1\r\n\
Host: www.example.com\r\n\
Connection: keep-alive\r\n\
sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
Upgrade-Insecure-Requests: 1\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
Sec-Fetch-Site: same-origin\r\n\
Referer: https://www.example.com/articles\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=1\r\n\r\n";

const UPLOAD: &[u8] =
    b"POST /items HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

fn measure(name: &str, mut once: impl FnMut()) {
    for _ in 0..20_000 {
        once();
    }
    let mut best = f64::MAX;
    let mut allocations = 0;
    for _ in 0..20 {
        const TIMES: u32 = 50_000;
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let start = Instant::now();
        for _ in 0..TIMES {
            once();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(TIMES));
        allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    }
    println!("{name:<58} {best:>7.0} ns {allocations:>4} allocations in 50,000");
}

fn exchange(http: &mut Connection, pool: &mut BufferPool, request: &[u8], head: &ResponseHead<'_>) {
    http.take_buffers(pool);
    // The copy stands for the socket's.
    let n = http.fill(|room| {
        room[..request.len()].copy_from_slice(request);
        Ok(request.len())
    });
    assert!(n.is_ok());
    assert_eq!(http.next(), Ok(Input::Head));
    if http.head().has_body() {
        loop {
            match http.next() {
                Ok(Input::Body) => http.consume(black_box(http.body()).len()),
                Ok(Input::BodyEnd) => break,
                other => panic!("{other:?}"),
            }
        }
    }
    black_box(http.head().path());
    http.respond_with(*head, b"Hello, world!").expect("a response is due");
    http.wrote(black_box(http.output()).len());
    http.give_buffers(pool);
}

fn main() {
    let mut block = Vec::new();
    push_field(&mut block, b"content-type", b"text/plain;charset=UTF-8").expect("valid");
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    let head = ResponseHead { date: Some(date), ..ResponseHead::new(200, &block) };
    let mut pool = BufferPool::default();
    let mut http = Connection::new(Limits::default());

    measure("GET / with Host, parsed and answered", || exchange(&mut http, &mut pool, WRK, &head));
    measure("12 header fields (a browser's), parsed and answered", || {
        exchange(&mut http, &mut pool, BROWSER, &head);
    });
    measure("POST with two chunks, parsed, read and answered", || {
        exchange(&mut http, &mut pool, UPLOAD, &head);
    });
    measure("GET / in two reads", || {
        http.take_buffers(&mut pool);
        http.receive(&WRK[..20]);
        assert_eq!(http.next(), Ok(Input::NeedMore));
        http.receive(&WRK[20..]);
        assert_eq!(http.next(), Ok(Input::Head));
        http.respond_with(head, b"Hello, world!").expect("a response is due");
        http.wrote(http.output().len());
        http.give_buffers(&mut pool);
    });
    let part = vec![7u8; 16 << 10];
    measure("GET / answered with 4 chunks of 16 KiB", || {
        http.take_buffers(&mut pool);
        http.receive(WRK);
        assert_eq!(http.next(), Ok(Input::Head));
        http.respond(head, BodyLength::Unknown).expect("a response is due");
        for _ in 0..4 {
            http.send_body(&part).expect("chunked");
            http.wrote(http.output().len());
        }
        http.finish(None).expect("responding");
        http.wrote(http.output().len());
        http.give_buffers(&mut pool);
    });
    println!("a connection itself: {} bytes", size_of::<Connection>());
}
