// Grammar of HTTP that several standards use. RFC 9110, section 5.6.2

const { Array, StringPrototypeCharCodeAt } = internal.primordials;

const isTokenUnit = new Array(128);
for (let i = 0; i < 128; i++) {
  isTokenUnit[i] = (i >= 0x30 && i <= 0x39) || (i >= 0x41 && i <= 0x5a) || (i >= 0x61 && i <= 0x7a);
}
for (const c of "!#$%&'*+-.^_`|~") isTokenUnit[c.charCodeAt(0)] = true;

function isToken(string) {
  const { length } = string;
  for (let i = 0; i < length; i++) {
    const unit = StringPrototypeCharCodeAt(string, i);
    if (unit > 127 || !isTokenUnit[unit]) return false;
  }
  return length !== 0;
}

internal.isToken = isToken;
