// URLPattern: what the web platform's tests do not try.

test("routes", () => {
  const pattern = new URLPattern({ pathname: "/books/:id(\\d+)/:rest*" });
  assert(pattern.test("https://example.com/books/12/a/b"));
  assert(!pattern.test("https://example.com/books/x/a"));
  const { pathname } = pattern.exec("https://example.com/books/12/a/b");
  assert.same(pathname, { groups: { id: "12", rest: "a/b" }, input: "/books/12/a/b" });
  assert.is(pattern.hasRegExpGroups, true);
  assert.is(new URLPattern({ pathname: "/a/:b" }).hasRegExpGroups, false);
});

test("strings, bases and objects", () => {
  const pattern = new URLPattern("/a/:b\\?c=*#d", "https://example.com:8080");
  assert.same(
    [pattern.protocol, pattern.hostname, pattern.port, pattern.pathname, pattern.search, pattern.hash],
    ["https", "example.com", "8080", "/a/:b", "c=*", "d"],
  );
  const result = pattern.exec("a/x?c=1#d", "https://example.com:8080/");
  assert.same(result.inputs, ["a/x?c=1#d", "https://example.com:8080/"]);
  assert.same(Object.keys(result), ["hash", "hostname", "inputs", "password", "pathname", "port", "protocol", "search", "username"]);
  assert.same(pattern.exec({ pathname: "/a/x" }), null);
  assert(new URLPattern({ pathname: "/A" }, { ignoreCase: true }).test({ pathname: "/a" }));
  assert(new URLPattern("https://example.com/A", { ignoreCase: true }).test("https://example.com/a"));
  assert(new URLPattern("/A", "https://example.com", { ignoreCase: true }).test("https://example.com/a"));
  assert(new URLPattern().test("data:anything"));
  assert.is(new URLPattern("data\\:x:y").pathname, "x:y");
});

test("what is refused", () => {
  assert.throws(() => new URLPattern("/a"), TypeError);
  assert.throws(() => new URLPattern({ pathname: "/:a/:a" }), TypeError);
  assert.throws(() => new URLPattern({ pathname: "/(" }), TypeError);
  assert.throws(() => new URLPattern({ pathname: "([)" }), TypeError);
  assert.throws(() => new URLPattern({ port: "65536" }), TypeError);
  assert.throws(() => new URLPattern({ pathname: "/a" }, "https://example.com"), TypeError);
  assert.throws(() => new URLPattern({}, 1), TypeError);
  assert.throws(() => URLPattern(), TypeError);
  assert.throws(() => new URLPattern().test({}, "https://example.com"), TypeError);
  assert.is(new URLPattern().test("not a url"), false);
  assert.is(new URLPattern().exec({ port: "x" }), null);
});

test("groups of the names of Object.prototype", () => {
  const { groups } = new URLPattern({ pathname: "/:__proto__/:constructor" }).exec({ pathname: "/a/b" }).pathname;
  assert.same(Object.getOwnPropertyNames(groups), ["__proto__", "constructor"]);
  assert.is(groups.constructor, "b");
});
