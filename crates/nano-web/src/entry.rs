//! The entry functions of an isolate's JavaScript: the embedder calls them, and each says when.
//!
//! Every function here is called with the isolate entered and its context current. Each runs JavaScript and
//! may leave an exception pending in the caller's try-catch scope; the caller drains microtasks afterwards.

use crate::events::rejections;
use crate::events::rejections::Rejections;
use crate::fetch::fetches::Fetches;
use crate::fetch::pipe::Relayed;
use crate::host::NetworkEvent;
use crate::infra::{DomExceptions, work};
use crate::messaging::Messages;
use crate::state::{ExchangeId, try_state};
use crate::timers::TimerOwners;
use crate::{fetch, wasm, worker};
use std::sync::Arc;

type Scope<'s, 'i> = v8::PinScope<'s, 'i>;

/// The functions that `worker/dispatch.js` hands over, in its order.
#[derive(Clone, Copy)]
enum Entry {
    Start,
    Dispatch,
    Fail,
    Abort,
    FireTimer,
    Report,
    UnhandledRejection,
    RejectionHandled,
    Describe,
    RunTask,
    ReceiveBroadcast,
    /// Called by V8 and not by the embedder: see [`crate::wasm`].
    StreamWasm,
    /// Called by [`crate::fetch::fetches`] and not by the embedder.
    DeliverHead,
    /// Called by native functions that throw a DOMException: see [`crate::infra::DomExceptions`].
    DomException,
}
const ENTRIES: usize = Entry::DomException as usize + 1;

/// Handles to an isolate's entry functions, made once for each context.
pub struct Entries {
    functions: [v8::Global<v8::Function>; ENTRIES],
    undefined: v8::Global<v8::Primitive>,
}

impl Entries {
    pub(crate) fn from_array(scope: &mut Scope<'_, '_>, array: v8::Local<'_, v8::Array>) -> Option<Self> {
        let mut functions = Vec::with_capacity(ENTRIES);
        for index in 0..ENTRIES as u32 {
            let function = v8::Local::<v8::Function>::try_from(array.get_index(scope, index)?).ok()?;
            functions.push(v8::Global::new(scope, function));
        }
        if let Some(state) = try_state(scope) {
            *state.get::<wasm::Streams>().source.borrow_mut() =
                Some(functions[Entry::StreamWasm as usize].clone());
            *state.get::<DomExceptions>().0.borrow_mut() =
                Some(functions[Entry::DomException as usize].clone());
            *state.get::<Fetches>().deliver_head.borrow_mut() =
                Some(functions[Entry::DeliverHead as usize].clone());
        }
        let undefined = v8::undefined(scope);
        Some(Self { functions: functions.try_into().ok()?, undefined: v8::Global::new(scope, undefined) })
    }

    fn call<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        entry: Entry,
        args: &[v8::Local<'_, v8::Value>],
    ) -> Option<v8::Local<'s, v8::Value>> {
        let function = v8::Local::new(scope, &self.functions[entry as usize]);
        let receiver = v8::Local::new(scope, &self.undefined);
        function.call(scope, receiver.into(), args)
    }

    /// Hands the application over: its default export (undefined if its modules have none), `env` as JSON
    /// text, and the names of the services that are in it too, a JSON array. `None`: it has no handler; the
    /// exception says so.
    pub fn start(
        &self,
        scope: &mut Scope<'_, '_>,
        default_export: v8::Local<'_, v8::Value>,
        env: Option<v8::Local<'_, v8::String>>,
        services: Option<v8::Local<'_, v8::String>>,
    ) -> Option<()> {
        let [env, services] = [env, services].map(|text| match text {
            Some(text) => text.into(),
            None => v8::undefined(scope).into(),
        });
        self.call(scope, Entry::Start, &[default_export, env, services]).map(drop)
    }

    /// Calls the handler with a request, drains microtasks, and sends the response if it is there by then;
    /// else it is sent when it is. `head` is the request's: see `fetch/incoming.js`. `None`: an exception is
    /// pending, which goes to [`fail`](Self::fail).
    pub fn dispatch(
        &self,
        scope: &mut Scope<'_, '_>,
        head: v8::Local<'_, v8::String>,
        id: ExchangeId,
    ) -> Option<()> {
        let id = v8::Number::new(scope, id.as_f64());
        scope.set_continuation_preserved_embedder_data(id.into());
        let called = self.call(scope, Entry::Dispatch, &[head.into(), id.into()]).map(drop);
        let nobody = v8::undefined(scope);
        scope.set_continuation_preserved_embedder_data(nobody.into());
        called
    }

    /// The handler threw `reason`.
    pub fn fail(&self, scope: &mut Scope<'_, '_>, id: ExchangeId, reason: v8::Local<'_, v8::Value>) {
        let id = v8::Number::new(scope, id.as_f64());
        self.call(scope, Entry::Fail, &[id.into(), reason]);
    }

    /// The client hung up, or, if it is `late`, the response was not there in time: the request's signal is
    /// aborted.
    pub fn abort(&self, scope: &mut Scope<'_, '_>, id: ExchangeId, late: bool) {
        let number = v8::Number::new(scope, id.as_f64());
        let late = v8::Boolean::new(scope, late);
        self.call(scope, Entry::Abort, &[number.into(), late.into()]);
    }

    /// A timer is due.
    pub fn fire_timer(&self, scope: &mut Scope<'_, '_>, timer: u32) {
        let owner = try_state(scope).and_then(|state| state.timer_owner(timer));
        if let Some(owner) = owner {
            let owner = v8::Number::new(scope, owner.as_f64());
            scope.set_continuation_preserved_embedder_data(owner.into());
        }
        let number = v8::Integer::new_from_unsigned(scope, timer);
        self.call(scope, Entry::FireTimer, &[number.into()]);
        if owner.is_some() {
            let nobody = v8::undefined(scope);
            scope.set_continuation_preserved_embedder_data(nobody.into());
        }
    }

    /// A timer that does not repeat was fired for the last time.
    pub fn forget_timer(&self, scope: &mut Scope<'_, '_>, timer: u32) {
        if let Some(state) = try_state(scope) {
            state.get::<TimerOwners>().0.borrow_mut().remove(&timer);
        }
    }

    /// A task that [`Host::post_task`](crate::Host::post_task) asked for.
    pub fn run_task(&self, scope: &mut Scope<'_, '_>) {
        if let Some(state) = try_state(scope)
            && state.get::<Rejections>().take_posted()
        {
            state.host().keep_alive(-1);
            return self.notify_about_rejections(scope);
        }
        self.call(scope, Entry::RunTask, &[]);
    }

    /// A message for the application's broadcast channels of this name, from another of its isolates.
    pub fn receive_broadcast(
        &self,
        scope: &mut Scope<'_, '_>,
        name: &[u16],
        message: Arc<nano_clone::Message>,
    ) {
        let Some(state) = try_state(scope) else { return };
        let number = state.get::<Messages>().add(message);
        let number = v8::Number::new(scope, f64::from(number));
        let Some(name) = v8::String::new_from_two_byte(scope, name, v8::NewStringType::Normal) else {
            return;
        };
        self.call(scope, Entry::ReceiveBroadcast, &[name.into(), number.into()]);
    }

    /// An exception that nobody caught: HTML, "report an exception".
    pub fn report(&self, scope: &mut Scope<'_, '_>, error: v8::Local<'_, v8::Value>) {
        self.call(scope, Entry::Report, &[error]);
    }

    /// Fires `unhandledrejection` and `rejectionhandled` where they are due, each followed by a microtask
    /// checkpoint: HTML, "notify about rejected promises". To be called after each microtask checkpoint.
    pub fn notify_about_rejections(&self, scope: &mut Scope<'_, '_>) {
        rejections::run_tasks(
            scope,
            &|scope, promise, reason| {
                self.call(scope, Entry::UnhandledRejection, &[promise.into(), reason]);
            },
            &|scope, promise, reason| {
                self.call(scope, Entry::RejectionHandled, &[promise.into(), reason]);
            },
        );
    }

    /// A value as text for a developer, as `console.log` prints it. `None` only if execution is being
    /// terminated.
    pub fn describe(&self, scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<String> {
        let text = self.call(scope, Entry::Describe, &[value])?;
        Some(text.to_rust_string_lossy(scope))
    }
}

/// The request in whose name JavaScript runs now, as V8 carries it along with promises.
pub fn owner(scope: &Scope<'_, '_>) -> Option<ExchangeId> {
    crate::infra::owner(scope).map(ExchangeId::from_f64)
}

/// Bytes of a request's body, its end or its failure have arrived: goes on with a read that waits for them.
pub fn body_ready(scope: &mut Scope<'_, '_>, id: ExchangeId) {
    let Some(state) = try_state(scope) else { return };
    match state.pass_request_body(id) {
        Relayed::Done => {}
        Relayed::Notify => fetch::pipe::notify_upload(scope, id),
        Relayed::Unrelated => {
            if let Some(active) = state.active_exchange(id) {
                fetch::resume(scope, &active);
            }
        }
    }
}

/// An event of a fetch that the isolate has started.
pub fn network_event(scope: &mut Scope<'_, '_>, id: u64, event: NetworkEvent) {
    let Some(state) = try_state(scope) else { return };
    match state.pass_network_event(id, event) {
        Relayed::Done => {}
        Relayed::Notify => fetch::pipe::notify(scope, id),
        Relayed::Unrelated => fetch::client::resume(scope, id, event),
    }
}

/// There is room for more of a response, or its client is gone: goes on with a producer that waits for it.
pub fn writable(scope: &mut Scope<'_, '_>, id: ExchangeId, gone: bool) {
    let Some(state) = try_state(scope) else { return };
    match state.pass_writable(id) {
        Relayed::Done => {}
        Relayed::Notify => fetch::pipe::notify_response(scope, id),
        Relayed::Unrelated => {
            if let Some(active) = state.active_exchange(id) {
                worker::resume(scope, &active, gone);
            }
        }
    }
}

/// The server ends: the client of a request that was answered with 101 is told so (1001), and its connection
/// closes when it has answered.
pub fn go_away(scope: &mut Scope<'_, '_>, id: ExchangeId) {
    crate::websocket::shut_down(scope, id);
}

/// Work that [`Host::offload`](crate::Host::offload) was given has ended: its promise is settled. An `Err`
/// says how it failed (it panicked).
pub fn work_done(scope: &mut Scope<'_, '_>, id: u32, result: Result<crate::WorkResult, String>) {
    work::complete(scope, id, result);
}

pub use crate::events::rejections::{handle_rejection, promise_rejected};
pub use crate::infra::collect_ahead;
pub use crate::wasm::streaming as wasm_streaming;
