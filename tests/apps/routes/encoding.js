// TextEncoder, TextDecoder, atob, btoa.

function attempt(action) {
  try {
    return action();
  } catch (error) {
    return `${error.name}`;
  }
}

export const encoding = {
  "/text-encoder": () => {
    const encoder = new TextEncoder();
    const target = new Uint8Array(5);
    return Response.json({
      encoding: encoder.encoding,
      bytes: [...encoder.encode("aü€🎉\ud800")],
      into: encoder.encodeInto("aü€🎉", target),
      target: [...target],
      empty: encoder.encode().length,
    });
  },
  "/text-decoder": () => {
    const stream = new TextDecoder();
    const pieces = [[0xe2], [0x82], [0xac, 0x41]].map((bytes) => stream.decode(new Uint8Array(bytes), { stream: true }));
    return Response.json({
      plain: new TextDecoder().decode(new Uint8Array([0x61, 0xc3, 0xbc, 0xff, 0x62])),
      bom: new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])),
      keepBom: new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).length,
      fatal: attempt(() => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff]))),
      pieces,
      end: stream.decode(),
      label: new TextDecoder("UTF8").encoding,
      unknown: attempt(() => new TextDecoder("no-such-encoding")),
      view: new TextDecoder().decode(new DataView(new TextEncoder().encode("xview").buffer, 1)),
    });
  },
  "/utf16": () => new TextDecoder("utf-16le").decode(new Uint8Array([0x61, 0, 0x3d, 0xd8, 0x89, 0xde])),
  "/latin1": () => `${new TextDecoder("windows-1252").decode(new Uint8Array([0x80, 0xe9]))} ${new TextDecoder("latin1").encoding}`,
  "/base64": () =>
    Response.json({
      btoa: btoa("Hello \xff"),
      atob: atob("SGVsbG8g/w=="),
      spaces: atob(" SGVs bG8= "),
      unpadded: atob("SGVsbG8"),
      wide: attempt(() => btoa("€")),
      bad: attempt(() => atob("a")),
      badCharacter: attempt(() => atob("@@@@")),
      number: btoa(12),
      nullish: btoa(null),
    }),
};
