//! Enums: writes the object that TypeScript makes of an enum into the lines of the enum.

use crate::edits::Edits;
use oxc_ast::ast::*;
use oxc_ast_visit::VisitJs;
use oxc_span::GetSpan;
use std::collections::HashMap;

/// Whether the value of a member is text, by its expression: such members have no reverse mapping.
fn is_text(expression: &Expression<'_>, members: &HashMap<String, bool>, name: &str) -> bool {
    match expression {
        Expression::StringLiteral(_) | Expression::TemplateLiteral(_) => true,
        Expression::ParenthesizedExpression(it) => is_text(&it.expression, members, name),
        Expression::TSAsExpression(it) => is_text(&it.expression, members, name),
        Expression::BinaryExpression(it) => {
            it.operator == BinaryOperator::Addition
                && (is_text(&it.left, members, name) || is_text(&it.right, members, name))
        }
        Expression::Identifier(it) => members.get(it.name.as_str()).copied().unwrap_or(false),
        Expression::StaticMemberExpression(it) => {
            matches!(&it.object, Expression::Identifier(object) if object.name.as_str() == name)
                && members.get(it.property.name.as_str()).copied().unwrap_or(false)
        }
        _ => false,
    }
}

/// Finds the names in initializers that are members of the enum.
struct Qualify<'e, 's, 'm> {
    edits: &'e mut Edits<'s>,
    members: &'m HashMap<String, bool>,
    name: &'m str,
}

impl<'a> VisitJs<'a> for Qualify<'_, '_, '_> {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        if self.members.contains_key(it.name.as_str()) {
            let start = it.span.start as usize;
            self.edits.replace(start, start, format!("{}.", self.name));
        }
    }
}

/// Translates an enum. The caller walks the initializers for the types in them.
pub(crate) fn translate<'a>(edits: &mut Edits<'_>, it: &TSEnumDeclaration<'a>, statement_start: usize) {
    let name = it.id.name.as_str();
    let body_start = it.body.span.start as usize;
    let body_end = it.body.span.end as usize;
    let keyword = it.span.start as usize;
    debug_assert!(statement_start <= keyword);
    let head = format!("var {name};(function({name}){{");
    let mut from = keyword;
    let mut members = HashMap::new();
    let mut previous: Option<String> = None;
    // The text that closes the member before.
    let mut tail = String::new();
    let mut pending = head;
    let mut first = true;
    for member in &it.body.members {
        let key = match &member.id {
            TSEnumMemberName::Identifier(id) => id.name.to_string(),
            TSEnumMemberName::String(text) | TSEnumMemberName::ComputedString(text) => text.value.to_string(),
            TSEnumMemberName::ComputedTemplateString(text) => text
                .quasis
                .first()
                .and_then(|part| part.value.cooked.as_ref())
                .map(ToString::to_string)
                .unwrap_or_default(),
        };
        let quoted = quote(&key);
        let start = member.span.start as usize;
        if first {
            edits.replace(from, body_start + 1, std::mem::take(&mut pending));
            from = body_start + 1;
            first = false;
        }
        // The commas between members.
        edits.replace(from, start, std::mem::take(&mut tail));
        match &member.initializer {
            Some(initializer) => {
                let text = is_text(initializer, &members, name);
                let span = initializer.span();
                let open =
                    if text { format!("{name}[{quoted}]=") } else { format!("{name}[{name}[{quoted}]=") };
                edits.replace(start, span.start as usize, open);
                Qualify { edits, members: &members, name }.visit_expression(initializer);
                tail = if text { ";".to_owned() } else { format!("]={quoted};") };
                from = span.end as usize;
                members.insert(key, text);
            }
            None => {
                let value = match &previous {
                    None => "0".to_owned(),
                    Some(previous) => format!("{name}[{previous}]+1"),
                };
                let end = member.span.end as usize;
                edits.replace(start, end, format!("{name}[{name}[{quoted}]={value}]={quoted};"));
                from = end;
                members.insert(key, false);
            }
        }
        previous = Some(quoted);
    }
    if first {
        edits.replace(from, body_start + 1, pending);
        from = body_start + 1;
    }
    tail.push_str(&format!("}})({name}||({name}={{}}));"));
    edits.replace(from, body_end, tail);
}

/// A string literal.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\u{2028}' => quoted.push_str("\\u2028"),
            '\u{2029}' => quoted.push_str("\\u2029"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
