//! Streams Standard. All of it is JavaScript; `interop.js` has what other standards use.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;

pub(crate) static STANDARD: Standard = Standard {
    name: "streams",
    uses: &["abort", "expose", "hooks", "primordials", "structuredClone", "webidl"],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: [
            "streams/queues.js", "streams/strategies.js", "streams/readable.js", "streams/readable_default_controller.js",
            "streams/readable_byte_controller.js", "streams/readable_byte_classes.js", "streams/readable_tee.js",
            "streams/readable_iteration.js", "streams/native.js", "streams/writable.js", "streams/writable_classes.js",
            "streams/pipe.js", "streams/readable_classes.js", "streams/transform.js", "streams/consume.js",
            "streams/interop.js"
        ],
        hooks: ["streamKinds"],
        exports: ["streams"],
        globals: [
            "ByteLengthQueuingStrategy", "CountQueuingStrategy", "ReadableByteStreamController", "ReadableStream",
            "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
            "ReadableStreamDefaultReader", "TransformStream", "TransformStreamDefaultController", "WritableStream",
            "WritableStreamDefaultController", "WritableStreamDefaultWriter"
        ],
        enumerable: [],
        exercise: r#"
            const encode = (text) => new Uint8Array(text.length);
            const source = new ReadableStream({ start(c) { c.enqueue(encode("a")); }, pull(c) { c.enqueue(encode("b")); c.close(); } });
            const { readable, writable } = new TransformStream({ transform(chunk, c) { c.enqueue(chunk); } });
            source.pipeTo(writable);
            (async () => { for await (const chunk of readable) chunk.length; })();
            new Response(new ReadableStream({ pull(c) { c.enqueue(encode("b")); c.close(); } })).text();
        "#
    }
};
