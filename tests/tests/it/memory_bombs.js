// A tenant that takes memory in every way that JavaScript has: the path names the way. Each either ends in an exception that it
// catches, or takes until somebody stops it. `/` answers "ok".

let held = [];

function forever(make) {
  for (let i = 0; ; i++) held.push(make(i));
}

const bombs = {
  // Many small objects.
  arrays: () => forever(() => new Array(1000).fill(1.5)),
  objects: () => forever((i) => ({ a: 1, b: [], c: "x" + i })),
  strings: () => forever((i) => "x".repeat(1000) + String(i).padStart(1000, "y").split("").join("")),
  symbols: () => forever((i) => Symbol("s" + i)),
  closures: () => forever(() => ((x) => () => x)(new Array(100))),
  functions: () => forever((i) => new Function("return " + i)),
  errors: () => forever((i) => new Error("e" + i)),
  proxies: () => forever(() => new Proxy({}, {})),
  promises: () => forever(() => new Promise(() => {}).then(() => 1)),
  generators: () =>
    forever(() => {
      const generator = (function* () {
        yield new Array(100);
      })();
      generator.next();
      return generator;
    }),
  dictionaries: () =>
    forever((i) => {
      const object = Object.create(null);
      for (let j = 0; j < 2000; j++) object["k" + i + "_" + j] = j;
      return object;
    }),
  nested: () => {
    let text = "[]";
    for (;;) {
      text = "[" + text + "," + text + "]";
      held.push(JSON.parse(text));
    }
  },
  microtasks: () => {
    const f = () => {
      Promise.resolve().then(f);
      Promise.resolve().then(f);
    };
    f();
    return new Promise(() => {});
  },

  // One table that grows: each step is a single, larger allocation.
  map: () => {
    const map = new Map();
    for (let i = 0; ; i++) map.set(i, { i });
  },
  set: () => {
    const set = new Set();
    for (let i = 0; ; i++) set.add("k" + i);
  },
  weakrefs: () => forever(() => new WeakRef({})),
  properties: () => {
    const object = {};
    for (let i = 0; ; i++) object["p" + i] = i;
  },
  sparse: () => {
    const array = [];
    for (let i = 0; ; i++) array[i * 1000] = i;
  },
  push: () => {
    const array = [];
    for (;;) array.push(1.1);
  },
  concat: () => {
    let array = [1, 2, 3];
    for (;;) array = array.concat(array);
  },
  spread: () => {
    let array = [1, 2, 3];
    for (;;) array = [...array, ...array];
  },

  // Single allocations far beyond any limit.
  fill: () => forever(() => new Array(5e7).fill(1.5)),
  filled: () => {
    for (let i = 0; i < 8; i++) held.push(new Array(3.3e7).fill({}));
  },
  flat: () => forever((i) => {
    const text = "x".repeat(2 ** 28) + i;
    text.charCodeAt(5);
    return /x+$/.test(text.slice(0, 10)) && text;
  }),
  wide: () => forever((i) => "\u4e2d".repeat(2 ** 27) + i),
  doubled: () => {
    let text = "x";
    for (;;) {
      text += text;
      held.push(text.split(""));
    }
  },
  split: () => forever(() => "ab".repeat(2 ** 25).split("")),
  matches: () => {
    held.push("a".repeat(2 ** 25).match(/a/g));
    held.push("a".repeat(2 ** 27).match(/a/g));
  },
  join: () => forever(() => new Array(1e5).fill("x".repeat(1000)).join(",")),
  replaced: () => forever(() => "x".repeat(1e6).replace(/x/g, "y".repeat(100))),
  bigint: () => {
    let value = 1n << 1000n;
    for (;;) {
      value *= value;
      held.push(value);
    }
  },
  stringify: () => {
    let value = [];
    for (;;) {
      value = [value, value];
      held.push(JSON.stringify(value));
    }
  },
  quoted: () => {
    let text = "abc";
    for (;;) {
      text += text;
      held.push(JSON.stringify(text));
    }
  },
  parsed: () => {
    held.push(JSON.parse("[".repeat(5e6) + "]".repeat(5e6)));
  },
  answer: () => new Response("x".repeat(2 ** 29 - 100)),

  // Outside of the JavaScript heap.
  typed: () => forever(() => new Uint8Array(1e6)),
  typedHuge: () => forever(() => new Float64Array(2 ** 32)),
  views: () => forever(() => new Uint8Array(8)),
  shared: () => forever(() => new Uint8Array(new SharedArrayBuffer(1e7)).fill(1)),
  resizable: () =>
    forever(() => {
      const buffer = new ArrayBuffer(1e7, { maxByteLength: 1e9 });
      buffer.resize(1e8);
      return new Uint8Array(buffer).fill(1);
    }),
  wasm: () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    for (;;) {
      memory.grow(100);
      new Uint8Array(memory.buffer).fill(1);
    }
  },
  wasmMany: () => forever(() => new Uint8Array(new WebAssembly.Memory({ initial: 1000 }).buffer).fill(1)),
  // Grown within, where no script is asked: (memory (export "m") 1) (func (export "grow") (param i32) (result i32) …)
  wasmInside: () => {
    const { grow } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 12, 2, 1, 109, 2, 0, 4, 103, 114, 111,
      119, 0, 0, 10, 8, 1, 6, 0, 32, 0, 64, 0, 11,
    ]))).exports;
    for (;;) grow(1);
  },
  // The same with a memory that is not exported.
  wasmHidden: () => {
    const module = new WebAssembly.Module(new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 8, 1, 4, 103, 114, 111, 119, 0, 0, 10,
      8, 1, 6, 0, 32, 0, 64, 0, 11,
    ]));
    forever(() => {
      const instance = new WebAssembly.Instance(module);
      instance.exports.grow(255);
      return instance;
    });
  },
  wasmTable: () => forever(() => new WebAssembly.Table({ element: "externref", initial: 1e6 })),

  // The platform's own objects.
  urls: () => forever((i) => new URL("http://example.com/" + i)),
  headers: () => forever((i) => new Headers({ a: "b" + i })),
  blobs: () => forever(() => new Blob(["x".repeat(1e6)])),
  encoded: () => forever(() => new TextEncoder().encode("x".repeat(1e6))),
  responses: () => forever(() => new Response("x".repeat(1000))),
  streams: () => forever(() => new ReadableStream({ pull() {} })),
  timers: () => {
    for (;;) setTimeout(() => {}, 1e6, new Array(1000).fill(1));
  },
  cloned: () => {
    let value = [];
    for (;;) {
      value = [value, structuredClone(value)];
      held.push(value);
    }
  },
};

export default {
  async fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    if (name === "") return new Response("ok");
    if (name === "names") return new Response(Object.keys(bombs).join(" "));
    try {
      const result = await bombs[name]();
      return result instanceof Response ? result : new Response("made");
    } catch (error) {
      held = [];
      return new Response(`caught: ${error}`);
    }
  },
};
