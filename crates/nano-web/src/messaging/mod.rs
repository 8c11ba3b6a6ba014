//! Native functions of messages: HTML, sections 9.4 "Channel messaging" and 9.5 "Broadcasting to other
//! browsing contexts".
//!
//! Messages between ports stay in JavaScript. Those of broadcast channels are serialized here and kept under
//! a number, until each channel that they are for has read them.

use crate::clone::{Hooks, account};
use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{Args, Error, Ret, Scope, ops, state, throw};
use nano_clone::{CloneError, Message, Options};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

pub(crate) static STANDARD: Standard = Standard {
    name: "messaging",
    uses: &[
        "clone",
        "domexception",
        "events",
        "expose",
        "hooks",
        "primordials",
        "streams",
        "structuredClone",
        "webidl",
    ],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["messaging/messageevent.js", "messaging/ports.js", "messaging/broadcast.js"],
        hooks: ["portTransfer"],
        exports: ["messaging"],
        globals: ["BroadcastChannel", "MessageChannel", "MessageEvent", "MessagePort"],
        enumerable: [],
        exercise: r#"
            const { port1, port2 } = new MessageChannel();
            port2.onmessage = (event) => event.data;
            port1.postMessage({ a: 1 });
            port1.close();
            new MessageEvent("a", { data: 1 }).data;
        "#
    }
    {
        files: ["messaging/streams.js"],
        hooks: ["streamTransfer"],
        exports: [],
        globals: [],
        enumerable: [],
        exercise: r#"const s = new ReadableStream(); structuredClone(s, { transfer: [s] });"#
    }
};

ops! {
    "postTask" => post_task,
    "keepAlive" => keep_alive,
    "broadcastJoin" => broadcast_join,
    "broadcastLeave" => broadcast_leave,
    "broadcastPost" => broadcast_post,
    "messageWrite" => message_write,
    "messageRead" => message_read,
    "messageDrop" => message_drop,
}

/// Messages of broadcast channels that are being delivered.
#[derive(Default)]
pub(crate) struct Messages {
    by_number: RefCell<HashMap<u32, Arc<Message>>>,
    last: Cell<u32>,
}

impl Messages {
    /// The number under which the message is found.
    pub(crate) fn add(&self, message: Arc<Message>) -> u32 {
        let mut by_number = self.by_number.borrow_mut();
        loop {
            let number = self.last.get().wrapping_add(1);
            self.last.set(number);
            if let Entry::Vacant(place) = by_number.entry(number) {
                place.insert(message);
                return number;
            }
        }
    }
}

fn post_task(scope: &mut Scope<'_, '_>, _: Args<'_>, _: Ret<'_>) {
    if let Some(state) = state(scope) {
        state.host().post_task();
    }
}

fn keep_alive(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let change = args.get(0).int32_value(scope).unwrap_or(0);
    if let Some(state) = state(scope) {
        state.host().keep_alive(change.signum());
    }
}

/// A channel's name, as it is: lone surrogates and all.
fn name(scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Vec<u16> {
    let Ok(string) = v8::Local::<v8::String>::try_from(value) else { return Vec::new() };
    let mut units = vec![0; string.length()];
    string.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    units
}

fn broadcast_join(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let name = name(scope, args.get(0));
    if let Some(state) = state(scope) {
        state.host().broadcast_join(&name);
    }
}

fn broadcast_leave(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let name = name(scope, args.get(0));
    if let Some(state) = state(scope) {
        state.host().broadcast_leave(&name);
    }
}

/// The message whose number is an argument.
fn message(scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<Arc<Message>> {
    let number = value.uint32_value(scope)?;
    state(scope)?.get::<Messages>().by_number.borrow().get(&number).cloned()
}

/// `broadcastPost(name, message)`: to the other isolates.
fn broadcast_post(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let name = name(scope, args.get(0));
    let Some(message) = message(scope, args.get(1)) else { return };
    if let Some(state) = state(scope) {
        state.host().broadcast_post(&name, &message);
    }
}

/// `messageWrite(value, ObjectPrototype, write, read, fail)`: serializes; the message's number.
fn message_write(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(hooks) = Hooks::new(&args, 1) else { return };
    let account = account(scope);
    let options = hooks.options(account.as_ref());
    match Message::serialize(scope, args.get(0), &[], options) {
        Ok(message) => {
            if let Some(state) = state(scope) {
                let number = state.get::<Messages>().add(Arc::new(message));
                ret.set_uint32(number);
            }
        }
        Err(error) => hooks.throw(scope, error),
    }
}

/// `messageRead(message, ObjectPrototype, write, read, fail)`: the value, made anew.
fn message_read(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(hooks) = Hooks::new(&args, 1) else { return };
    let Some(message) = message(scope, args.get(0)) else {
        return throw(scope, Error::Fault("a message was read after its end"));
    };
    let account = account(scope);
    let options: Options<'_> = hooks.options(account.as_ref());
    let read: Result<_, CloneError<'_>> = message.deserialize_copy(scope, options);
    match read {
        Ok(value) => ret.set(value),
        Err(error) => hooks.throw(scope, error),
    }
}

/// `messageDrop(message)`: nobody reads it any more.
fn message_drop(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(number) = args.get(0).uint32_value(scope) else { return };
    let dropped =
        state(scope).and_then(|state| state.get::<Messages>().by_number.borrow_mut().remove(&number));
    drop(dropped);
}
