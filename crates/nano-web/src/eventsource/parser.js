// The parser of event streams (HTML section 9.2.6): bytes in, as they come, events out. Knows no connection.

const {
  ArrayPrototypePush,
  Number,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeLastIndexOf,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint8Array,
  hideObjectPrototype,
} = internal.primordials;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

const Parser = hideObjectPrototype(class Parser {
  // `emit(type, data, lastEventId)` is called for each event, `setRetry(milliseconds)` for each time that the
  // stream sets.
  constructor(emit, setRetry) {
    this.emit = emit;
    this.setRetry = setRetry;
    // Of the last event that was complete: what a new stream begins with, and the server is told.
    this.lastEventId = "";
    this.reset();
  }

  // A stream begins anew.
  reset() {
    // Bytes of a line whose end has not come, in pieces.
    this.rest = [];
    this.restLength = 0;
    this.started = false;
    // A LF belongs to the CR before it.
    this.skipLF = false;
    this.type = "";
    this.data = "";
    this.id = this.lastEventId;
  }

  push(chunk) {
    const length = TypedArrayPrototypeGetLength(chunk);
    const lf = TypedArrayPrototypeLastIndexOf(chunk, LF);
    const cr = TypedArrayPrototypeLastIndexOf(chunk, CR);
    const end = (lf > cr ? lf : cr) + 1;
    if (end > 0) {
      let bytes = TypedArrayPrototypeSubarray(chunk, 0, end);
      if (this.restLength > 0) bytes = this.take(bytes, end);
      // Only at its beginning a stream has a byte order mark.
      const text = ops.utf8Decode(bytes, this.started, false);
      this.started = true;
      this.lines(text);
    }
    if (end < length) {
      ArrayPrototypePush(this.rest, TypedArrayPrototypeSubarray(chunk, end, length));
      this.restLength += length - end;
    }
  }

  // The waiting bytes and these.
  take(bytes, length) {
    const all = new Uint8Array(this.restLength + length);
    const { rest } = this;
    let at = 0;
    for (let i = 0; i < rest.length; i++) {
      TypedArrayPrototypeSet(all, rest[i], at);
      at += TypedArrayPrototypeGetLength(rest[i]);
    }
    TypedArrayPrototypeSet(all, bytes, at);
    this.rest = [];
    this.restLength = 0;
    return all;
  }

  // Text that ends in a line's end.
  lines(text) {
    const { length } = text;
    let start = 0;
    let cr = StringPrototypeIndexOf(text, "\r");
    let lf = StringPrototypeIndexOf(text, "\n");
    if (lf === 0 && this.skipLF) {
      start = 1;
      lf = StringPrototypeIndexOf(text, "\n", 1);
    }
    if (length > 0) this.skipLF = false;
    while (start < length) {
      const isCR = cr !== -1 && (lf === -1 || cr < lf);
      const end = isCR ? cr : lf;
      this.line(StringPrototypeSlice(text, start, end));
      start = end + 1;
      if (isCR) {
        if (lf === start) start++;
        else if (start === length) this.skipLF = true;
        cr = StringPrototypeIndexOf(text, "\r", start);
      }
      if (lf !== -1 && lf < start) lf = StringPrototypeIndexOf(text, "\n", start);
    }
  }

  line(line) {
    if (line === "") {
      this.dispatch();
      return;
    }
    const colon = StringPrototypeIndexOf(line, ":");
    if (colon === 0) return;
    if (colon === -1) {
      this.field(line, "");
      return;
    }
    const start = StringPrototypeCharCodeAt(line, colon + 1) === SPACE ? colon + 2 : colon + 1;
    this.field(StringPrototypeSlice(line, 0, colon), StringPrototypeSlice(line, start));
  }

  field(name, value) {
    switch (name) {
      case "event":
        this.type = value;
        break;
      case "data":
        this.data += `${value}\n`;
        break;
      case "id":
        if (StringPrototypeIndexOf(value, "\0") === -1) this.id = value;
        break;
      case "retry":
        if (isDigits(value)) (0, this.setRetry)(Number(value));
        break;
    }
  }

  dispatch() {
    const { type, data } = this;
    this.type = this.data = "";
    this.lastEventId = this.id;
    if (data === "") return;
    (0, this.emit)(type === "" ? "message" : type, StringPrototypeSlice(data, 0, data.length - 1), this.id);
  }
});

function isDigits(text) {
  for (let i = 0; i < text.length; i++) {
    const unit = StringPrototypeCharCodeAt(text, i);
    if (unit < 0x30 || unit > 0x39) return false;
  }
  return text !== "";
}

internal.eventStream = { __proto__: null, Parser };
