//! Runs an application in another program, here for one request: `cargo run -p nano-runtime --example embed`.

use nano_loop::{Config, Loop, Wait};
use nano_runtime::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const CODE: &str = "export default { async fetch(request) {
    await new Promise((done) => setTimeout(done, 1));
    return new Response(`Hello from ${new URL(request.url).pathname}`);
} };";

struct Terminal;
impl Console for Terminal {
    fn print(&self, app: &str, _level: Level, text: &str) {
        eprintln!("{app}: {text}");
    }
}

/// A request without a body, and its response.
#[derive(Default)]
struct Call {
    body: RefCell<Vec<u8>>,
    is_over: Cell<bool>,
}

#[rustfmt::skip]
impl Exchange for Call {
    fn body_length(&self) -> BodyLength { BodyLength::None }
    fn read_body(&self) -> BodyRead { BodyRead::End }
    fn cancel_body(&self) {}
    fn respond(&self, _head: &ResponseHead<'_>, body: Option<&[u8]>) {
        self.body.borrow_mut().extend_from_slice(body.unwrap_or_default());
        self.finish();
    }
    fn respond_stream(&self, _head: &ResponseHead<'_>) -> bool { true }
    fn respond_pipe(&self, _head: &ResponseHead<'_>) { self.finish(); }
    fn write(&self, bytes: &[u8]) -> Written {
        self.body.borrow_mut().extend_from_slice(bytes);
        Written::Ready
    }
    fn finish(&self) { self.is_over.set(true); }
    fn fail(&self, _cause: FailureCause, reason: &str) {
        eprintln!("the request has failed: {reason}");
        self.finish();
    }
    fn wait_until(&self, _change: i32) {}
    fn is_over(&self) -> bool { self.is_over.get() }
}

fn call(url: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let path = std::env::temp_dir().join(format!("embed-{}.js", std::process::id()));
    std::fs::write(&path, CODE)?;
    let app = Application::open("hello", &path, Bindings::default(), Limits::default(), false)?;
    let (console, network) = (Rc::new(Terminal), ClientOptions::default());
    let options = RuntimeOptions { spares: 0, young_bytes: YOUNG_BYTES, console, network };
    let runtime = Runtime::new(Rc::new(Loop::new(Config::default())?), options)?;
    let instance = runtime.instance(&app)?;
    let exchange = Rc::new(Call::default());
    runtime.request(&instance, Rc::clone(&exchange) as Rc<dyn Exchange>, format!("GET\n{url}\n").as_bytes());
    while !exchange.is_over() {
        runtime.event_loop().poll(Wait::UntilNext)?;
        while let Some(event) = runtime.event_loop().next() {
            runtime.handle(&event);
        }
    }
    std::fs::remove_file(&path)?;
    Ok(String::from_utf8(exchange.body.take())?)
}

/// Asks the application for one page.
pub fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    initialize(); // V8, before the threads that run JavaScript; these need more stack than others.
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    let body = thread.spawn(|| call("http://example.com/there"))?.join().expect("no panic")?;
    assert_eq!(body, "Hello from /there");
    println!("{body}");
    Ok(())
}
