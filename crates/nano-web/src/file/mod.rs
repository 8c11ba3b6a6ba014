//! File API, and FormData of XMLHttpRequest. All of it is JavaScript.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;

pub(crate) static STANDARD: Standard = Standard {
    name: "file",
    uses: &[
        "domexception",
        "encoding",
        "events",
        "expose",
        "hooks",
        "mime",
        "primordials",
        "streams",
        "timers",
        "url",
        "webidl",
    ],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["file/blob.js", "file/file.js"],
        hooks: ["blobUrls", "blobClone"],
        exports: ["file"],
        globals: ["Blob", "File"],
        enumerable: [],
        exercise: r#"new Blob(["a"], { type: "text/plain" }).text(); new File(["a"], "b").size;"#
    }
    {
        files: ["file/progress.js", "file/reader.js"],
        exports: ["progress"],
        globals: ["FileReader", "FileReaderSync", "ProgressEvent"],
        enumerable: [],
        exercise: r#"const r = new FileReader(); r.onload = () => r.result; r.readAsText(new Blob(["a"]));"#
    }
    {
        files: ["file/formdata.js", "file/multipart.js"],
        exports: ["formData"],
        globals: ["FormData"],
        enumerable: [],
        exercise: r#"const f = new FormData(); f.append("a", "b"); f.append("c", new Blob(["d"])); f.get("a"); new Response(f).formData();"#
    }
};
