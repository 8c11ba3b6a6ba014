//! What an isolate costs: time to make one, time to put an application into it, memory. `cargo run --release
//! --example density`.

use nano_loop::{Config, Loop};
use nano_runtime::{
    Application, Bindings, BodyLength, BodyRead, Console, Exchange, FailureCause, Level, Limits,
    ResponseHead, Runtime, RuntimeOptions, THREAD_STACK_BYTES, Written, YOUNG_BYTES,
};
use std::rc::Rc;
use std::time::Instant;

struct Quiet;
impl Console for Quiet {
    fn print(&self, _: &str, _: Level, text: &str) {
        eprintln!("{text}");
    }
}

/// A request that nobody sent.
#[derive(Default)]
struct Visit(std::cell::Cell<bool>);
impl Exchange for Visit {
    fn body_length(&self) -> BodyLength {
        BodyLength::None
    }
    fn read_body(&self) -> BodyRead {
        BodyRead::End
    }
    fn cancel_body(&self) {}
    fn respond(&self, _: &ResponseHead<'_>, _: Option<&[u8]>) {
        self.0.set(true);
    }
    fn respond_stream(&self, _: &ResponseHead<'_>) -> bool {
        false
    }
    fn respond_pipe(&self, _: &ResponseHead<'_>) {}
    fn write(&self, _: &[u8]) -> Written {
        Written::Gone
    }
    fn finish(&self) {}
    fn fail(&self, _: FailureCause, reason: &str) {
        eprintln!("{reason}");
    }
    fn wait_until(&self, _: i32) {}
    fn is_over(&self) -> bool {
        self.0.get()
    }
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn measure(count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join(format!("density-{}.js", std::process::id()));
    std::fs::write(
        &path,
        "export default { async fetch(request) { const url = new URL(request.url); return new Response(url.pathname, { headers: { \"x-a\": \"b\" } }); } };",
    )?;
    let runtime = Runtime::new(
        Rc::new(Loop::new(Config::default())?),
        RuntimeOptions {
            spares: count,
            young_bytes: YOUNG_BYTES,
            console: Rc::new(Quiet),
            network: Default::default(),
        },
    )?;
    let mut made = Vec::new();
    let before = resident_bytes();
    while runtime.spares() < count {
        let start = Instant::now();
        runtime.idle();
        made.push(start.elapsed());
    }
    runtime.set_spares(0);
    let bare = (resident_bytes() - before) / count;
    let mut loaded = Vec::new();
    let mut instances = Vec::new();
    for _ in 0..count {
        let app = Application::open("density", &path, Bindings::default(), Limits::default(), false)?;
        let start = Instant::now();
        instances.push(runtime.instance(&app)?);
        loaded.push(start.elapsed());
    }
    let with_app = (resident_bytes() - before) / count;
    std::fs::remove_file(&path)?;
    made.sort();
    loaded.sort();
    let heap = instances.iter().map(|instance| instance.heap_bytes()).sum::<usize>() / count;
    println!("isolates: {count}");
    println!("making one: p50 {:?}, p99 {:?}", made[count / 2], made[count * 99 / 100]);
    println!("loading an application: p50 {:?}, p99 {:?}", loaded[count / 2], loaded[count * 99 / 100]);
    println!(
        "memory each: {} KB bare, {} KB with the application; heap as counted {} KB",
        bare >> 10,
        with_app >> 10,
        heap >> 10
    );
    let mut visited = Vec::new();
    for instance in &instances {
        let start = Instant::now();
        runtime.request(
            instance,
            Rc::new(Visit::default()),
            b"GET\nhttp://example.com/path?query\nhost: example.com\r\n",
        );
        visited.push(start.elapsed());
    }
    visited.sort();
    println!("first request: p50 {:?}, p99 {:?}", visited[count / 2], visited[count * 99 / 100]);
    println!("visited: {} KB", ((resident_bytes() - before) / count) >> 10);
    while runtime.has_idle_work() && runtime.idle() {}
    println!("with code caches made: {} KB", ((resident_bytes() - before) / count) >> 10);
    let start = Instant::now();
    runtime.collect_garbage();
    println!("collecting garbage: {:?} each", start.elapsed() / count as u32);
    println!("after a collection: {} KB", ((resident_bytes() - before) / count) >> 10);
    if std::env::var_os("SMAPS").is_some() {
        maps();
    }
    Ok(())
}

/// Where the memory is, by size of mapping.
fn maps() {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let mut by_kind: std::collections::BTreeMap<String, (usize, usize)> = Default::default();
    let mut kind = String::new();
    for line in text.lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        if let Some((from, to)) = fields[0].split_once('-').filter(|_| !fields[0].ends_with(':')) {
            let size =
                usize::from_str_radix(to, 16).unwrap_or(0) - usize::from_str_radix(from, 16).unwrap_or(0);
            kind = format!("{} {} {} KB", fields.get(5).unwrap_or(&"anonymous"), fields[1], size >> 10);
        } else if fields[0] == "Rss:" {
            let entry = by_kind.entry(kind.clone()).or_default();
            entry.0 += fields[1].parse::<usize>().unwrap_or(0);
            entry.1 += 1;
        }
    }
    let mut sorted: Vec<_> = by_kind.into_iter().collect();
    sorted.sort_by_key(|(_, (resident, _))| std::cmp::Reverse(*resident));
    for (kind, (resident, count)) in sorted.iter().take(16) {
        println!("  {resident:>8} KB in {count:>5}: {kind}");
    }
}

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(200);
    nano_runtime::initialize();
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(move || {
        if let Err(error) = measure(count) {
            eprintln!("{error}");
        }
    });
    let _ = thread.map(std::thread::JoinHandle::join);
}
