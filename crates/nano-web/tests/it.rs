//! The platform's JavaScript in V8, from a snapshot made here: each standard's tests (`js/*.js`) as they are and in an isolate
//! whose tenant has replaced the language's built-ins, and the path of a request through [`entry`].
//!
//! The clock is the test's own: timers are due in their order as soon as nothing else is left to do.

use nano_web::entry::{self, Entries};
use nano_web::{
    Account, BodyLength, BodyRead, CodeCaches, Exchange, ExchangeId, FailureCause, Host, Level, Message,
    ResponseHead, State, Written, snapshot,
};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

type Scope<'s, 'i> = v8::PinScope<'s, 'i>;

#[derive(Default)]
struct TestHost {
    caches: nano_cache::Store,
    now: Cell<f64>,
    timers: RefCell<Vec<(f64, u32, Option<f64>)>>,
    last_timer: Cell<u32>,
    printed: RefCell<Vec<String>>,
    tasks: Cell<u32>,
    alive: Cell<i32>,
    /// Names of broadcast channels that messages are wanted for.
    joined: RefCell<Vec<String>>,
    /// What was broadcast, with its name.
    sent: RefCell<Vec<(String, Arc<Message>)>>,
}

impl Host for TestHost {
    fn performance_now(&self) -> f64 {
        self.now.get()
    }
    fn time_origin(&self) -> f64 {
        1_700_000_000_000.0
    }
    fn timer_start(&self, delay_ms: f64, repeat: bool) -> u32 {
        let id = self.last_timer.get() + 1;
        self.last_timer.set(id);
        self.timers.borrow_mut().push((self.now.get() + delay_ms, id, repeat.then_some(delay_ms)));
        id
    }
    fn timer_cancel(&self, id: u32) {
        self.timers.borrow_mut().retain(|timer| timer.1 != id);
    }
    fn print(&self, level: Level, text: &str) {
        self.printed.borrow_mut().push(format!("{level:?} {text}"));
    }
    fn colors(&self) -> bool {
        false
    }
    fn post_task(&self) {
        self.tasks.set(self.tasks.get() + 1);
    }
    fn keep_alive(&self, change: i32) {
        self.alive.set(self.alive.get() + change);
    }
    fn broadcast_join(&self, name: &[u16]) {
        self.joined.borrow_mut().push(String::from_utf16_lossy(name));
    }
    fn broadcast_leave(&self, name: &[u16]) {
        let name = String::from_utf16_lossy(name);
        self.joined.borrow_mut().retain(|joined| *joined != name);
    }
    fn broadcast_post(&self, name: &[u16], message: &Arc<Message>) {
        self.sent.borrow_mut().push((String::from_utf16_lossy(name), Arc::clone(message)));
    }
    fn caches(&self) -> Option<nano_cache::Tenant> {
        Some(self.caches.tenant("test"))
    }
}

impl TestHost {
    /// The next timer that is due, if any; the clock goes on to it.
    fn next_timer(&self) -> Option<u32> {
        let mut timers = self.timers.borrow_mut();
        let first =
            timers.iter().enumerate().min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?.0;
        let (at, id, every) = timers.remove(first);
        self.now.set(self.now.get().max(at));
        if let Some(every) = every {
            timers.push((at + every, id, Some(every)));
        }
        Some(id)
    }
}

/// Limit of an isolate's account, for native buffers.
const ACCOUNT_BYTES: usize = 10 << 20;

thread_local! {
    static HOST: RefCell<Rc<TestHost>> = RefCell::default();
}

/// What the isolate of a test is made of.
struct World<'a> {
    host: &'a TestHost,
    state: &'a State,
    entries: &'a Entries,
}

/// Calls `with` in a new isolate on a thread of its own.
fn in_isolate<R: Send + 'static>(
    with: impl FnOnce(&mut Scope<'_, '_>, &World<'_>) -> R + Send + 'static,
) -> R {
    static SNAPSHOT: OnceLock<snapshot::Snapshot> = OnceLock::new();
    let made: &'static snapshot::Snapshot = SNAPSHOT.get_or_init(|| {
        v8::V8::set_flags_from_string(snapshot::V8_FLAGS);
        v8::V8::initialize_platform(v8::new_default_platform(1, false).make_shared());
        v8::V8::initialize();
        // As every isolate: on a thread that began after V8 was initialized.
        let made = std::thread::Builder::new().stack_size(8 << 20).spawn(snapshot::create).expect("a thread");
        made.join().expect("the platform does not panic").unwrap_or_else(|error| panic!("{error}"))
    });
    let body = move || {
        let params = v8::CreateParams::default()
            .snapshot_blob(v8::StartupData::from(&made.blob[..]))
            .external_references(snapshot::external_references());
        let mut isolate = v8::Isolate::new(params);
        isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        isolate.set_promise_reject_callback(entry::promise_rejected);
        isolate.set_wasm_streaming_callback(entry::wasm_streaming);
        let host = Rc::new(TestHost::default());
        HOST.set(Rc::clone(&host));
        let account = Account::new(ACCOUNT_BYTES);
        let state = Box::new(State::new(
            Rc::clone(&host) as Rc<dyn Host>,
            account.clone(),
            CodeCaches::new(&made.caches),
        ));
        // SAFETY: the box outlives the isolate's JavaScript, all of which runs in this function.
        unsafe { state.attach(&mut isolate) };
        let result = {
            v8::scope!(let scope, &mut isolate);
            let context = v8::Context::new(scope, Default::default());
            let scope = &mut v8::ContextScope::new(scope, context);
            let entries = snapshot::entries(scope).expect("the snapshot's entry functions");
            expose_printed(scope);
            with(scope, &World { host: &host, state: &state, entries: &entries })
        };
        host.sent.take();
        drop(isolate);
        drop(state);
        assert_eq!(account.used(), 0, "every buffer's bytes are released, with the isolate at the latest");
        result
    };
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(body).expect("a thread");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// `printed()`: what was printed since the last call, as one text.
fn expose_printed(scope: &mut Scope<'_, '_>) {
    let function = v8::Function::new(
        scope,
        |scope: &mut Scope<'_, '_>, _: v8::FunctionCallbackArguments<'_>, mut ret: v8::ReturnValue<'_>| {
            let text = HOST.with_borrow(|host| host.printed.take().join("\n"));
            ret.set(v8::String::new(scope, &text).expect("a short text").into());
        },
    );
    let name = v8::String::new(scope, "printed").expect("a short text");
    let global = scope.get_current_context().global(scope);
    global.set(scope, name.into(), function.expect("a function").into());
}

fn evaluate<'s>(
    scope: &mut Scope<'s, '_>,
    world: &World<'_>,
    name: &str,
    code: &str,
) -> v8::Local<'s, v8::Value> {
    v8::tc_scope!(let scope, scope);
    let source = v8::String::new(scope, code).expect("a short text");
    let resource = v8::String::new(scope, name).expect("a short text");
    let origin =
        v8::ScriptOrigin::new(scope, resource.into(), 0, 0, false, 0, None, false, false, false, None);
    let value = v8::Script::compile(scope, source, Some(&origin)).and_then(|script| script.run(scope));
    value.unwrap_or_else(|| {
        let exception = scope.exception().expect("an exception");
        scope.reset();
        panic!("{name}: {}", world.entries.describe(scope, exception).unwrap_or_default())
    })
}

/// Drains microtasks and fires timers until there are none, or `done` says so.
fn turn(scope: &mut Scope<'_, '_>, world: &World<'_>, mut done: impl FnMut(&mut Scope<'_, '_>) -> bool) {
    loop {
        scope.perform_microtask_checkpoint();
        world.entries.notify_about_rejections(scope);
        if done(scope) {
            return;
        }
        if world.host.tasks.get() > 0 {
            world.host.tasks.set(world.host.tasks.get() - 1);
            world.entries.run_task(scope);
            continue;
        }
        // What V8 does on its own threads, such as compiling WebAssembly, comes back as a task.
        let waits = scope.has_pending_background_tasks();
        if v8::Platform::pump_message_loop(&v8::V8::get_current_platform(), scope, waits) {
            continue;
        }
        let Some(timer) = world.host.next_timer() else { return };
        v8::tc_scope!(let scope, scope);
        world.entries.fire_timer(scope, timer);
        if let Some(exception) = scope.exception() {
            scope.reset();
            world.entries.report(scope, exception);
        }
    }
}

const HARNESS: &str = include_str!("js/harness.js");
const HOSTILE: &str = include_str!("js/hostile.js");

/// Runs a file's tests, in an isolate where built-ins were replaced if `hostile`.
fn run_file(name: &'static str, code: &'static str, hostile: bool) {
    let report = in_isolate(move |scope, world| {
        evaluate(scope, world, "harness.js", HARNESS);
        if hostile {
            evaluate(scope, world, "hostile.js", HOSTILE);
        }
        evaluate(scope, world, name, code);
        let promise = evaluate(scope, world, "run", "run()");
        let promise = v8::Local::<v8::Promise>::try_from(promise).expect("run() gives a promise");
        turn(scope, world, |_| promise.state() != v8::PromiseState::Pending);
        match promise.state() {
            v8::PromiseState::Fulfilled => Ok(promise.result(scope).to_rust_string_lossy(scope)),
            v8::PromiseState::Rejected => {
                let reason = promise.result(scope);
                Err(world.entries.describe(scope, reason).unwrap_or_default())
            }
            v8::PromiseState::Pending => Err("a test waits for what never comes".into()),
        }
    });
    let report = report.unwrap_or_else(|error| panic!("{name}: {error}"));
    let (count, failures) = report.split_once(",\"failures\":").expect("a report");
    assert_eq!(failures, "[]}", "{name}:\n{}", failures.replace("\\n", "\n"));
    assert_ne!(count, "{\"count\":0", "{name} has no tests");
}

macro_rules! files {
    ($($name:ident),* $(,)?) => {
        mod plain {
            $(#[test]
            fn $name() {
                super::run_file(concat!(stringify!($name), ".js"), include_str!(concat!("js/", stringify!($name), ".js")), false);
            })*
        }
        mod hostile {
            $(#[test]
            fn $name() {
                super::run_file(concat!(stringify!($name), ".js"), include_str!(concat!("js/", stringify!($name), ".js")), true);
            })*
        }
    };
}
files![
    infra,
    events,
    streams,
    compression,
    encoding,
    url,
    urlpattern,
    file,
    fetch,
    console,
    console_values,
    timers,
    performance,
    crypto,
    worker,
    parts,
    clone,
    wasm,
    wasm_memory,
    websocket,
    eventsource,
    messaging,
    caches,
    ecma429
];

/// Checks what the fuzz target `multipart` checks, with its seeds and with changed forms of them.
#[test]
fn multipart_seeds_and_their_mutants() {
    const MUTANTS: u64 = 300;
    let seeds: Vec<_> = nano_fuzzing::seeds("multipart").into_iter().map(|(_, seed)| seed).collect();
    assert!(seeds.len() >= 7, "only {} seeds", seeds.len());
    // The changes are made there, where the bytes are wanted: one to four bytes changed, removed, doubled or put in.
    let seeds: Vec<String> = seeds.iter().map(|seed| format!("{seed:?}")).collect();
    let code = format!(
        r#"
        const check = {};
        let number = 0x9e3779b97f4a7c15n;
        const below = (end) => {{
          number ^= (number << 13n) & 0xffffffffffffffffn;
          number ^= number >> 7n;
          number ^= (number << 17n) & 0xffffffffffffffffn;
          return Number(number % BigInt(end));
        }};
        const mutate = (seed) => {{
          const bytes = [...seed];
          for (let left = 1 + below(4); left > 0 && bytes.length > 0; left--) {{
            const at = below(bytes.length);
            switch (below(5)) {{
              case 0: bytes[at] = below(256); break;
              case 1: bytes.splice(at, 1); break;
              case 2: bytes.splice(at, 0, below(256)); break;
              case 3: bytes.splice(at, 0, ...bytes.slice(at, at + below(20))); break;
              default: bytes.splice(at, 0, [13, 10, 45, 34, 37, 59, 61][below(7)]);
            }}
          }}
          return bytes;
        }};
        (async () => {{
          for (const seed of [{}]) {{
            for (let i = 0; i <= {MUTANTS}; i++) {{
              const bytes = i === 0 ? seed : mutate(seed);
              await check(new Uint8Array(bytes)).catch((error) => {{
                throw new Error(`${{JSON.stringify(bytes)}}: ${{error.message}}`);
              }});
            }}
          }}
        }})()
        "#,
        nano_fuzzing::multipart::CHECK,
        seeds.join(",")
    );
    let wrong = in_isolate(move |scope, world| {
        let promise = evaluate(scope, world, "multipart.js", &code);
        let promise = v8::Local::<v8::Promise>::try_from(promise).expect("a promise");
        turn(scope, world, |_| promise.state() != v8::PromiseState::Pending);
        match promise.state() {
            v8::PromiseState::Fulfilled => None,
            v8::PromiseState::Pending => Some("it waits for what never comes".into()),
            v8::PromiseState::Rejected => {
                let reason = promise.result(scope);
                Some(world.entries.describe(scope, reason).unwrap_or_default())
            }
        }
    });
    assert_eq!(wrong, None);
}

#[test]
fn hostile_notices_what_the_platform_calls() {
    let seen = in_isolate(|scope, world| {
        evaluate(scope, world, "harness.js", HARNESS);
        evaluate(scope, world, "hostile.js", HOSTILE);
        evaluate(scope, world, "app.js", "[].push(1); [...[1]]; ({}).get;");
        evaluate(
            scope,
            world,
            "nano:mine.js",
            "[2].map(String); Reflect.ownKeys({}.get ?? {}); for (const x of [1]) x;",
        );
        evaluate(scope, world, "trespasses", "trespasses().map((line) => line.split(' ')[0]).join()")
            .to_rust_string_lossy(scope)
    });
    for name in
        ["Array.prototype.map", "Reflect.ownKeys", "Object.prototype.get", "ArrayIterator.prototype.next"]
    {
        assert!(seen.split(',').any(|part| part == name), "{name} is not in {seen}");
    }
    assert!(!seen.contains("push"), "{seen}");
}

// ---- Requests ----

/// A request, and what became of it.
#[derive(Default)]
struct TestExchange {
    length: Option<u64>,
    has_body: bool,
    is_head: bool,
    body: RefCell<VecDeque<Option<Vec<u8>>>>,
    canceled: Cell<bool>,
    /// Bytes that are taken before the client's window is full; each `writable` gives one more piece.
    room: Cell<usize>,
    gone: Cell<bool>,
    answer: RefCell<Answer>,
    waits: Cell<i32>,
}

#[derive(Default, Clone, Debug, PartialEq)]
struct Answer {
    status: u16,
    reason: String,
    headers: String,
    body: Vec<u8>,
    over: bool,
    piped: bool,
    failure: Option<String>,
}

impl TestExchange {
    fn start(&self, head: &ResponseHead<'_>) {
        let mut answer = self.answer.borrow_mut();
        assert_eq!(answer.status, 0, "one response to a request");
        answer.status = head.status;
        answer.reason = head.status_text.into();
        answer.headers = String::from_utf8_lossy(head.headers).into_owned();
    }
}

impl Exchange for TestExchange {
    fn body_length(&self) -> BodyLength {
        match (self.has_body, self.length) {
            (false, _) => BodyLength::None,
            (true, None) => BodyLength::Unknown,
            (true, Some(length)) => BodyLength::Known(length),
        }
    }
    fn read_body(&self) -> BodyRead {
        match self.body.borrow_mut().pop_front() {
            None => BodyRead::End,
            Some(None) => BodyRead::Pending,
            Some(Some(bytes)) if bytes == b"broken" => BodyRead::Failed("it broke off".into()),
            Some(Some(bytes)) => BodyRead::Bytes(bytes),
        }
    }
    fn cancel_body(&self) {
        self.canceled.set(true);
    }
    fn respond(&self, head: &ResponseHead<'_>, body: Option<&[u8]>) {
        self.start(head);
        let mut answer = self.answer.borrow_mut();
        answer.body.extend_from_slice(body.unwrap_or_default());
        answer.over = true;
    }
    fn respond_stream(&self, head: &ResponseHead<'_>) -> bool {
        self.start(head);
        self.answer.borrow_mut().over = self.is_head;
        !self.is_head
    }
    fn respond_pipe(&self, head: &ResponseHead<'_>) {
        self.start(head);
        let mut answer = self.answer.borrow_mut();
        answer.piped = true;
        answer.over = true;
    }
    fn write(&self, bytes: &[u8]) -> Written {
        if self.gone.get() {
            return Written::Gone;
        }
        self.answer.borrow_mut().body.extend_from_slice(bytes);
        self.room.set(self.room.get().saturating_sub(bytes.len()));
        if self.room.get() == 0 { Written::Full } else { Written::Ready }
    }
    fn finish(&self) {
        self.answer.borrow_mut().over = true;
    }
    fn fail(&self, cause: FailureCause, reason: &str) {
        assert_eq!(cause, FailureCause::Exception);
        let mut answer = self.answer.borrow_mut();
        answer.failure = Some(reason.lines().next().unwrap_or_default().into());
        answer.over = true;
    }
    fn wait_until(&self, change: i32) {
        self.waits.set(self.waits.get() + change);
    }
    fn is_over(&self) -> bool {
        self.answer.borrow().over && self.waits.get() == 0
    }
}

/// As the runtime does it: dispatches, and fails the request with what is thrown.
fn request(
    scope: &mut Scope<'_, '_>,
    world: &World<'_>,
    head: &str,
    exchange: &Rc<TestExchange>,
) -> ExchangeId {
    let id = world.state.add_exchange(Rc::clone(exchange) as Rc<dyn Exchange>).expect("room for a request");
    v8::tc_scope!(let scope, scope);
    let bytes: Vec<u8> = head.chars().map(|c| c as u8).collect();
    let head = v8::String::new_from_one_byte(scope, &bytes, v8::NewStringType::Normal).expect("a short text");
    if world.entries.dispatch(scope, head, id).is_none() {
        let exception = scope.exception().expect("an exception");
        scope.reset();
        world.entries.fail(scope, id, exception);
    }
    id
}

fn start(scope: &mut Scope<'_, '_>, world: &World<'_>, handler: &str) {
    let default = evaluate(scope, world, "app.js", &format!("({{ fetch: {handler} }})"));
    let env = v8::String::new(scope, "{\"NAME\":\"value\"}").expect("a short text");
    world.entries.start(scope, default, Some(env), None).expect("it has a handler");
}

const HEAD: &str = "GET\nhttp://app.test/path?q=1\nhost: app.test\r\nx-a: 1\r\n";

/// Serves one request with an application of one function; nothing of it may be left afterwards.
fn serve(handler: &'static str, exchange: fn() -> TestExchange) -> Answer {
    let answer = |hostile: bool| {
        in_isolate(move |scope, world| {
            evaluate(scope, world, "harness.js", HARNESS);
            if hostile {
                evaluate(scope, world, "hostile.js", HOSTILE);
            }
            start(scope, world, handler);
            let exchange = Rc::new(exchange());
            if exchange.room.get() == 0 {
                exchange.room.set(usize::MAX);
            }
            let head = if exchange.has_body { HEAD.replace("GET", "POST") } else { HEAD.to_string() };
            let id = request(scope, world, &head, &exchange);
            // Whatever waits for the client gets on whenever nothing else is left to do.
            for _ in 0..100 {
                turn(scope, world, |_| false);
                if exchange.answer.borrow().piped {
                    // It is over when the embedder has piped it to the end.
                    world.state.remove_exchange(id);
                }
                if world.state.exchanges() == 0 {
                    break;
                }
                entry::body_ready(scope, id);
                entry::writable(scope, id, exchange.gone.get());
            }
            assert_eq!(
                world.state.exchanges(),
                0,
                "the request is over and forgotten: {:?}",
                exchange.answer.borrow()
            );
            let answer = exchange.answer.borrow().clone();
            if hostile {
                let seen = evaluate(scope, world, "trespasses", "trespasses().join('\\n')");
                assert_eq!(seen.to_rust_string_lossy(scope), "", "called what a tenant may have replaced");
            }
            answer
        })
    };
    let plain = answer(false);
    assert_eq!(plain, answer(true), "the same where built-ins were replaced");
    plain
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn with_body(parts: &[Option<&str>]) -> TestExchange {
    let body = parts.iter().map(|part| part.map(|text| text.as_bytes().to_vec())).collect();
    TestExchange { has_body: true, body: RefCell::new(body), ..TestExchange::default() }
}

#[test]
fn a_handler_answers() {
    let answer = serve(
        "(request, env, ctx) => new Response([request.method, request.url, request.headers.get('X-A'), env.NAME, \
         typeof ctx.waitUntil, request.body].join(), { status: 201, statusText: 'Made', headers: { 'x-b': 'é' } })",
        TestExchange::default,
    );
    assert_eq!(text(&answer), "GET,http://app.test/path?q=1,1,value,function,");
    assert_eq!((answer.status, answer.reason.as_str()), (201, "Made"));
    let mut headers: Vec<_> = answer.headers.split_terminator("\r\n").collect();
    headers.sort_unstable();
    assert_eq!(headers, ["content-type: text/plain;charset=UTF-8", "x-b: \u{fffd}"], "values are Latin-1");
}

#[test]
fn microtasks_of_rejection_listeners_run_at_once_and_their_rejections_are_reported() {
    let seen = in_isolate(|scope, world| {
        evaluate(
            scope,
            world,
            "listeners.js",
            "globalThis.seen = []; \
             addEventListener('unhandledrejection', async (event) => { \
               event.preventDefault(); \
               seen.push(event.reason); \
               await undefined; \
               seen.push(`after ${event.reason}`); \
               if (event.reason < 3) throw event.reason + 1; \
             }); \
             Promise.reject(1); Promise.reject(10);",
        );
        let seen = |scope: &mut Scope<'_, '_>| {
            evaluate(scope, world, "seen.js", "seen.join()").to_rust_string_lossy(scope)
        };
        scope.perform_microtask_checkpoint();
        world.entries.notify_about_rejections(scope);
        let first = seen(scope);
        // The rejection that a listener made comes in a task of its own.
        assert_eq!((world.host.tasks.get(), world.host.alive.get()), (1, 1));
        world.host.tasks.set(0);
        world.entries.run_task(scope);
        let second = seen(scope);
        turn(scope, world, |_| false);
        assert_eq!((world.host.tasks.get(), world.host.alive.get()), (0, 0));
        [first, second, seen(scope)]
    });
    assert_eq!(
        seen,
        [
            "1,after 1,10,after 10",
            "1,after 1,10,after 10,2,after 2",
            "1,after 1,10,after 10,2,after 2,3,after 3"
        ]
    );
}

#[test]
fn promises_and_thenables_of_a_response_are_answers() {
    for handler in [
        "async () => new Response('yes')",
        "async () => { await scheduler.wait(5); return new Response('yes'); }",
        "() => ({ then(resolve) { resolve(new Response('yes')); } })",
        "() => new Promise((resolve) => setTimeout(() => resolve(new Response('yes')), 1))",
    ] {
        let answer = serve(handler, TestExchange::default);
        assert_eq!((answer.status, text(&answer).as_str()), (200, "yes"), "{handler}: {answer:?}");
    }
}

#[test]
fn what_goes_wrong_in_a_handler_fails_its_request() {
    for (handler, reason) in [
        ("() => { throw new Error('on purpose'); }", "Error: on purpose"),
        ("async () => { throw new Error('on purpose'); }", "Error: on purpose"),
        ("async () => { await scheduler.wait(1); throw new Error('on purpose'); }", "Error: on purpose"),
        ("() => undefined", "TypeError: the handler returned no Response"),
        ("() => ({ status: 200 })", "TypeError: the handler returned no Response"),
        ("async () => 42", "TypeError: the handler returned no Response"),
        ("() => ({ get then() { throw new Error('on purpose'); } })", "Error: on purpose"),
        ("() => ({ then() { throw new Error('on purpose'); } })", "Error: on purpose"),
        ("() => { throw undefined; }", "undefined"),
        ("() => { throw { get stack() { throw 1; } }; }", "{ stack: [Getter] }"),
    ] {
        let answer = serve(handler, TestExchange::default);
        assert_eq!(answer.failure.as_deref(), Some(reason), "{handler}");
        assert_eq!(answer.status, 0, "{handler}");
    }
}

#[test]
fn bodies_are_read_as_they_come() {
    let body = || with_body(&[Some("one "), None, Some("two "), None, None, Some("three")]);
    for (handler, expected) in [
        ("async (request) => new Response((await request.text()).toUpperCase())", "ONE TWO THREE"),
        ("async (request) => new Response(String((await request.bytes()).length))", "13"),
        (
            "async (request) => { let n = 0; for await (const chunk of request.body) n += chunk.length; \
             return new Response(String(n)); }",
            "13",
        ),
        ("(request) => new Response(request.body.pipeThrough(new TransformStream()))", "one two three"),
        (
            "(request) => { const [a, b] = request.body.tee(); b.cancel(); return new Response(a); }",
            "one two three",
        ),
        (
            "async (request) => new Response(await request.clone().text() + await request.text())",
            "one two threeone two three",
        ),
    ] {
        let answer = serve(handler, body);
        assert_eq!(text(&answer), expected, "{handler}: {answer:?}");
    }
    let empty = || TestExchange { has_body: true, length: Some(0), ..TestExchange::default() };
    let answer =
        serve("async (request) => new Response((request.body !== null) + await request.text() + '.')", empty);
    assert_eq!(text(&answer), "true.");
}

#[test]
fn a_body_that_is_passed_on_untouched_goes_past_javascript() {
    let answer = serve("(request) => new Response(request.body)", || with_body(&[Some("one")]));
    assert!(answer.piped, "{answer:?}");
}

#[test]
fn a_body_that_breaks_off_is_an_error() {
    let answer = serve(
        "(request) => request.text().then(() => new Response('read'), (error) => new Response(`${error}`))",
        || with_body(&[Some("one"), None, Some("broken")]),
    );
    assert_eq!(text(&answer), "TypeError: it broke off");
}

#[test]
fn streams_are_sent_chunk_by_chunk() {
    let stream = "() => { let n = 0; return new Response(new ReadableStream({ async pull(c) { \
                  await scheduler.wait(1); n += 1; if (n > 3) c.close(); else c.enqueue(new TextEncoder().encode(`${n},`)); } })); }";
    for room in [usize::MAX, 1] {
        let exchange: fn() -> TestExchange = if room == 1 {
            || TestExchange { room: Cell::new(1), ..TestExchange::default() }
        } else {
            TestExchange::default
        };
        assert_eq!(text(&serve(stream, exchange)), "1,2,3,");
    }
    let answer = serve(
        "() => new Response(new ReadableStream({ pull(c) { c.error(new Error('on purpose')); } }))",
        TestExchange::default,
    );
    assert_eq!(answer.failure.as_deref(), Some("Error: on purpose"));
    let answer = serve(
        "() => new Response(new ReadableStream({ start(c) { c.enqueue('a text'); } }))",
        TestExchange::default,
    );
    assert_eq!(
        answer.failure.as_deref(),
        Some("TypeError: a response's body stream must yield Uint8Array chunks")
    );
}

#[test]
fn a_body_that_will_not_be_sent_is_not_produced() {
    let answer = serve(
        "() => new Response(new ReadableStream({ pull() { throw new Error('asked'); } }, { highWaterMark: 0 }))",
        || TestExchange { is_head: true, ..TestExchange::default() },
    );
    assert_eq!((answer.status, answer.failure), (200, None));
}

#[test]
fn buffers_beyond_the_memory_limit_are_refused() {
    let answer = serve(
        "() => { const kept = []; try { for (;;) kept.push(new TextEncoder().encode('x'.repeat(1 << 20))); } \
         catch (error) { return new Response(`${error.name} ${kept.length}`); } }",
        TestExchange::default,
    );
    assert_eq!(text(&answer), "RangeError 10");
}

#[test]
fn promises_keep_a_request_alive_after_its_answer() {
    let answer = serve(
        "(request, env, ctx) => { ctx.waitUntil(scheduler.wait(5)); ctx.waitUntil(Promise.reject(new Error('x'))); \
         ctx.waitUntil(1); return new Response('now'); }",
        TestExchange::default,
    );
    assert_eq!(text(&answer), "now");
}

#[test]
fn a_client_that_goes_away_aborts_its_request_and_cancels_the_stream() {
    let text = in_isolate(|scope, world| {
        start(
            scope,
            world,
            "(request) => { globalThis.seen = []; request.signal.onabort = () => seen.push(request.signal.reason.name); \
             return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(new Uint8Array(1)); }, \
             cancel(reason) { seen.push(`cancel ${reason.name}`); } })); }",
        );
        let exchange = Rc::new(TestExchange { room: Cell::new(2), ..TestExchange::default() });
        let id = request(scope, world, HEAD, &exchange);
        turn(scope, world, |_| false);
        assert_eq!(exchange.answer.borrow().body.len(), 2, "the producer waits for room");
        exchange.gone.set(true);
        world.entries.abort(scope, id, false);
        entry::writable(scope, id, true);
        turn(scope, world, |_| false);
        assert_eq!(world.state.exchanges(), 0);
        evaluate(scope, world, "seen", "seen.join()").to_rust_string_lossy(scope)
    });
    assert_eq!(text, "AbortError,cancel AbortError");
}

#[test]
fn applications_without_a_handler_say_so() {
    let errors = in_isolate(|scope, world| {
        ["undefined", "null", "42", "({})", "({ fetch: 1 })"].map(|default| {
            let value = evaluate(scope, world, "app.js", default);
            v8::tc_scope!(let scope, scope);
            assert!(world.entries.start(scope, value, None, None).is_none(), "{default}");
            let error = scope.exception().expect("an exception");
            error.to_rust_string_lossy(scope)
        })
    });
    for error in errors {
        assert!(error.starts_with("TypeError: the application"), "{error}");
    }
}

#[test]
fn listeners_of_the_fetch_event_answer() {
    let text = in_isolate(|scope, world| {
        evaluate(
            scope,
            world,
            "app.js",
            "addEventListener('fetch', (event) => event.respondWith(new Response(event.type)));",
        );
        let none = v8::undefined(scope).into();
        world.entries.start(scope, none, None, None).expect("it has a listener");
        let exchange = Rc::new(TestExchange::default());
        request(scope, world, HEAD, &exchange);
        turn(scope, world, |_| false);
        text(&exchange.answer.borrow())
    });
    assert_eq!(text, "fetch");
}

#[test]
fn more_requests_than_fit_are_refused() {
    in_isolate(|_, world| {
        let exchange = Rc::new(TestExchange::default());
        let add = || world.state.add_exchange(Rc::clone(&exchange) as Rc<dyn Exchange>);
        let first = add().expect("room");
        for _ in 1..nano_web::MAX_EXCHANGES {
            assert!(add().is_some());
        }
        assert!(add().is_none());
        assert!(world.state.remove_exchange(first).is_some());
        let again = add().expect("room again");
        assert_ne!(again, first, "ids are never used twice");
        assert!(world.state.exchange(first).is_none());
    });
}

#[test]
fn broadcasts_leave_the_isolate_and_arrive_in_another() {
    in_isolate(|scope, world| {
        evaluate(
            scope,
            world,
            "app.js",
            "const a = new BroadcastChannel('n\\ud800'); const b = new BroadcastChannel('m'); b.onmessage = () => {}; b.close();
             a.postMessage({ blob: new Blob(['xyz']), map: new Map([[1, 2n]]) });",
        );
        turn(scope, world, |_| false);
        assert_eq!(world.host.alive.get(), 0);
        assert_eq!(world.host.joined.take(), ["n\u{fffd}"]);
        let sent = world.host.sent.take();
        let [(name, message)] = &sent[..] else { panic!("{}", sent.len()) };
        assert_eq!(name, "n\u{fffd}");
        let message = Arc::clone(message);
        in_isolate(move |scope, world| receive_broadcast(scope, world, message));
    });
}

fn receive_broadcast(scope: &mut Scope<'_, '_>, world: &World<'_>, message: Arc<Message>) {
    evaluate(
        scope,
        world,
        "app.js",
        "globalThis.got = []; const a = new BroadcastChannel('n'), b = new BroadcastChannel('n');
         a.onmessage = b.onmessage = async (event) => got.push(event.data.map.get(1), await event.data.blob.text());
         a.onmessageerror = () => got.push('error');",
    );
    assert_eq!(world.host.alive.get(), 2);
    let name: Vec<u16> = "n".encode_utf16().collect();
    world.entries.receive_broadcast(scope, &name, message);
    turn(scope, world, |_| false);
    let got = evaluate(scope, world, "got", "got.join()").to_rust_string_lossy(scope);
    assert_eq!(got, "2,xyz,2,xyz");
    evaluate(scope, world, "close", "a.close(); b.close();");
    assert_eq!((world.host.joined.take().len(), world.host.alive.get()), (0, 0));
}
