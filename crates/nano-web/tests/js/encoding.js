// Encoding: TextEncoder, TextDecoder, their streams, and base64.

// First, since their part must not have been evaluated yet.
test("encoding streams are nobody's TransformStream", async () => {
  const trap = () => assert(false, "something of a tenant's was called");
  const before = [];
  for (const [object, name, descriptor] of [
    [TransformStream.prototype, "readable", { get: trap }],
    [TransformStream.prototype, "writable", { get: trap }],
    [TransformStreamDefaultController.prototype, "enqueue", { value: trap }],
  ]) {
    before.push([object, name, Object.getOwnPropertyDescriptor(object, name)]);
    Object.defineProperty(object, name, { __proto__: null, ...descriptor });
  }
  const stream = streamOf("a").pipeThrough(new TextEncoderStream()).pipeThrough(new TextDecoderStream());
  assert.same(await collect(stream), ["a"]);
  for (const [object, name, descriptor] of before) Object.defineProperty(object, name, { __proto__: null, ...descriptor });
});

const encode = (text) => [...new TextEncoder().encode(text)];
const BOM = [0xef, 0xbb, 0xbf];

for (const [text, expected] of [
  ["", []],
  ["a\0z", [97, 0, 122]],
  ["é", [0xc3, 0xa9]],
  ["€", [0xe2, 0x82, 0xac]],
  ["😀", [0xf0, 0x9f, 0x98, 0x80]],
  ["\ud83d", [0xef, 0xbf, 0xbd]],
  ["\ude00\ud83d", [0xef, 0xbf, 0xbd, 0xef, 0xbf, 0xbd]],
  ["\ufeff", BOM],
]) test(`encode ${JSON.stringify(text)}`, () => assert.same(encode(text), expected));

// Around the length up to which texts are tried as ASCII in an array that JavaScript makes.
for (const length of [1, 1023, 1024, 1025]) {
  test(`encode ${length} characters`, () => {
    const ascii = "\x7f".repeat(length);
    assert.same(encode(ascii), Array(length).fill(0x7f));
    assert.same(encode(`\x80${ascii.slice(1)}`), [0xc2, 0x80, ...Array(length - 1).fill(0x7f)]);
    assert.same(encode(`${ascii.slice(1)}\x80`), [...Array(length - 1).fill(0x7f), 0xc2, 0x80]);
    const { buffer, byteOffset } = new TextEncoder().encode(ascii);
    assert.same([buffer.byteLength, byteOffset], [length, 0]);
  });
}

// Long enough for the ways that are taken for long texts, with something in the middle.
for (const middle of ["", "é", "€", "😀", "\ud83d", "a\udc00"]) {
  for (const around of ["abcdefgh", "äöü", "день"]) {
    const text = around.repeat(100) + middle + around.repeat(33);
    test(`encode and decode a long text of ${JSON.stringify(around)} with ${JSON.stringify(middle)}`, () => {
      const encoded = new TextEncoder().encode(text);
      let expected = [];
      for (const character of text) expected.push(...encode(character));
      assert.same([...encoded], expected);
      assert.is(encoded.buffer.byteLength, encoded.length);
      assert.is(new TextDecoder().decode(encoded), text.toWellFormed());
      assert.is(new TextDecoder("utf-8", { fatal: true }).decode(encoded.subarray(0)), text.toWellFormed());
      const broken = encoded.slice(0, -1);
      broken[broken.length - 1] = 0xff;
      assert.is(new TextDecoder().decode(broken).at(-1), "\ufffd");
      assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(broken), TypeError);
      const shared = new Uint8Array(new SharedArrayBuffer(encoded.length));
      shared.set(encoded);
      assert.is(new TextDecoder().decode(shared), text.toWellFormed());
    });
  }
}

for (const [text, room, read, written] of [
  ["abc", 2, 2, 2],
  ["é", 1, 0, 0],
  ["aé", 3, 2, 3],
  ["😀", 3, 0, 0],
  ["😀", 4, 2, 4],
  ["\ud83d", 3, 1, 3],
  ["a€", 3, 1, 1],
  ["", 5, 0, 0],
  ["é", 2, 1, 2],
  ["éa", 2, 1, 2],
  ["aéa", 4, 3, 4],
  ["aéé", 4, 2, 3],
  ["abcdefgh", 5, 5, 5],
  ["ÿÿÿÿ", 7, 3, 6],
]) {
  test(`encodeInto ${JSON.stringify(text)} into ${room}`, () => {
    const buffer = new Uint8Array(room + 2).fill(1);
    const result = new TextEncoder().encodeInto(text, buffer.subarray(1, room + 1));
    assert.same(result, { read, written });
    assert.is(buffer[0], 1);
    assert.is(buffer[written + 1], 1, "nothing is written beyond");
  });
}

for (const [piece, bytes] of [["a", 1], ["é", 2], ["€", 3], ["😀", 4]]) {
  test(`a long text of ${piece}`, () => {
    // Around where a text gets memory of another kind.
    for (const length of [21845, 21846, 32768, 40000, 65535, 65536, 70000]) {
      const text = piece.repeat(length);
      const encoded = new TextEncoder().encode(text);
      assert.is(encoded.length, bytes * length);
      assert.is(encoded.buffer.byteLength, bytes * length);
      assert.is(new TextDecoder().decode(encoded), text);
    }
    const lone = new TextEncoder().encode("\ud83d" + piece.repeat(65536));
    assert.same([...lone.subarray(0, 3)], [0xef, 0xbf, 0xbd]);
    assert.is(lone.length, 3 + 65536 * bytes);
  });
}

for (const [given, expected] of [
  [[], ""],
  [[97, 98], "ab"],
  [[...BOM, 97], "a"],
  [[...BOM, ...BOM, 97], "\ufeffa"],
  [[0xc3, 0xa9], "é"],
  [[0xff], "\ufffd"],
  [[0xe2, 0x82], "\ufffd"],
  [[0xe2, 0x82, 97], "\ufffda"],
  [[0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
  [[0xf0, 0x9f, 0x98, 0x80], "😀"],
]) {
  test(`decode ${given}`, () => {
    const data = new Uint8Array(given);
    assert.is(new TextDecoder().decode(data), expected);
    assert.is(new TextDecoder().decode(data.buffer), expected);
    assert.is(new TextDecoder().decode(new DataView(data.buffer)), expected);
    // One byte at a time.
    const decoder = new TextDecoder();
    let text = "";
    for (const byte of given) text += decoder.decode(bytes(byte), { stream: true });
    assert.is(text + decoder.decode(), expected);
  });
}

test("ignoreBOM keeps it", () => {
  assert.is(new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array([...BOM, 97])), "\ufeffa");
});

test("fatal", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  assert.throws(() => decoder.decode(bytes(0xff)), TypeError);
  assert.throws(() => decoder.decode(bytes(0xe2, 0x82)), TypeError);
  assert.is(decoder.decode(bytes(0xe2, 0x82), { stream: true }), "");
  assert.is(decoder.decode(bytes(0xac)), "€");
  assert.is(decoder.decode(bytes(97)), "a");
  assert(decoder.fatal);
});

for (const [label, name, given, expected] of [
  ["latin1", "windows-1252", [0xe9, 0x80], "é€"],
  [" UTF8\n", "utf-8", [97], "a"],
  ["utf-16le", "utf-16le", [0x3d, 0xd8, 0x00, 0xde], "😀"],
  ["utf-16be", "utf-16be", [0x20, 0xac], "€"],
  ["shift_jis", "shift_jis", [0x82, 0xa0], "あ"],
  ["gbk", "gbk", [0xc4, 0xe3], "你"],
]) {
  test(`label ${label}`, () => {
    const decoder = new TextDecoder(label);
    assert.is(decoder.encoding, name);
    assert.is(decoder.decode(new Uint8Array(given)), expected);
  });
}

test("labels that are none", () => {
  for (const label of ["", "utf-7", "replacement", "utf-8\0"]) assert.throws(() => new TextDecoder(label), RangeError);
});

test("streams of text", async () => {
  const [first, second] = [bytes(0xe2, 0x82), bytes(0xac, 97)];
  assert.is((await collect(streamOf(first, second).pipeThrough(new TextDecoderStream()))).join(""), "€a");
  const encoded = await collect(streamOf("\ud83d", "\ude00").pipeThrough(new TextEncoderStream()));
  assert.same(encoded.flatMap((chunk) => [...chunk]), [0xf0, 0x9f, 0x98, 0x80]);
});

for (const [text, encoded] of [["", ""], ["a", "YQ=="], ["ab", "YWI="], ["abc", "YWJj"], ["\xff\0", "/wA="]]) {
  test(`base64 ${encoded}`, () => {
    assert.is(btoa(text), encoded);
    assert.is(atob(encoded), text);
  });
}
test("base64 of a long text", () => {
  let text = "";
  for (let i = 0; i < 3000; i++) text += String.fromCharCode(i & 0xff);
  assert.is(atob(btoa(text)), text);
  // Kept in two bytes for each character, all of which fit into one.
  assert.is(atob(("\u0100" + btoa(text)).slice(1)), text);
  assert.is(btoa(("\u0100" + text).slice(1)), btoa(text));
});
test("base64 is forgiving, to a point", () => {
  assert.is(atob(" Y\tQ\n"), "a");
  assert.is(atob("YR=="), "a");
  for (const text of ["Y", "YQ=", "YQ==="," =", "Y_Q=", "ü"]) assert.throws(() => atob(text), "InvalidCharacterError");
  assert.throws(() => btoa("\u0100"), "InvalidCharacterError");
});

test("the bytes of a detached buffer are none", async () => {
  const view = new Uint8Array([65, 66]);
  const data = new DataView(view.buffer);
  const { buffer } = view;
  structuredClone(buffer, { transfer: [buffer] });
  for (const source of [view, buffer, data]) assert.is(new TextDecoder().decode(source), "");
  assert.same(await collect(streamOf(view, buffer, data).pipeThrough(new TextDecoderStream())), []);
});
