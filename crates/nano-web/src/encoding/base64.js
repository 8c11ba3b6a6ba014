// atob() and btoa() (HTML section 8.3): forgiving base64 between binary strings.

const webidl = internal.webidl;
const { converters } = webidl;

function btoa(data) {
  const prefix = "Failed to execute 'btoa'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  const encoded = ops.base64Encode(converters.DOMString(data, prefix, "Argument 1"));
  if (encoded === undefined) {
    throw new internal.domexception.DOMException(`${prefix}: the string has a character above U+00FF.`, "InvalidCharacterError");
  }
  return encoded;
}

function atob(data) {
  const prefix = "Failed to execute 'atob'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  const decoded = ops.base64Decode(converters.DOMString(data, prefix, "Argument 1"));
  if (decoded === undefined) {
    throw new internal.domexception.DOMException(`${prefix}: the string is not valid base64.`, "InvalidCharacterError");
  }
  return decoded;
}

internal.exposeEnumerable({ atob, btoa });
