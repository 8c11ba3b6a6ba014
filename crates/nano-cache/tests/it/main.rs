//! What is stored, for whom and for how long; what goes when room runs out; what the disk gives back.

use nano_cache::{Hit, Limits, Lookup, NotStored, Now, Request, Response, Store, Tenant};
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

const URL: &str = "https://a.example/x";

fn now() -> Now {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000), steady: *BEGUN }
}

fn fields(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn put(
    tenant: &Tenant,
    url: &str,
    request: &[(&str, &str)],
    status: u16,
    response: &[(&str, &str)],
    body: &[u8],
) -> Result<(), NotStored> {
    let headers = fields(request);
    let head = Response { status, status_text: String::new(), headers: fields(response) };
    tenant.put("default", &Request { url, headers: &headers }, head, body.into(), now())
}

fn get(tenant: &Tenant, url: &str, request: &[(&str, &str)], later: u64) -> Option<Hit> {
    let headers = fields(request);
    match tenant.look_up("default", &Request { url, headers: &headers }, now() + Duration::from_secs(later)) {
        Lookup::Hit(hit) => Some(hit),
        Lookup::Miss => None,
    }
}

fn text(hit: &Hit) -> String {
    let mut bytes = vec![0; hit.body.len() as usize];
    let mut at = 0;
    while at < bytes.len() {
        let count = hit.body.read(at as u64, &mut bytes[at..]).unwrap();
        assert!(count > 0);
        at += count;
    }
    String::from_utf8(bytes).unwrap()
}

fn header<'h>(hit: &'h Hit, name: &str) -> Option<&'h str> {
    hit.response.headers.iter().find(|field| field.0 == name).map(|field| &*field.1)
}

#[test]
fn tenants_caches_and_urls_are_apart() {
    let store = Store::new(Limits::default());
    let a = store.tenant("a");
    put(&a, "https://a.example/x#fragment", &[], 200, &[], b"1").unwrap();
    assert_eq!(text(&get(&a, URL, &[], 0).unwrap()), "1");
    assert!(get(&store.tenant("b"), URL, &[], 0).is_none());
    assert!(get(&a, "https://a.example/y", &[], 0).is_none());
    let other = Request { url: URL, headers: &[] };
    assert!(matches!(a.look_up("other", &other, now()), Lookup::Miss));
    assert!(a.delete("default", &other) && !a.delete("default", &other));
    assert_eq!(store.memory_bytes(), 0);
}

#[test]
fn how_long() {
    let date = |seconds: i64| httpdate_of(seconds);
    let (then, soon) = (date(-50), date(40));
    for (headers, fresh) in [
        (&[][..], 7200),
        (&[("cache-control", "max-age=60")], 60),
        (&[("cache-control", "max-age=60, S-MaxAge=\"10\"")], 10),
        (&[("cache-control", "max-age=60"), ("age", "20")], 40),
        (&[("cache-control", "max-age=60"), ("date", &then)], 10),
        (&[("expires", &soon)], 40),
        (&[("expires", &soon), ("cache-control", "max-age=5")], 5),
        (&[("last-modified", &date(-1000))], 100),
        (&[("last-modified", &date(-100_000_000))], 86_400),
    ] {
        let tenant = Store::new(Limits::default()).tenant("a");
        put(&tenant, URL, &[], 200, headers, b"x").unwrap();
        assert!(get(&tenant, URL, &[], fresh - 1).is_some(), "{headers:?}");
        assert!(get(&tenant, URL, &[], fresh).is_none(), "{headers:?}");
        assert!(get(&tenant, URL, &[], 0).is_none(), "stale entries are gone: {headers:?}");
    }
    let tenant = Store::new(Limits::default()).tenant("a");
    put(&tenant, URL, &[], 200, &[("cache-control", "max-age=60"), ("age", "7")], b"x").unwrap();
    assert_eq!(header(&get(&tenant, URL, &[], 3).unwrap(), "age"), Some("10"));
}

#[test]
fn a_calendar_that_is_set_makes_nothing_older_or_younger() {
    let tenant = Store::new(Limits::default()).tenant("a");
    put(&tenant, URL, &[], 200, &[("cache-control", "max-age=60")], b"x").unwrap();
    let day = Duration::from_secs(86_400);
    let look = |wall, later| {
        let time = Now { wall, steady: now().steady + Duration::from_secs(later) };
        match tenant.look_up("default", &Request { url: URL, headers: &[] }, time) {
            Lookup::Hit(hit) => header(&hit, "age").map(str::to_owned),
            Lookup::Miss => None,
        }
    };
    assert_eq!(look(now().wall + day, 30).as_deref(), Some("30"));
    assert_eq!(look(now().wall - day, 59).as_deref(), Some("59"));
    assert_eq!(look(now().wall - day, 60), None);
}

fn httpdate_of(offset: i64) -> String {
    let seconds = 1_800_000_000i64 + offset;
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds as u64))
}

#[test]
fn what_may_not_be_stored() {
    for (status, headers) in [
        (206, &[][..]),
        (304, &[]),
        (200, &[("vary", "accept, *")]),
        (200, &[("cache-control", "no-store")]),
        (200, &[("cache-control", "max-age=60, private")]),
        (200, &[("cache-control", "no-cache")]),
        (200, &[("cache-control", "max-age=0")]),
        (200, &[("cache-control", "max-age=x")]),
        (200, &[("expires", "0")]),
        (200, &[("set-cookie", "a=b")]),
    ] {
        let tenant = Store::new(Limits::default()).tenant("a");
        put(&tenant, URL, &[], 200, &[], b"before").unwrap();
        assert_eq!(
            put(&tenant, URL, &[], status, headers, b"x"),
            Err(NotStored::Forbidden),
            "{status} {headers:?}"
        );
        assert!(get(&tenant, URL, &[], 0).is_none(), "what was there is gone: {status} {headers:?}");
    }
    let tenant = Store::new(Limits::default()).tenant("a");
    let headers = [
        ("set-cookie", "a=b"),
        ("cache-control", "private=\"Set-Cookie, x\""),
        ("x", "1"),
        ("y", "2"),
        ("connection", "close"),
        ("trailer", "x-checksum"),
    ];
    put(&tenant, URL, &[], 404, &headers, b"x").unwrap();
    let hit = get(&tenant, URL, &[], 0).unwrap();
    assert_eq!(
        (hit.response.status, header(&hit, "set-cookie"), header(&hit, "x"), header(&hit, "connection")),
        (404, None, None, None)
    );
    assert_eq!((header(&hit, "y"), header(&hit, "trailer")), (Some("2"), None));
}

#[test]
fn variants() {
    let tenant = Store::new(Limits::default()).tenant("a");
    let vary = [("vary", "Accept-Language, accept")];
    put(&tenant, URL, &[("accept-language", "de")], 200, &vary, b"de").unwrap();
    put(&tenant, URL, &[("accept-language", "en"), ("accept", "x")], 200, &vary, b"en").unwrap();
    assert_eq!(text(&get(&tenant, URL, &[("accept-language", "de"), ("other", "1")], 0).unwrap()), "de");
    assert_eq!(text(&get(&tenant, URL, &[("accept-language", "en"), ("accept", "x")], 0).unwrap()), "en");
    assert!(get(&tenant, URL, &[("accept-language", "en")], 0).is_none());
    assert!(get(&tenant, URL, &[], 0).is_none());
}

#[test]
fn conditions_and_ranges() {
    let tenant = Store::new(Limits::default()).tenant("a");
    let changed = httpdate_of(-1000);
    put(
        &tenant,
        URL,
        &[],
        200,
        &[("etag", "\"v1\""), ("last-modified", &changed), ("content-length", "10")],
        b"0123456789",
    )
    .unwrap();
    let status = |request: &[(&str, &str)]| get(&tenant, URL, request, 0).unwrap().response.status;
    assert_eq!(status(&[("if-none-match", "\"v0\", W/\"v1\"")]), 304);
    assert_eq!(status(&[("if-none-match", "*")]), 304);
    assert_eq!(status(&[("if-none-match", "\"v2\""), ("if-modified-since", &changed)]), 200);
    assert_eq!(status(&[("if-modified-since", &changed)]), 304);
    assert_eq!(status(&[("if-modified-since", &httpdate_of(-2000))]), 200);
    for (range, expected, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ] {
        let hit = get(&tenant, URL, &[("range", range)], 0).unwrap();
        assert_eq!((hit.response.status, text(&hit).as_str()), (206, expected), "{range}");
        assert_eq!(header(&hit, "content-range"), Some(content_range));
        assert_eq!(header(&hit, "content-length"), Some(expected.len().to_string().as_str()));
    }
    for range in ["bytes=10-", "bytes=-0"] {
        let hit = get(&tenant, URL, &[("range", range)], 0).unwrap();
        assert_eq!(
            (hit.response.status, header(&hit, "content-range"), hit.body.len()),
            (416, Some("bytes */10"), 0)
        );
    }
    for ignored in ["bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x-", "bytes=-"] {
        assert_eq!(status(&[("range", ignored)]), 200, "{ignored}");
    }
    assert_eq!(status(&[("range", "bytes=1-"), ("if-range", "\"v1\"")]), 206);
    assert_eq!(status(&[("range", "bytes=1-"), ("if-range", "\"v2\"")]), 200);
}

#[test]
fn bounds_at_and_beyond() {
    let limits = Limits { object_bytes: 100, disk_bytes: 0, ..Limits::default() };
    let tenant = Store::new(limits.clone()).tenant("a");
    assert_eq!(put(&tenant, URL, &[], 200, &[], &[0; 100]), Ok(()));
    assert_eq!(put(&tenant, URL, &[], 200, &[], &[0; 101]), Err(NotStored::TooLarge));

    let store = Store::new(Limits { tenant_entries: 3, ..limits.clone() });
    let tenant = store.tenant("a");
    put(&store.tenant("b"), URL, &[], 200, &[], b"b").unwrap();
    for number in 0..3 {
        put(&tenant, &format!("{URL}{number}"), &[], 200, &[], b"x").unwrap();
    }
    assert!(get(&tenant, &format!("{URL}0"), &[], 0).is_some());
    put(&tenant, &format!("{URL}3"), &[], 200, &[], b"x").unwrap();
    // What was used last stays, and the neighbour's.
    assert!(
        get(&tenant, &format!("{URL}0"), &[], 0).is_some()
            && get(&tenant, &format!("{URL}1"), &[], 0).is_none()
    );
    assert!(get(&store.tenant("b"), URL, &[], 0).is_some());

    let store = Store::new(Limits { memory_bytes: 2000, ..limits });
    for number in 0..100 {
        put(&store.tenant("a"), &format!("{URL}{number}"), &[], 200, &[], &[0; 100]).unwrap();
        assert!(store.memory_bytes() <= 2000);
    }
    assert!(get(&store.tenant("a"), &format!("{URL}99"), &[], 0).is_some());
}

#[test]
fn what_does_not_fit_into_memory_is_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits {
        memory_bytes: 40_000,
        disk_bytes: 300_000,
        directory: directory.path().to_owned(),
        ..Limits::default()
    };
    let store = Store::new(limits);
    let tenant = store.tenant("a");
    let body = |number: u8| vec![b'a' + number; 10_000];
    for number in 0..20 {
        put(&tenant, &format!("{URL}{number}"), &[], 200, &[], &body(number)).unwrap();
        // The writer may be behind; what waits for it is in memory.
        let patience = std::time::Instant::now();
        while store.memory_bytes() > 40_000 {
            assert!(patience.elapsed() < Duration::from_secs(60), "nothing is written");
            std::thread::yield_now();
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the file has no name");
    let held = get(&tenant, &format!("{URL}0"), &[], 0).unwrap();
    assert!(held.body.in_memory().is_none());
    for number in 0..20 {
        let hit = get(&tenant, &format!("{URL}{number}"), &[], 0).unwrap();
        assert!(text(&hit).as_bytes() == body(number), "{number}");
    }
    // Round and round: what somebody reads is not written over.
    for number in 0..100 {
        put(&tenant, &format!("{URL}more{number}"), &[], 200, &[], &body(number % 20)).unwrap();
        assert!(text(&held).bytes().all(|byte| byte == b'a'));
    }
}

proptest! {
    #[test]
    fn bookkeeping_ends_where_it_began(steps in prop::collection::vec((0..4u8, 0..3u8, 0..8u8, 0..3000usize), 1..80)) {
        let store = Store::new(Limits { memory_bytes: 10_000, disk_bytes: 0, tenant_bytes: 7000, tenant_entries: 5, ..Limits::default() });
        for (what, tenant, url, size) in steps {
            let tenant = store.tenant(&tenant.to_string());
            let url = format!("{URL}{url}");
            match what {
                0 | 1 => { let _ = put(&tenant, &url, &[("a", if size % 2 == 0 { "x" } else { "y" })], 200, &[("vary", "a")], &vec![0; size]); }
                2 => { get(&tenant, &url, &[("a", "x")], size as u64 * 4); }
                _ => { tenant.delete("default", &Request { url: &url, headers: &[] }); }
            }
            prop_assert!(store.memory_bytes() <= 10_000);
        }
        for tenant in 0..3u8 {
            for url in 0..8u8 {
                for value in ["x", "y"] {
                    let headers = fields(&[("a", value)]);
                    store.tenant(&tenant.to_string()).delete("default", &Request { url: &format!("{URL}{url}"), headers: &headers });
                }
            }
        }
        prop_assert_eq!(store.memory_bytes(), 0);
    }

    #[test]
    fn any_field_is_read_or_ignored(name in "(cache-control|range|vary|expires|age|date|if-none-match|last-modified)", value in "[ -~]{0,30}") {
        let tenant = Store::new(Limits::default()).tenant("a");
        let _ = put(&tenant, URL, &[], 200, &[(&name, &value)], b"0123456789");
        let _ = put(&tenant, URL, &[], 200, &[("etag", "x")], b"0123456789");
        let hit = get(&tenant, URL, &[(&name, &value)], 0);
        prop_assert!(hit.is_some_and(|hit| hit.body.len() <= 10));
    }
}
