//! HTML, section 9.2 "Server-sent events". All of it is JavaScript.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;

pub(crate) static STANDARD: Standard = Standard {
    name: "eventsource",
    uses: &[
        "domexception",
        "events",
        "expose",
        "fetch",
        "incoming",
        "messaging",
        "mime",
        "primordials",
        "timers",
        "url",
        "webidl",
    ],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["eventsource/parser.js", "eventsource/eventsource.js"],
        exports: ["eventStream"],
        globals: ["EventSource"],
        enumerable: [],
        exercise: r#"
            // Nothing is connected while the snapshot is made.
            try { new EventSource("http://localhost/").onmessage = () => {}; } catch {}
        "#
    }
};
