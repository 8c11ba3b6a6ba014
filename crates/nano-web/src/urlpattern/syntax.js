// Pattern strings: tokens, parts, and the regular expressions and normalized patterns that are made of parts.
// URL Pattern Standard, section 2 (https://urlpattern.spec.whatwg.org/). Knows nothing of URLs: what a
// component's text must be encoded like is a function that is given.

const {
  ArrayPrototypePush, RegExp, RegExpPrototypeExec, StringFromCodePoint, StringPrototypeCodePointAt, StringPrototypeSlice,
  TypeError,
} = internal.primordials;

// ---------------------------------------------------------------------------------------------------------------------
// Tokens. section 2.1.2

const OPEN = 0;
const CLOSE = 1;
const REGEXP = 2;
const NAME = 3;
const CHAR = 4;
const ESCAPED_CHAR = 5;
const OTHER_MODIFIER = 6;
const ASTERISK = 7;
const END = 8;
const INVALID_CHAR = 9;

const idStart = new RegExp("^[\\p{ID_Start}$_]$", "u");
const idContinue = new RegExp("^[\\p{ID_Continue}$\\u200c\\u200d]$", "u");

// section 2.1.2, "is a valid name code point"
function isValidNameCodePoint(codePoint, first) {
  if (codePoint < 0x80) {
    return codePoint >= 0x61 && codePoint <= 0x7a || codePoint >= 0x41 && codePoint <= 0x5a ||
      codePoint === 0x24 || codePoint === 0x5f || !first && codePoint >= 0x30 && codePoint <= 0x39;
  }
  return RegExpPrototypeExec(first ? idStart : idContinue, StringFromCodePoint(codePoint)) !== null;
}

const width = (codePoint) => codePoint > 0xffff ? 2 : 1;

// The end of the regular expression in brackets that begin at `start` - 1, after its closing bracket; -1 if
// it has none.
function regexpEnd(input, start) {
  let depth = 1;
  let at = start;
  while (at < input.length) {
    const c = StringPrototypeCodePointAt(input, at);
    if (c > 0x7f) return -1;
    if (at === start && c === 0x3f) return -1; // ?
    if (c === 0x5c) { // backslash
      if (at === input.length - 1) return -1;
      if (StringPrototypeCodePointAt(input, at + 1) > 0x7f) return -1;
      at += 2;
      continue;
    }
    if (c === 0x29) { // )
      depth--;
      if (depth === 0) return at + 1;
    } else if (c === 0x28) { // (
      depth++;
      if (at === input.length - 1) return -1;
      if (StringPrototypeCodePointAt(input, at + 1) !== 0x3f) return -1;
    }
    at++;
  }
  return -1;
}

// section 2.1.2, "tokenize": an array of { type, index, value }. A character that begins no token is an error
// if `strict`.
function tokenize(input, strict) {
  const tokens = [];
  let index = 0;
  const add = (type, next, valueStart, valueEnd) => {
    ArrayPrototypePush(tokens, {
      __proto__: null, type, index, value: StringPrototypeSlice(input, valueStart, valueEnd),
    });
    index = next;
  };
  const invalid = (next, valueStart) => {
    if (strict) throw new TypeError(`Invalid pattern '${input}': unexpected '${input[index]}' at ${index}.`);
    add(INVALID_CHAR, next, valueStart, next);
  };
  while (index < input.length) {
    const c = StringPrototypeCodePointAt(input, index);
    const next = index + width(c);
    switch (c) {
      case 0x2a: // *
        add(ASTERISK, next, index, next);
        break;
      case 0x2b: // +
      case 0x3f: // ?
        add(OTHER_MODIFIER, next, index, next);
        break;
      case 0x5c: { // backslash
        if (next === input.length) {
          invalid(next, index);
          break;
        }
        const end = next + width(StringPrototypeCodePointAt(input, next));
        add(ESCAPED_CHAR, end, next, end);
        break;
      }
      case 0x7b: // {
        add(OPEN, next, index, next);
        break;
      case 0x7d: // }
        add(CLOSE, next, index, next);
        break;
      case 0x3a: { // :
        let end = next;
        while (end < input.length) {
          const character = StringPrototypeCodePointAt(input, end);
          if (!isValidNameCodePoint(character, end === next)) break;
          end += width(character);
        }
        if (end === next) invalid(next, index);
        else add(NAME, end, next, end);
        break;
      }
      case 0x28: { // (
        const end = regexpEnd(input, next);
        if (end === -1 || end - 1 === next) invalid(next, index);
        else add(REGEXP, end, next, end - 1);
        break;
      }
      default:
        add(CHAR, next, index, next);
    }
  }
  add(END, index, index, index);
  return tokens;
}

// ---------------------------------------------------------------------------------------------------------------------
// Parts. section 2.1.3

const FIXED_TEXT = 0;
const REGEXP_PART = 1;
const SEGMENT_WILDCARD = 2;
const FULL_WILDCARD = 3;

const FULL_WILDCARD_REGEXP = ".*";

// section 2.1.5, "generate a segment wildcard regexp"
function segmentWildcard(options) {
  return `[^${escapeRegexp(options.delimiter)}]+?`;
}

function escape(text, special) {
  let escaped = "";
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    escaped += special[character] === true ? `\\${character}` : character;
  }
  return escaped;
}

function setOf(characters) {
  const set = { __proto__: null };
  for (let i = 0; i < characters.length; i++) set[characters[i]] = true;
  return set;
}

const regexpSpecial = setOf(".+*?^${}()[]|/\\");
const patternSpecial = setOf("+*?:{}()\\");

// section 2.1.5, "escape a regexp string"
const escapeRegexp = (text) => escape(text, regexpSpecial);
// section 2.1.6, "escape a pattern string"
const escapePattern = (text) => escape(text, patternSpecial);

// section 2.1.4, "parse a pattern string": a list of parts. `options` has a delimiter and a prefix of one
// character or none.
function parsePattern(input, options, encode) {
  const tokens = tokenize(input, true);
  const parts = [];
  const names = { __proto__: null };
  const wildcard = segmentWildcard(options);
  let pending = "";
  let index = 0;
  let nextNumericName = 0;

  const tryConsume = (type) => tokens[index].type === type ? tokens[index++] : null;

  function consumeRequired(type) {
    const token = tryConsume(type);
    if (token === null) {
      throw new TypeError(`Invalid pattern '${input}': unexpected '${tokens[index].value}' at ${tokens[index].index}.`);
    }
    return token;
  }

  const tryConsumeRegexpOrWildcard = (nameToken) => {
    const token = tryConsume(REGEXP);
    return token === null && nameToken === null ? tryConsume(ASTERISK) : token;
  };

  const tryConsumeModifier = () => tryConsume(OTHER_MODIFIER) ?? tryConsume(ASTERISK);

  function consumeText() {
    let text = "";
    for (;;) {
      const token = tryConsume(CHAR) ?? tryConsume(ESCAPED_CHAR);
      if (token === null) return text;
      text += token.value;
    }
  }

  function push(type, value, modifier, name, prefix, suffix) {
    ArrayPrototypePush(parts, { __proto__: null, type, value, modifier, name, prefix, suffix });
  }

  // "maybe add a part from the pending fixed value"
  function flush() {
    if (pending === "") return;
    const value = encode(pending);
    pending = "";
    push(FIXED_TEXT, value, "", "", "", "");
  }

  // "add a part"
  function addPart(prefix, nameToken, regexpOrWildcard, suffix, modifierToken) {
    const modifier = modifierToken === null ? "" : modifierToken.value;
    if (nameToken === null && regexpOrWildcard === null && modifier === "") {
      pending += prefix;
      return;
    }
    flush();
    if (nameToken === null && regexpOrWildcard === null) {
      if (prefix !== "") push(FIXED_TEXT, encode(prefix), modifier, "", "", "");
      return;
    }
    let value = regexpOrWildcard === null
      ? wildcard
      : regexpOrWildcard.type === ASTERISK ? FULL_WILDCARD_REGEXP : regexpOrWildcard.value;
    let type = REGEXP_PART;
    if (value === wildcard) {
      type = SEGMENT_WILDCARD;
      value = "";
    } else if (value === FULL_WILDCARD_REGEXP) {
      type = FULL_WILDCARD;
      value = "";
    }
    const name = nameToken !== null ? nameToken.value : `${nextNumericName++}`;
    if (names[name] === true) throw new TypeError(`Invalid pattern '${input}': the name '${name}' is there twice.`);
    names[name] = true;
    push(type, value, modifier, name, encode(prefix), encode(suffix));
  }

  while (index < tokens.length) {
    const charToken = tryConsume(CHAR);
    const nameToken = tryConsume(NAME);
    const regexpOrWildcard = tryConsumeRegexpOrWildcard(nameToken);
    if (nameToken !== null || regexpOrWildcard !== null) {
      let prefix = charToken === null ? "" : charToken.value;
      if (prefix !== "" && prefix !== options.prefix) {
        pending += prefix;
        prefix = "";
      }
      flush();
      addPart(prefix, nameToken, regexpOrWildcard, "", tryConsumeModifier());
      continue;
    }
    const fixed = charToken ?? tryConsume(ESCAPED_CHAR);
    if (fixed !== null) {
      pending += fixed.value;
      continue;
    }
    if (tryConsume(OPEN) !== null) {
      const prefix = consumeText();
      const groupName = tryConsume(NAME);
      const groupRegexp = tryConsumeRegexpOrWildcard(groupName);
      const suffix = consumeText();
      consumeRequired(CLOSE);
      addPart(prefix, groupName, groupRegexp, suffix, tryConsumeModifier());
      continue;
    }
    flush();
    consumeRequired(END);
  }
  return parts;
}

// ---------------------------------------------------------------------------------------------------------------------
// What is made of parts

// section 2.1.5, "generate a regular expression and name list"
function generateRegexp(parts, options, names) {
  const wildcard = segmentWildcard(options);
  let result = "^";
  for (let i = 0; i < parts.length; i++) {
    const { type, value, modifier, name } = parts[i];
    if (type === FIXED_TEXT) {
      result += modifier === "" ? escapeRegexp(value) : `(?:${escapeRegexp(value)})${modifier}`;
      continue;
    }
    ArrayPrototypePush(names, name);
    const regexp = type === SEGMENT_WILDCARD ? wildcard : type === FULL_WILDCARD ? FULL_WILDCARD_REGEXP : value;
    const once = modifier === "" || modifier === "?";
    if (parts[i].prefix === "" && parts[i].suffix === "") {
      result += once ? `(${regexp})${modifier}` : `((?:${regexp})${modifier})`;
      continue;
    }
    const prefix = escapeRegexp(parts[i].prefix);
    const suffix = escapeRegexp(parts[i].suffix);
    if (once) {
      result += `(?:${prefix}(${regexp})${suffix})${modifier}`;
      continue;
    }
    result += `(?:${prefix}((?:${regexp})(?:${suffix}${prefix}(?:${regexp}))*)${suffix})`;
    if (modifier === "*") result += "?";
  }
  return `${result}$`;
}

const isDigit = (character) => character >= "0" && character <= "9";
const continuesName = (text) => isValidNameCodePoint(StringPrototypeCodePointAt(text, 0), false);

// section 2.1.6, "generate a pattern string"
function generatePattern(parts, options) {
  let result = "";
  for (let i = 0; i < parts.length; i++) {
    const { type, value, modifier, name, prefix, suffix } = parts[i];
    if (type === FIXED_TEXT) {
      result += modifier === "" ? escapePattern(value) : `{${escapePattern(value)}}${modifier}`;
      continue;
    }
    const previous = i > 0 ? parts[i - 1] : null;
    const next = i + 1 < parts.length ? parts[i + 1] : null;
    const custom = !isDigit(name[0]);
    let grouped = suffix !== "" || prefix !== "" && prefix !== options.prefix;
    if (!grouped && custom && type === SEGMENT_WILDCARD && modifier === "" && next !== null && next.prefix === "" &&
        next.suffix === "") {
      grouped = next.type === FIXED_TEXT ? continuesName(next.value) : isDigit(next.name[0]);
    }
    if (!grouped && prefix === "" && previous !== null && previous.type === FIXED_TEXT && options.prefix !== "" &&
        previous.value[previous.value.length - 1] === options.prefix) {
      grouped = true;
    }
    if (grouped) result += "{";
    result += escapePattern(prefix);
    if (custom) result += `:${name}`;
    if (type === REGEXP_PART) {
      result += `(${value})`;
    } else if (type === SEGMENT_WILDCARD && !custom) {
      result += `(${segmentWildcard(options)})`;
    } else if (type === FULL_WILDCARD) {
      const bare = !custom &&
        (previous === null || previous.type === FIXED_TEXT || previous.modifier !== "" || grouped || prefix !== "");
      result += bare ? "*" : `(${FULL_WILDCARD_REGEXP})`;
    }
    if (type === SEGMENT_WILDCARD && custom && suffix !== "" && continuesName(suffix)) result += "\\";
    result += escapePattern(suffix);
    if (grouped) result += "}";
    result += modifier;
  }
  return result;
}

// The text that a component matches with these values for its groups; undefined if there is none, or not one
// alone. section 1.2, "generate"
function generateText(component, groups) {
  const { parts, encode, regexp } = component;
  let result = "";
  for (let i = 0; i < parts.length; i++) {
    const { type, value, modifier, name, prefix, suffix } = parts[i];
    if (modifier !== "") return undefined;
    if (type === FIXED_TEXT) {
      result += value;
      continue;
    }
    if (groups[name] === undefined) return undefined;
    result += prefix + encode(groups[name]) + suffix;
  }
  return RegExpPrototypeExec(regexp, result) === null ? undefined : result;
}

const emptyPart = { __proto__: null, type: FIXED_TEXT, value: "", modifier: "", name: "", prefix: "", suffix: "" };
// The fewer ways a modifier allows, the larger.
const modifierRank = { __proto__: null, "": 3, "+": 2, "?": 1, "*": 0 };

function compareText(left, right) {
  return left < right ? -1 : left > right ? 1 : 0;
}

function compareParts(left, right) {
  // Fixed text first, wildcards last.
  if (left.type !== right.type) return left.type < right.type ? 1 : -1;
  if (left.modifier !== right.modifier) return modifierRank[left.modifier] > modifierRank[right.modifier] ? 1 : -1;
  return compareText(left.prefix, right.prefix) || compareText(left.value, right.value) ||
    compareText(left.suffix, right.suffix);
}

// -1, 0 or 1: what is stricter is larger, so that of sorted patterns the last that matches is the closest.
function compareComponents(left, right) {
  const count = left.parts.length > right.parts.length ? left.parts.length : right.parts.length;
  for (let i = 0; i < count; i++) {
    const order = compareParts(left.parts[i] ?? emptyPart, right.parts[i] ?? emptyPart);
    if (order !== 0 || left.parts[i] === undefined || right.parts[i] === undefined) return order;
  }
  return 0;
}

// section 1.5, "compile a component": { pattern, regexp, names, hasRegExpGroups }, and for the functions
// above its parts
function compileComponent(input, options, encode) {
  const parts = parsePattern(input, options, encode);
  const names = [];
  const source = generateRegexp(parts, options, names);
  let regexp;
  try {
    regexp = new RegExp(source, options.ignoreCase ? "vi" : "v");
  } catch {
    throw new TypeError(`Invalid pattern '${input}': '${source}' is not a regular expression.`);
  }
  let hasRegExpGroups = false;
  for (let i = 0; i < parts.length; i++) {
    if (parts[i].type === REGEXP_PART) hasRegExpGroups = true;
  }
  return { __proto__: null, pattern: generatePattern(parts, options), regexp, names, hasRegExpGroups, parts, encode };
}

internal.patternSyntax = {
  __proto__: null,
  ASTERISK, CHAR, CLOSE, END, ESCAPED_CHAR, INVALID_CHAR, NAME, OPEN, REGEXP,
  compareComponents, compileComponent, escapePattern, generateText, tokenize,
};
