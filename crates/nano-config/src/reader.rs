//! Reads typed values out of the syntax tree while it collects every problem. A method that returns `None`
//! for a property that is there has recorded why, so its caller goes on with the next key.

use std::path::{Path, PathBuf};

use jsonc_parser::ast::{Array, Object, ObjectProp, StringLit, Value};
use jsonc_parser::common::{Range, Ranged};

use crate::error::{ConfigError, ConfigErrors, Source};
use crate::limits::Limit;
use crate::suggest;

/// The text of a file, and its problems so far.
pub(crate) struct Reader<'t, 'b> {
    pub(crate) source: Source<'t>,
    pub(crate) errors: Vec<ConfigError>,
    /// The directory that relative paths of the file start from.
    base: &'b Path,
}

impl<'t, 'b> Reader<'t, 'b> {
    pub(crate) fn new(source: Source<'t>, base: &'b Path) -> Self {
        Reader { source, errors: Vec::new(), base }
    }

    /// `value` if there were no problems, else the problems.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, ConfigErrors> {
        if self.errors.is_empty() { Ok(value) } else { Err(ConfigErrors::new(self.errors)) }
    }

    /// A path of the file, as the process can use it.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// Records a problem at `range`.
    pub(crate) fn error(&mut self, range: Range, message: impl Into<String>) {
        self.errors.push(self.source.error(range.start, range.end, message));
    }

    /// Records that the object lacks `key`, at its opening brace.
    pub(crate) fn missing(&mut self, object: &Object<'_>, key: &str, help: &str) {
        let at = Range { start: object.range.start, end: object.range.start + 1 };
        self.error(at, format!("missing key \"{key}\": {help}"));
    }

    /// The properties of `object` in the order of `known`. Keys that are not known, and keys that are there
    /// twice, are problems; `hint` may say more about an unknown key than the nearest known one.
    pub(crate) fn fields<'v, const N: usize>(
        &mut self,
        object: &'v Object<'t>,
        known: [&'static str; N],
        hint: impl Fn(&str) -> Option<String>,
    ) -> [Option<&'v ObjectProp<'t>>; N] {
        let mut found: [Option<&ObjectProp<'t>>; N] = [None; N];
        for property in &object.properties {
            let key = property.name.as_str();
            let Some(index) = known.iter().position(|&candidate| candidate == key) else {
                let help = match (hint(key), suggest::nearest(key, &known)) {
                    (Some(hint), _) => hint,
                    (None, Some(nearest)) => format!("did you mean \"{nearest}\"?"),
                    (None, None) => format!("known here: {}", known.join(", ")),
                };
                self.error(property.name.range(), format!("unknown key {key:?} ({help})"));
                continue;
            };
            if let Some(first) = found[index] {
                let line = self.source.line(first.range.start);
                self.error(
                    property.name.range(),
                    format!("duplicate key \"{key}\": it is set on line {line} already"),
                );
                continue;
            }
            found[index] = Some(property);
        }
        found
    }

    /// A whole number within `limit`.
    pub(crate) fn integer(&mut self, property: Option<&ObjectProp<'_>>, limit: &Limit) -> Option<u64> {
        let property = property?;
        let Value::NumberLit(number) = &property.value else {
            self.wrong_type(&property.value, limit.key, "a number");
            return None;
        };
        let Limit { key, min, max, .. } = limit;
        let text = number.value;
        // `5e3` is a whole number too. Beyond 2^53 the conversion rounds, which is far out of every range.
        let value: f64 = text.parse().unwrap_or(f64::NAN);
        if value.fract() != 0.0 || value.is_nan() {
            self.error(property.value.range(), format!("\"{key}\" must be a whole number, not {text}"));
            return None;
        }
        if !(*min as f64 <= value && value <= *max as f64) {
            self.error(property.value.range(), format!("\"{key}\" must be from {min} to {max}, not {text}"));
            return None;
        }
        Some(value as u64)
    }

    /// Whole numbers within `limits`, whose keys are in the order of `properties`. `set` gets each with its
    /// index.
    pub(crate) fn integers<const N: usize>(
        &mut self,
        properties: [Option<&ObjectProp<'_>>; N],
        limits: &[Limit; N],
        mut set: impl FnMut(usize, u64),
    ) {
        for (index, (property, limit)) in properties.into_iter().zip(limits).enumerate() {
            if let Some(number) = self.integer(property, limit) {
                set(index, number);
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, property: Option<&ObjectProp<'_>>) -> Option<bool> {
        let property = property?;
        match &property.value {
            Value::BooleanLit(literal) => Some(literal.value),
            other => {
                self.wrong_type(other, property.name.as_str(), "true or false");
                None
            }
        }
    }

    /// A string. The literal is returned, so that problems with its contents can be placed.
    pub(crate) fn string<'v>(&mut self, property: Option<&'v ObjectProp<'t>>) -> Option<&'v StringLit<'t>> {
        let property = property?;
        match &property.value {
            Value::StringLit(literal) => Some(literal),
            other => {
                self.wrong_type(other, property.name.as_str(), "a string");
                None
            }
        }
    }

    /// An object.
    pub(crate) fn object<'v>(&mut self, property: Option<&'v ObjectProp<'t>>) -> Option<&'v Object<'t>> {
        let property = property?;
        match &property.value {
            Value::Object(object) => Some(object),
            other => {
                self.wrong_type(other, property.name.as_str(), "an object in { }");
                None
            }
        }
    }

    /// A list.
    pub(crate) fn array<'v>(&mut self, property: Option<&'v ObjectProp<'t>>) -> Option<&'v Array<'t>> {
        let property = property?;
        match &property.value {
            Value::Array(array) => Some(array),
            other => {
                self.wrong_type(other, property.name.as_str(), "a list in [ ]");
                None
            }
        }
    }

    /// Records that `value`, of `key`, is not `expected`.
    pub(crate) fn wrong_type(&mut self, value: &Value<'_>, key: &str, expected: &str) {
        let found = describe(value);
        let mut message = format!("\"{key}\" must be {expected}, not {found}");
        if let (Value::StringLit(literal), "a number" | "true or false") = (value, expected) {
            let text = literal.value.trim();
            if text.parse::<f64>().is_ok_and(f64::is_finite) || matches!(text, "true" | "false") {
                message.push_str(&format!(" (write {text} without the quotes)"));
            }
        }
        self.error(value.range(), message);
    }
}

/// What kind of value it is, in words that fit after "not".
pub(crate) fn describe(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(literal) if literal.value => "true",
        Value::BooleanLit(_) => "false",
        Value::Object(_) => "an object",
        Value::Array(_) => "a list",
        Value::NullKeyword(_) => "null",
    }
}
