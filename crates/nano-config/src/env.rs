//! Variables: their names, and their values as JSON text.

use std::collections::HashMap;
use std::fmt::Write as _;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;

use crate::limits::ENV_DEPTH_MAX;
use crate::reader::Reader;

/// Whether `name` can be a variable of a process's environment: letters, digits and `_`, not a digit first.
pub fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Appends `value` as JSON text. An object with the same key twice, or nesting beyond
/// [`ENV_DEPTH_MAX`], is a problem.
pub(crate) fn write_json(reader: &mut Reader<'_, '_>, value: &Value<'_>, into: &mut String, depth: usize) {
    if depth > ENV_DEPTH_MAX {
        reader.error(value.range(), format!("a variable nests at most {ENV_DEPTH_MAX} levels deep"));
        return;
    }
    match value {
        Value::StringLit(literal) => write_string(&literal.value, into),
        // The parser admits only numbers as JSON writes them.
        Value::NumberLit(literal) => into.push_str(literal.value),
        Value::BooleanLit(literal) => into.push_str(if literal.value { "true" } else { "false" }),
        Value::NullKeyword(_) => into.push_str("null"),
        Value::Array(array) => {
            into.push('[');
            for (index, element) in array.elements.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                write_json(reader, element, into, depth + 1);
            }
            into.push(']');
        }
        Value::Object(object) => {
            let mut lines: HashMap<&str, usize> = HashMap::new();
            into.push('{');
            for (index, property) in object.properties.iter().enumerate() {
                let (name, range) = (property.name.as_str(), property.name.range());
                if let Some(line) = lines.insert(name, reader.source.line(range.start)) {
                    reader.error(range, format!("duplicate key {name:?}: it is set on line {line} already"));
                }
                if index > 0 {
                    into.push(',');
                }
                write_string(name, into);
                into.push(':');
                write_json(reader, &property.value, into, depth + 1);
            }
            into.push('}');
        }
    }
}

fn write_string(text: &str, into: &mut String) {
    into.push('"');
    for c in text.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            c if c < ' ' => {
                let _ = write!(into, "\\u{:04x}", c as u32);
            }
            c => into.push(c),
        }
    }
    into.push('"');
}
