// Generates RSA keys of 4096 bits, one after the other, for as long as `?milliseconds=` says.

const params = { name: "RSA-PSS", hash: "SHA-256", modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]) };

export default {
  async fetch(request) {
    const until = Date.now() + Number(new URL(request.url).searchParams.get("milliseconds") ?? 1000);
    let made = 0;
    do {
      await crypto.subtle.generateKey(params, false, ["sign"]);
      made++;
    } while (Date.now() < until);
    return new Response(`${made}\n`);
  },
};
