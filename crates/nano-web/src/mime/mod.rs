//! MIME Sniffing Standard, section 4 "MIME types". All of it is JavaScript.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;

pub(crate) static STANDARD: Standard =
    Standard { name: "mime", uses: &["isToken", "primordials"], parts: PARTS, ..Standard::EMPTY };

static PARTS: &[Part] = parts! {
    {
        files: ["mime/mime.js"],
        exports: ["mime"],
        globals: [],
        enumerable: [],
        exercise: r#"new Response("a", { headers: { "content-type": "text/plain;charset=utf-8" } }).blob();"#
    }
};
