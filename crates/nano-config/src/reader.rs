//! Reading typed values out of the syntax tree while collecting every problem. A reader method that answers
//! `None` has recorded why, so its caller just goes on with the next key.

use jsonc_parser::ast::{Array, Object, ObjectProp, StringLit, Value};
use jsonc_parser::common::{Range, Ranged};

use super::error::{ConfigError, Source};
use super::limits::Limit;
use super::suggest;

/// The text, its tree's values and the problems so far.
pub(super) struct Reader<'t> {
    pub(super) source: Source<'t>,
    pub(super) errors: Vec<ConfigError>,
}

impl<'t> Reader<'t> {
    /// Records a problem at `range`.
    pub(super) fn error(&mut self, range: Range, message: impl Into<String>) {
        self.errors.push(self.source.error(range.start, range.end, message));
    }

    /// Records that the object lacks `key`, at its opening brace.
    pub(super) fn missing(&mut self, object: &Object<'_>, key: &str, help: &str) {
        let at = Range { start: object.range.start, end: object.range.start + 1 };
        self.error(at, format!("missing key \"{key}\": {help}"));
    }

    /// The properties of `object` in the order of `known`. Keys that are not known, and keys that are there
    /// twice, are problems; `hint` may say more about an unknown key than the nearest known one.
    pub(super) fn fields<'v, const N: usize>(
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
    pub(super) fn integer(&mut self, property: Option<&ObjectProp<'_>>, limit: &Limit) -> Option<u64> {
        let property = property?;
        let Value::NumberLit(number) = &property.value else {
            return self.wrong_type(&property.value, limit.key, "a number");
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

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, property: Option<&ObjectProp<'_>>) -> Option<bool> {
        let property = property?;
        match &property.value {
            Value::BooleanLit(literal) => Some(literal.value),
            other => self.wrong_type(other, property.name.as_str(), "true or false"),
        }
    }

    /// A string. The literal is returned, so that problems with its contents can be placed.
    pub(super) fn string<'v>(&mut self, property: Option<&'v ObjectProp<'t>>) -> Option<&'v StringLit<'t>> {
        let property = property?;
        match &property.value {
            Value::StringLit(literal) => Some(literal),
            other => self.wrong_type(other, property.name.as_str(), "a string"),
        }
    }

    /// An object.
    pub(super) fn object<'v>(&mut self, property: Option<&'v ObjectProp<'t>>) -> Option<&'v Object<'t>> {
        let property = property?;
        match &property.value {
            Value::Object(object) => Some(object),
            other => self.wrong_type(other, property.name.as_str(), "an object in { }"),
        }
    }

    /// A list.
    pub(super) fn array<'v>(&mut self, property: Option<&'v ObjectProp<'t>>) -> Option<&'v Array<'t>> {
        let property = property?;
        match &property.value {
            Value::Array(array) => Some(array),
            other => self.wrong_type(other, property.name.as_str(), "a list in [ ]"),
        }
    }

    /// Records that `value`, of `key`, is not `expected`.
    pub(super) fn wrong_type<T>(&mut self, value: &Value<'_>, key: &str, expected: &str) -> Option<T> {
        let found = describe(value);
        let mut message = format!("\"{key}\" must be {expected}, not {found}");
        if let (Value::StringLit(literal), "a number" | "true or false") = (value, expected) {
            let text = literal.value.trim();
            if text.parse::<f64>().is_ok_and(f64::is_finite) || matches!(text, "true" | "false") {
                message.push_str(&format!(" (write {text} without the quotes)"));
            }
        }
        self.error(value.range(), message);
        None
    }
}

/// What kind of value it is, in words that fit after "not".
pub(super) fn describe(value: &Value<'_>) -> &'static str {
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
