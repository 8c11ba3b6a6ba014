// Blob, File and FormData.

test("Blob", async () => {
  const blob = new Blob(["one", bytes(32), new Blob(["two"]), bytes(33).buffer], { type: "Text/Plain" });
  assert.same([blob.size, blob.type, await blob.text()], [8, "text/plain", "one two!"]);
  assert.is(await blob.slice(4, -1).text(), "two");
  assert.is(blob.slice(0, 1, "a/b").type, "a/b");
  assert.is((await blob.arrayBuffer()).byteLength, 8);
  assert.is((await blob.bytes())[0], 111);
  assert.is((await collect(blob.stream())).map((chunk) => new TextDecoder().decode(chunk)).join(""), "one two!");
  assert.is(new Blob([], { type: "\u00ff" }).type, "");
  assert.is(await new Blob(["a\r\nb\n"], { endings: "native" }).text(), "a\nb\n");
});

test("slices of slices", async () => {
  const blob = new Blob(["0123", "456", new Blob(["789"])]);
  const single = new Blob(["0123456789"]);
  for (const whole of [blob, single]) {
    const slice = whole.slice(2, 9);
    const inner = slice.slice(1, -1);
    assert.same([slice.size, inner.size, await inner.text(), await slice.text()], [7, 5, "34567", "2345678"]);
    const innermost = inner.slice(2, 4, "a/B");
    assert.same([innermost.type, await innermost.text()], ["a/b", "56"]);
    assert.is(new TextDecoder().decode(await whole.slice(3, 8).slice(1, 3).arrayBuffer()), "45");
    assert.is(new TextDecoder().decode(await whole.slice(3, 8).slice(1, 3).bytes()), "45");
    assert.is((await collect(whole.slice(3, 8).stream())).map((chunk) => new TextDecoder().decode(chunk)).join(""), "34567");
    assert.is(await new Blob([whole.slice(1, 3), "-", whole.slice(8)]).text(), "12-89");
    assert.is(await new File([whole.slice(1, 5)], "f").slice(1, 2).text(), "2");
    assert.is(await structuredClone(whole.slice(4, 6)).text(), "45");
    for (const [start, end, size] of [[0, 0, 0], [5, 5, 0], [6, 2, 0], [20, 30, 0], [-3, undefined, 3], [-30, 2, 2], [1.5, 3.5, 2], [NaN, "4", 4], [null, 1e20, 10]]) {
      assert.is(whole.slice(start, end).size, size, `${start} to ${end}`);
      assert.is((await whole.slice(start, end).arrayBuffer()).byteLength, size);
    }
  }
  const copy = await single.slice(1, 3).bytes();
  copy[0] = 120;
  assert.is(await single.text(), "0123456789");
});

test("a Blob keeps the bytes it was given", async () => {
  const data = bytes(97, 98);
  const blob = new Blob([data]);
  data[0] = 120;
  assert.is(await blob.text(), "ab");
});

test("File", async () => {
  const file = new File(["x"], "name.txt", { type: "text/x", lastModified: 5 });
  assert.same([file.name, file.type, file.size, file.lastModified, file instanceof Blob], ["name.txt", "text/x", 1, 5, true]);
  assert.throws(() => new File(["x"]), TypeError);
});

test("FormData", () => {
  const form = new FormData();
  form.append("a", "1");
  form.append("a", "2");
  form.append("f", new Blob(["x"], { type: "text/x" }), "file.txt");
  assert.same(form.getAll("a"), ["1", "2"]);
  assert.same([form.get("f").name, form.get("f") instanceof File, form.has("z"), form.get("z")], ["file.txt", true, false, null]);
  form.set("a", "3");
  form.delete("f");
  assert.same([...form], [["a", "3"]]);
});

test("multipart there and back", async () => {
  const form = new FormData();
  form.append('na"me', "ü\r\n");
  form.append("file", new File([bytes(0, 255, 13, 10)], "ü.bin", { type: "a/b" }));
  const response = new Response(form);
  assert(response.headers.get("content-type").startsWith("multipart/form-data; boundary="));
  const back = await response.formData();
  assert.is(back.get('na"me'), "ü\r\n");
  const file = back.get("file");
  assert.same([file.name, file.type, [...(await file.bytes())]], ["ü.bin", "a/b", [0, 255, 13, 10]]);
});

test("form bodies that are none", async () => {
  const body = (text, type) => new Response(text, { headers: { "content-type": type } }).formData();
  assert.same([...(await body("a=1&b=%C3%BC", "application/x-www-form-urlencoded"))], [["a", "1"], ["b", "ü"]]);
  await assert.rejects(body("x", "text/plain"), TypeError);
  await assert.rejects(body("--b\r\n", "multipart/form-data; boundary=b"), TypeError);
  await assert.rejects(body("", "multipart/form-data"), TypeError);
});

// Resolves to the types of the events until `loadend`.
const eventsOf = (reader) => new Promise((resolve) => {
  const seen = [];
  for (const type of ["loadstart", "progress", "load", "abort", "error"]) reader.addEventListener(type, () => seen[seen.length] = type);
  reader.onloadend = () => resolve(seen);
});

test("FileReader", async () => {
  const reader = new FileReader();
  assert.same([reader.readyState, reader.result, reader.error, FileReader.LOADING, reader.DONE], [0, null, null, 1, 2]);
  const read = async (method, blob, ...rest) => {
    reader[method](blob, ...rest);
    assert.is(reader.readyState, 1);
    assert.throws(() => reader[method](blob), "InvalidStateError");
    const seen = await eventsOf(reader);
    assert.same(seen, blob.size === 0 ? ["loadstart", "load"] : ["loadstart", "progress", "load"]);
    return reader.result;
  };
  const blob = new Blob(["\u00e9!"], { type: "text/plain" });
  assert.is(await read("readAsText", blob), "\u00e9!");
  assert.is(await read("readAsBinaryString", blob), "\u00c3\u00a9!");
  assert.is(await read("readAsDataURL", blob), "data:text/plain;base64,w6kh");
  assert.is((await read("readAsArrayBuffer", blob)).byteLength, 3);
  assert.is(await read("readAsText", new Blob([])), "");
  // The label, else the type's charset, else UTF-8; a mark at the beginning says better.
  assert.is(await read("readAsText", new Blob([bytes(0xe9)], { type: "text/plain;charset=latin1" })), "\u00e9");
  assert.is(await read("readAsText", new Blob([bytes(0xe9)], { type: "text/plain;charset=utf-8" }), "latin1"), "\u00e9");
  assert.is(await read("readAsText", new Blob([bytes(0xff, 0xfe, 0x41, 0)]), "latin1"), "A");
  assert.throws(() => reader.readAsText("x"), TypeError);
});

test("a FileReader that is aborted says so and nothing else", async () => {
  const reader = new FileReader();
  const seen = eventsOf(reader);
  reader.onloadstart = () => reader.abort();
  reader.readAsText(new Blob(["x"]));
  assert.same(await seen, ["loadstart", "abort"]);
  assert.same([reader.readyState, reader.result], [2, null]);
});

test("a listener may read again", async () => {
  const reader = new FileReader();
  let ends = 0;
  reader.onload = () => {
    reader.onload = null;
    reader.readAsText(new Blob(["two"]));
  };
  reader.addEventListener("loadend", () => ends++);
  reader.readAsText(new Blob(["one"]));
  await eventsOf(reader);
  assert.same([reader.result, ends], ["two", 1]);
});

test("FileReaderSync and ProgressEvent", () => {
  const reader = new FileReaderSync();
  assert.is(reader.readAsText(new Blob(["ab"])), "ab");
  assert.is(reader.readAsDataURL(new Blob(["ab"])), "data:application/octet-stream;base64,YWI=");
  assert.throws(() => FileReaderSync.prototype.readAsText.call({}, new Blob([])), TypeError);
  const event = new ProgressEvent("progress", { lengthComputable: true, loaded: 1, total: 2 });
  assert.same([event.type, event.lengthComputable, event.loaded, event.total], ["progress", true, 1, 2]);
});
