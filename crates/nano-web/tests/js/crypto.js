// Randomness, and the path into native cryptography; what the algorithms do is nano-subtle's to test.

test("getRandomValues", () => {
  const values = crypto.getRandomValues(new Uint32Array(16));
  assert(values.some((value) => value !== 0));
  const view = new Uint8Array(8).subarray(2, 4);
  crypto.getRandomValues(view);
  assert.same([...new Uint8Array(view.buffer)].filter((_, at) => at < 2 || at > 3), [0, 0, 0, 0, 0, 0]);
  assert.is(crypto.getRandomValues(new Uint8Array(0)).length, 0);
  assert.is(crypto.getRandomValues(new Uint8Array(65_536)).length, 65_536);
  assert.throws(() => crypto.getRandomValues(new Uint8Array(65_537)), "QuotaExceededError");
  assert.throws(() => crypto.getRandomValues(new Float64Array(1)), "TypeMismatchError");
});

test("randomUUID", () => {
  const uuid = crypto.randomUUID();
  assert(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid), uuid);
  assert(uuid !== crypto.randomUUID());
});

const bytes = (...values) => new Uint8Array(values);
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

test("crypto.subtle is one object", () => {
  assert(crypto.subtle === crypto.subtle);
  assert.throws(() => new SubtleCrypto(), "TypeError");
  assert.throws(() => new CryptoKey(), "TypeError");
  assert.throws(() => crypto.subtle.timingSafeEqual(bytes(1), bytes(1, 2)), "TypeError");
  assert(crypto.subtle.timingSafeEqual(bytes(1, 2), bytes(1, 2)) && !crypto.timingSafeEqual(bytes(1, 2), bytes(1, 3)));
});

test("digests, by name, object and in pieces", async () => {
  const expected = "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81";
  assert.is(hex(await crypto.subtle.digest("sha-256", bytes(1, 2, 3))), expected);
  assert.is(hex(await crypto.subtle.digest({ name: "SHA-256" }, bytes(0, 1, 2, 3).subarray(1))), expected);
  const stream = new crypto.DigestStream("SHA-256");
  const writer = stream.getWriter();
  writer.write(bytes(1));
  writer.write(bytes(2, 3).buffer);
  await writer.close();
  assert.is(hex(await stream.digest), expected);
  assert.is(stream.bytesWritten, 3n);
  // Large data goes another way.
  const large = new Uint8Array(3 << 20);
  const pieces = new crypto.DigestStream("SHA-1");
  const piece = pieces.getWriter();
  for (let at = 0; at < large.length; at += 1 << 20) piece.write(large.subarray(at, at + (1 << 20)));
  piece.close();
  assert.is(hex(await crypto.subtle.digest("SHA-1", large)), hex(await pieces.digest));
});

test("a promise of small work is settled when the method returns", async () => {
  const order = [];
  const digest = crypto.subtle.digest("SHA-256", bytes()).then(() => order.push("digest"));
  await Promise.resolve().then(() => order.push("turn"));
  await digest;
  assert.same(order, ["digest", "turn"]);
});

test("what is wrong is refused by name, in order", async () => {
  const { subtle } = crypto;
  await assert.rejects(subtle.digest("MD5", bytes()), "NotSupportedError");
  await assert.rejects(subtle.digest("\u017fHA-1", bytes()), "NotSupportedError");
  await assert.rejects(subtle.digest("SHA-256", "text"), "TypeError");
  await assert.rejects(subtle.digest("SHA-256"), "TypeError");
  await assert.rejects(subtle.generateKey({ name: "AES-GCM", length: 100 }, true, ["encrypt"]), "OperationError");
  await assert.rejects(subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["sign"]), "SyntaxError");
  await assert.rejects(subtle.generateKey({ name: "AES-GCM", length: 128 }, true, []), "SyntaxError");
  await assert.rejects(subtle.generateKey({ name: "ECDSA", namedCurve: "P-1" }, true, ["sign"]), "NotSupportedError");
  await assert.rejects(subtle.importKey("raw", { kty: "oct" }, "AES-GCM", true, ["encrypt"]), "TypeError");
  await assert.rejects(subtle.importKey("jwk", bytes(1), "AES-GCM", true, ["encrypt"]), "TypeError");
  await assert.rejects(subtle.importKey("raw", bytes(1), "AES-GCM", true, ["encrypt"]), "DataError");
  const key = await subtle.importKey("raw", new Uint8Array(16), "AES-GCM", false, ["decrypt"]);
  const gcm = { name: "AES-GCM", iv: new Uint8Array(12) };
  await assert.rejects(subtle.encrypt(gcm, key, bytes()), "InvalidAccessError");
  await assert.rejects(subtle.decrypt(gcm, key, new Uint8Array(20)), "OperationError");
  await assert.rejects(subtle.decrypt("AES-GCM", key, new Uint8Array(20)), "TypeError");
  await assert.rejects(subtle.exportKey("raw", key), "InvalidAccessError");
});

test("keys describe themselves", async () => {
  const params = { name: "hmac", hash: "sha-256" };
  const key = await crypto.subtle.importKey("raw", bytes(1, 2, 3), params, true, ["verify", "sign"]);
  assert.is(key.type, "secret");
  assert.is(key.extractable, true);
  assert.same(key.usages, ["sign", "verify"]);
  assert.same(key.algorithm, { name: "HMAC", hash: { name: "SHA-256" }, length: 24 });
  assert(key.algorithm === key.algorithm && key.usages === key.usages);
  assert.same(await crypto.subtle.exportKey("jwk", key), {
    alg: "HS256", k: "AQID", kty: "oct", key_ops: ["sign", "verify"], ext: true,
  });
  const clone = structuredClone(key);
  assert(clone !== key && clone instanceof CryptoKey);
  const signature = await crypto.subtle.sign("HMAC", key, bytes());
  assert(await crypto.subtle.verify("HMAC", clone, signature, bytes()));
});

test("RSA goes to another thread, or waits", async () => {
  const params = { name: "RSA-PSS", modulusLength: 2048, publicExponent: bytes(1, 0, 1), hash: "SHA-256" };
  const { publicKey, privateKey } = await crypto.subtle.generateKey(params, false, ["sign", "verify"]);
  const pss = { name: "RSA-PSS", saltLength: 32 };
  const signature = await crypto.subtle.sign(pss, privateKey, bytes(7));
  assert(await crypto.subtle.verify(pss, publicKey, signature, bytes(7)));
  assert(!(await crypto.subtle.verify(pss, publicKey, signature, bytes(8))));
  assert.same([...publicKey.algorithm.publicExponent], [1, 0, 1]);
  await assert.rejects(crypto.subtle.sign(pss, publicKey, bytes()), "InvalidAccessError");
});

test("wrapped keys come back, though a tenant patches JSON", async () => {
  const { subtle } = crypto;
  const wrapping = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["wrapKey", "unwrapKey"]);
  const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const gcm = { name: "AES-GCM", iv: new Uint8Array(12) };
  Array.prototype.toJSON = Object.prototype.toJSON = () => "stolen";
  try {
    for (const format of ["jwk", "pkcs8"]) {
      const wrapped = await subtle.wrapKey(format, pair.privateKey, wrapping, gcm);
      const key = await subtle.unwrapKey(
        format, wrapped, wrapping, gcm, { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"],
      );
      const signature = await subtle.sign({ name: "ECDSA", hash: "SHA-384" }, key, bytes(1));
      assert(await subtle.verify({ name: "ECDSA", hash: "SHA-384" }, pair.publicKey, signature, bytes(1)));
    }
  } finally {
    delete Array.prototype.toJSON;
    delete Object.prototype.toJSON;
  }
});
