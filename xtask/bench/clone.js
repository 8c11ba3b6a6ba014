// What `cargo xtask bench clone` runs under each runtime: structuredClone() of five values, and a message through a channel. Prints one
// line of JSON for each: its name and the microseconds that one took, the median of many batches.

const MILLISECONDS = 400;

const small = { id: 1, name: "x", nested: { a: [1, 2, 3], b: true } };
const item = (i) => ({
  id: i, name: `item ${i}`, tags: ["a", "b", "c"], price: i * 1.5, ok: i % 2 === 0, nested: { x: i, y: null },
});
const tree = { items: Array.from({ length: 9500 }, (_, i) => item(i)) };
const bytes = new Uint8Array(10 * 1024 * 1024).fill(7);
const map = new Map(Array.from({ length: 100000 }, (_, i) => [i, `value ${i}`]));
const objects = new Map(Array.from({ length: 100000 }, (_, i) => [`key ${i}`, { i }]));
let moving = new Uint8Array(10 * 1024 * 1024);

const print = (name, times) => {
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ name, median: times[times.length >> 1] }));
};

function measure(name, count, run) {
  for (let i = 0; i < 3 * count; i++) run();
  const times = [];
  const begun = performance.now();
  let now = begun;
  while (now - begun < MILLISECONDS || times.length < 5) {
    for (let i = 0; i < count; i++) run();
    const end = performance.now();
    times.push(((end - now) / count) * 1000);
    now = end;
  }
  print(name, times);
}

measure("small object", 2000, () => structuredClone(small));
measure("1 MB tree", 1, () => structuredClone(tree));
measure("10 MB array, cloned", 1, () => structuredClone(bytes));
measure("10 MB array, transferred", 200, () => { moving = structuredClone(moving, { transfer: [moving.buffer] }); });
measure("Map of 100,000 entries", 1, () => structuredClone(map));
measure("Map of 100,000 objects", 1, () => structuredClone(objects));

const { port1, port2 } = new MessageChannel();
const times = [];
const HOPS = 2000;
let hops = 0;
let begun = performance.now();
port1.onmessage = ({ data }) => {
  if (++hops === HOPS) {
    const now = performance.now();
    times.push(((now - begun) / hops / 2) * 1000);
    begun = now;
    hops = 0;
    if (times.length === 15) {
      port1.close();
      print("message through a channel", times.slice(3));
      return;
    }
  }
  port1.postMessage(data);
};
port2.onmessage = ({ data }) => port2.postMessage(data);
port1.postMessage({ a: 1 });
