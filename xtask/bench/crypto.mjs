// Measures crypto.subtle from JavaScript, the same in every runtime: operations a second, each awaited before the next. Prints one line
// of JSON. `cargo xtask bench crypto` puts the time for each case in.

const MILLISECONDS = __MILLISECONDS__;
const { subtle } = crypto;
const kilobyte = crypto.getRandomValues(new Uint8Array(1024));
const megabyte = new Uint8Array(1 << 20);
for (let at = 0; at < megabyte.length; at += 1024) megabyte.set(kilobyte, at);

const hmac = await subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
const aes = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
const gcm = { name: "AES-GCM", iv: crypto.getRandomValues(new Uint8Array(12)) };
const ecdsa = { name: "ECDSA", hash: "SHA-256" };
const p256 = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
const ed25519 = await subtle.generateKey("Ed25519", false, ["sign", "verify"]);
const rsa = await subtle.generateKey(
  { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  false, ["sign", "verify"],
);
const password = await subtle.importKey("raw", kilobyte, "PBKDF2", false, ["deriveBits"]);
const ecdh = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
const x25519 = await subtle.generateKey("X25519", false, ["deriveBits"]);
const of1k = await subtle.encrypt(gcm, aes, kilobyte);
const byP256 = await subtle.sign(ecdsa, p256.privateKey, kilobyte);
const byEd25519 = await subtle.sign("Ed25519", ed25519.privateKey, kilobyte);
const byRsa = await subtle.sign("RSASSA-PKCS1-v1_5", rsa.privateKey, kilobyte);

const cases = {
  "SHA-256, 1 KB": () => subtle.digest("SHA-256", kilobyte),
  "HMAC-SHA-256, 1 KB": () => subtle.sign("HMAC", hmac, kilobyte),
  "AES-256-GCM encrypt, 1 KB": () => subtle.encrypt(gcm, aes, kilobyte),
  "AES-256-GCM decrypt, 1 KB": () => subtle.decrypt(gcm, aes, of1k),
  "SHA-256, 1 MB": () => subtle.digest("SHA-256", megabyte),
  "SHA-512, 1 MB": () => subtle.digest("SHA-512", megabyte),
  "HMAC-SHA-256, 1 MB": () => subtle.sign("HMAC", hmac, megabyte),
  "AES-256-GCM encrypt, 1 MB": () => subtle.encrypt(gcm, aes, megabyte),
  "ECDSA P-256 sign": () => subtle.sign(ecdsa, p256.privateKey, kilobyte),
  "ECDSA P-256 verify": () => subtle.verify(ecdsa, p256.publicKey, byP256, kilobyte),
  "Ed25519 sign": () => subtle.sign("Ed25519", ed25519.privateKey, kilobyte),
  "Ed25519 verify": () => subtle.verify("Ed25519", ed25519.publicKey, byEd25519, kilobyte),
  "RSA-2048 sign": () => subtle.sign("RSASSA-PKCS1-v1_5", rsa.privateKey, kilobyte),
  "RSA-2048 verify": () => subtle.verify("RSASSA-PKCS1-v1_5", rsa.publicKey, byRsa, kilobyte),
  "ECDH P-256": () => subtle.deriveBits({ name: "ECDH", public: ecdh.publicKey }, ecdh.privateKey, 256),
  "X25519": () => subtle.deriveBits({ name: "X25519", public: x25519.publicKey }, x25519.privateKey, 256),
  "PBKDF2, 100,000 times": () =>
    subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: kilobyte, iterations: 100_000 }, password, 256),
};

async function rate(operation) {
  // Warmed up for a quarter of the time; the clock is looked at as seldom as the operation is quick.
  let batch = 1;
  for (const until = performance.now() + MILLISECONDS / 4; performance.now() < until;) {
    const begun = performance.now();
    for (let i = 0; i < batch; i++) await operation();
    if (performance.now() - begun < 5) batch *= 2;
  }
  let done = 0;
  const begun = performance.now();
  while (performance.now() - begun < MILLISECONDS) {
    for (let i = 0; i < batch; i++) await operation();
    done += batch;
  }
  return done / (performance.now() - begun) * 1000;
}

const rates = {};
for (const [name, operation] of Object.entries(cases)) {
  try {
    await operation();
    rates[name] = await rate(operation);
  } catch (error) {
    rates[name] = null;
  }
}
console.log(JSON.stringify(rates));
