//! Native functions of events: where an exception comes from, and which promises were rejected
//! ([`rejections`]). Knows nothing of what becomes of it.

pub(crate) mod rejections;

use crate::infra::part::{Part, files, parts};
use crate::infra::registry::Standard;
use crate::infra::{Args, Ret, Scope, ops};

pub(crate) static STANDARD: Standard = Standard {
    name: "events",
    uses: &["domexception", "expose", "exposeEnumerable", "hooks", "primordials", "timers", "webidl"],
    hooks: &["unhandledException"],
    ops: &[ops],
    snapshot_files: files!["events/global.js"],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["events/events.js", "events/event_classes.js", "events/report.js"],
        exports: ["events"],
        globals: ["CustomEvent", "ErrorEvent", "Event", "EventTarget", "PromiseRejectionEvent"],
        enumerable: ["addEventListener", "dispatchEvent", "removeEventListener", "reportError"],
        exercise: r#"const t = new EventTarget(); t.addEventListener("a", () => {}); t.dispatchEvent(new Event("a"));"#
    }
    {
        files: ["events/abort.js"],
        exports: ["abort"],
        globals: ["AbortController", "AbortSignal"],
        enumerable: [],
        exercise: r#"const c = new AbortController(); c.signal.addEventListener("abort", () => {}); c.signal.aborted; c.abort();"#
    }
};

ops! {
    "errorPlace" => error_place,
}

/// How many frames are looked at for one that is a script's.
const FRAMES: usize = 16;

/// `errorPlace(exception, here)`: `[file, line, column]` of the innermost frame that is not the platform's,
/// of where an Error was made; of other values, where this is called if `here`; undefined if there is none.
fn error_place(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let made = v8::Exception::get_stack_trace(scope, args.get(0));
    let stack = match made {
        Some(stack) => stack,
        None if args.get(1).is_true() => match v8::StackTrace::current_stack_trace(scope, FRAMES) {
            Some(stack) => stack,
            None => return,
        },
        None => return,
    };
    for index in 0..stack.get_frame_count().min(FRAMES) {
        let Some(frame) = stack.get_frame(scope, index) else { return };
        let Some(name) = frame.get_script_name_or_source_url(scope) else { continue };
        if name.to_rust_string_lossy(scope).starts_with("nano:") {
            continue;
        }
        let line = v8::Integer::new_from_unsigned(scope, frame.get_line_number() as u32);
        let column = v8::Integer::new_from_unsigned(scope, frame.get_column() as u32);
        let place = [name.into(), line.into(), column.into()];
        ret.set(v8::Array::new_with_elements(scope, &place).into());
        return;
    }
}
