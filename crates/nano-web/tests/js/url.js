// URL and URLSearchParams.

for (const [input, base, href] of [
  ["http://EXAMPLE.com:80/a/../b?c#d", undefined, "http://example.com/b?c#d"],
  ["../x", "http://h/a/b/c", "http://h/a/x"],
  ["//other/y", "https://h/", "https://other/y"],
  ["?q", "http://h/p?old#f", "http://h/p?q"],
  ["http://ü.example/ü?ü#ü", undefined, "http://xn--tda.example/%C3%BC?%C3%BC#%C3%BC"],
  ["http://0x7f.1/", undefined, "http://127.0.0.1/"],
  ["http://[::1]:8080/", undefined, "http://[::1]:8080/"],
  ["  http://h/\t\n ", undefined, "http://h/"],
  ["data:text/plain,x y", undefined, "data:text/plain,x y"],
  ["file:///c:/../x", undefined, "file:///c:/x"],
]) {
  test(`parse ${input}`, () => {
    assert.is(new URL(input, base).href, href);
    assert.is(String(new URL(input, base)), href);
    assert(URL.canParse(input, base));
    assert.is(URL.parse(input, base).href, href);
  });
}

test("what is no URL", () => {
  for (const input of ["", "/relative", "http://", "http://a b/", "http://h:99999/", "http://%zz/"]) {
    assert.throws(() => new URL(input), TypeError);
    assert.is(URL.canParse(input), false);
    assert.is(URL.parse(input), null);
  }
  assert.throws(() => new URL("x", "also/relative"), TypeError);
});

test("parts", () => {
  const url = new URL("https://user:pa%20ss@host.example:8443/path/x?query=1#frag");
  assert.same(
    [url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname, url.search, url.hash, url.origin],
    ["https:", "user", "pa%20ss", "host.example:8443", "host.example", "8443", "/path/x", "?query=1", "#frag", "https://host.example:8443"],
  );
  assert.is(JSON.stringify({ url }), `{"url":"${url.href}"}`);
  assert.is(new URL("data:x").origin, "null");
});

for (const [part, value, href] of [
  ["protocol", "https", "https://h/p?q#f"],
  ["protocol", "data", "http://h/p?q#f"],
  ["host", "other:81", "http://other:81/p?q#f"],
  ["hostname", "other", "http://other/p?q#f"],
  ["port", "8080x", "http://h:8080/p?q#f"],
  ["pathname", "a b", "http://h/a%20b?q#f"],
  ["search", "", "http://h/p#f"],
  ["hash", "#new", "http://h/p?q#new"],
  ["username", "me", "http://me@h/p?q#f"],
]) {
  test(`set ${part} to ${value}`, () => {
    const url = new URL("http://h/p?q#f");
    url[part] = value;
    assert.is(url.href, href);
  });
}

for (const point of [0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x10000, 0x1f600, 0x10ffff]) {
  test(`URLSearchParams with U+${point.toString(16)}`, () => {
    const text = `a${String.fromCodePoint(point)}b${String.fromCodePoint(point, point)}`;
    const escaped = encodeURIComponent(text);
    assert.is(new URLSearchParams([[text, text]]).toString(), `${escaped}=${escaped}`);
    const params = new URLSearchParams(`${escaped}=${escaped.toLowerCase()}&x=${text}`);
    assert.is(params.get(text), text);
    assert.is(params.get("x"), text);
  });
}

test("URLSearchParams with what is no UTF-8", () => {
  // Percent-decode, then UTF-8 decode without BOM.
  const expected = (text) => {
    const bytes = [];
    for (let i = 0; i < text.length; i++) {
      const digits = text.slice(i + 1, i + 3);
      if (text[i] === "%" && /^[0-9A-Fa-f]{2}$/.test(digits)) {
        bytes.push(parseInt(digits, 16));
        i += 2;
      } else {
        bytes.push(text.charCodeAt(i));
      }
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  };
  for (const text of [
    "%", "%4", "%zz", "%4z", "a%", "%80", "%BF", "%C0%80", "%C1%BF", "%C3", "%C3x", "%C3%", "%C3%zz", "%C3%C3%A4", "%E0%80%80", "%E0%9F%BF", "%E0%A0",
    "%ED%A0%80", "%ED%BF%BF", "%EF%BF", "%F0%80%80%80", "%F0%8F%BF%BF", "%F0%9F%98", "%F4%90%80%80", "%F5%80%80%80", "%FF", "%EF%BB%BF", "%c3%a4%ff%41",
  ]) assert.is(new URLSearchParams(`k=x${text}y`).get("k"), expected(`x${text}y`), text);
});

test("search and searchParams are one", () => {
  const url = new URL("http://h/?a=1&b=2");
  const params = url.searchParams;
  assert.is(params, url.searchParams);
  params.append("c", "ü &");
  assert.is(url.search, "?a=1&b=2&c=%C3%BC+%26");
  url.search = "?x=y";
  assert.same([...params], [["x", "y"]]);
  params.delete("x");
  assert.is(url.href, "http://h/");
});

test("URLSearchParams", () => {
  const params = new URLSearchParams("?b=2&a=1&b=3&=&c");
  assert.same([...params], [["b", "2"], ["a", "1"], ["b", "3"], ["", ""], ["c", ""]]);
  assert.is(params.size, 5);
  assert.same([params.get("b"), params.get("z"), params.has("a"), params.has("b", "9")], ["2", null, true, false]);
  assert.same(params.getAll("b"), ["2", "3"]);
  params.set("b", "9");
  params.delete("c", "other");
  params.sort();
  assert.is(params.toString(), "=&a=1&b=9&c=");
  const seen = [];
  params.forEach((value, name, self) => seen.push(name + value + (self === params)));
  assert.same(seen, ["true", "a1true", "b9true", "ctrue"]);
  assert.same([[...params.keys()], [...params.values()]], [["", "a", "b", "c"], ["", "1", "9", ""]]);
  assert.is(new URLSearchParams({ a: "1", b: "ü" }).toString(), "a=1&b=%C3%BC");
  assert.is(new URLSearchParams([["a", "b c"]]).toString(), "a=b+c");
  assert.is(new URLSearchParams("a=%zz+%41").get("a"), "%zz A");
});

test("a live iterator sees what is added", () => {
  const params = new URLSearchParams("a=1");
  const seen = [];
  for (const [name] of params) {
    seen.push(name);
    if (seen.length < 3) params.append(`n${seen.length}`, "");
  }
  assert.same(seen, ["a", "n1", "n2"]);
});
