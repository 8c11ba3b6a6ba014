//! Native functions of the console: printing, and looking into values without running their code.

use crate::host::Level;
use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{Args, Ret, Scope, buffer, ops, state, text};

pub(crate) static STANDARD: Standard = Standard {
    name: "console",
    uses: &["domexception", "expose", "fetch", "loaded", "primordials", "webidl"],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["console/layout.js", "console/kinds.js", "console/errors.js", "console/primitives.js", "console/inspect.js", "console/platform.js", "console/console.js"],
        exports: ["layout", "console", "platformInspectors"],
        globals: ["console"],
        enumerable: [],
        exercise: r#"console.log("a %s", "b", 1, { a: [1, "b"], c: new Map([[1, 2]]) }); console.error(new Error("a"));"#
    }
};

ops! {
    "print" => print,
    "uncaught" => uncaught,
    "consoleColors" => colors,
    "promiseDetails" => promise_details,
    "proxyDetails" => proxy_details,
    "previewEntries" => preview_entries,
    "constructorName" => constructor_name,
}

fn print(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let level = match args.get(0).uint32_value(scope) {
        Some(0) => Level::Debug,
        Some(2) => Level::Warn,
        Some(3) => Level::Error,
        _ => Level::Info,
    };
    let mut stack = buffer::<1024>();
    let line = text(scope, args.get(1), &mut stack);
    if let Some(state) = state(scope) {
        state.host().print(level, &line);
    }
}

/// `uncaught(text)`: prints what nobody caught, and lets the embedder know.
fn uncaught(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let mut stack = buffer::<1024>();
    let line = text(scope, args.get(0), &mut stack);
    if let Some(state) = state(scope) {
        state.host().print(Level::Error, &line);
        state.host().uncaught();
    }
}

fn colors(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_bool(state(scope).is_some_and(|state| state.host().colors()));
}

/// `[0 pending | 1 fulfilled | 2 rejected, result]`, or undefined for what is no promise.
fn promise_details(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0)) else { return };
    let state = match promise.state() {
        v8::PromiseState::Pending => 0,
        v8::PromiseState::Fulfilled => 1,
        v8::PromiseState::Rejected => 2,
    };
    let result = if state == 0 { v8::undefined(scope).into() } else { promise.result(scope) };
    let state = v8::Integer::new(scope, state).into();
    ret.set(v8::Array::new_with_elements(scope, &[state, result]).into());
}

/// `[target, handler]`, or undefined for what is no proxy.
fn proxy_details(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(proxy) = v8::Local::<v8::Proxy>::try_from(args.get(0)) else { return };
    let (target, handler) = (proxy.get_target(scope), proxy.get_handler(scope));
    ret.set(v8::Array::new_with_elements(scope, &[target, handler]).into());
}

/// Of an iterator or a weak collection: `[whether its entries are pairs, entries]`, without advancing it.
fn preview_entries(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) else { return };
    if let (Some(entries), pairs) = object.preview_entries(scope) {
        let pairs = v8::Boolean::new(scope, pairs).into();
        ret.set(v8::Array::new_with_elements(scope, &[pairs, entries.into()]).into());
    }
}

fn constructor_name(_: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    if let Ok(object) = v8::Local::<v8::Object>::try_from(args.get(0)) {
        ret.set(object.get_constructor_name().into());
    }
}
