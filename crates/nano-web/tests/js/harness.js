// What the test files of this folder use: test() collects, run() runs one after the other and answers with what failed.
//
// Everything is taken before hostile.js replaces it, where that is used.

{
  const tests = [];
  const { stringify } = JSON;
  const { is } = Object;

  globalThis.test = (name, body) => void tests.push([name, body]);

  const show = (value) => {
    try {
      return typeof value === "string" ? stringify(value) : typeof value === "object" ? (stringify(value) ?? String(value)) : String(value);
    } catch {
      return Object.prototype.toString.call(value);
    }
  };

  globalThis.assert = (condition, message = "assertion failed") => {
    if (!condition) throw new Error(message);
  };
  assert.is = (actual, expected, message = "") => {
    if (!is(actual, expected)) throw new Error(`${message} ${show(actual)} is not ${show(expected)}`);
  };
  // By their JSON.
  assert.same = (actual, expected, message = "") => {
    if (stringify(actual) !== stringify(expected)) throw new Error(`${message} ${stringify(actual)} is not ${stringify(expected)}`);
  };
  const check = (error, expected) => {
    const name = typeof expected === "string" ? expected : expected.name;
    if (error?.name !== name) throw new Error(`threw ${error?.name}: ${error?.message}, expected ${name}`);
    if (typeof expected === "function" && !(error instanceof expected)) throw new Error(`threw another realm's ${name}`);
    return error;
  };
  // `expected`: a class, or the name of a DOMException.
  assert.throws = (action, expected) => {
    let error;
    try {
      action();
    } catch (thrown) {
      error = thrown;
      return check(error, expected);
    }
    throw new Error(`did not throw; expected ${expected.name ?? expected}`);
  };
  assert.rejects = async (promise, expected) => {
    let value;
    try {
      value = await promise;
    } catch (error) {
      return check(error, expected);
    }
    throw new Error(`was fulfilled with ${show(value)}; expected ${expected.name ?? expected}`);
  };

  globalThis.bytes = (...values) => new Uint8Array(values);
  globalThis.streamOf = (...chunks) =>
    new ReadableStream({
      pull(controller) {
        if (chunks.length === 0) controller.close();
        else controller.enqueue(chunks.shift());
      },
    });
  globalThis.collect = async (stream) => {
    const reader = stream.getReader();
    const chunks = [];
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return chunks;
      chunks.push(value);
    }
  };

  globalThis.run = async () => {
    const failures = [];
    for (let i = 0; i < tests.length; i++) {
      const [name, body] = tests[i];
      try {
        await body();
      } catch (error) {
        failures.push(`${name}: ${error?.stack ?? error}`);
      }
    }
    const seen = globalThis.trespasses?.() ?? [];
    for (let i = 0; i < seen.length; i++) failures.push(`the platform called what a tenant may have replaced: ${seen[i]}`);
    return stringify({ count: tests.length, failures });
  };
}
