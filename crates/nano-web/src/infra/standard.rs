//! The additions of this folder itself: primordials, Web IDL, the loader of parts, DOMException.

use super::part::{File, Part, files, parts};
use super::parts;
use super::registry::Standard;

pub(crate) static STANDARD: Standard = Standard {
    name: "infra",
    uses: &[],
    snapshot_exports: &[
        "expose",
        "exposeEnumerable",
        "hooks",
        "isToken",
        "loadPart",
        "loaded",
        "look",
        "primordials",
        "webidl",
    ],
    ops: &[parts::ops],
    snapshot_files: files![
        "infra/primordials.js",
        "infra/builtins.js",
        "infra/hide.js",
        "infra/parts.js",
        "infra/expose.js",
        "infra/http.js",
        "infra/webidl.js",
        "infra/webidl_interfaces.js",
    ],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["infra/domexception.js"],
        exports: ["domexception"],
        globals: ["DOMException", "QuotaExceededError"],
        enumerable: [],
        exercise: r#"const e = new DOMException("a", "AbortError"); e.name; e.message;"#
    }
};

/// Evaluated when all others were: it drops what only they needed.
pub(crate) static LAST_SNAPSHOT_FILES: &[File] = files!["infra/seal.js"];
