//! Blanking the types around names, members, lists and expressions, so that the rest keeps its meaning.

use crate::edits::Edits;
use crate::names::Names;
use crate::problem::Problem;
use crate::types::is_only_types;
use oxc_ast::ast::*;
use oxc_span::Span;

/// The words before a member's name that only TypeScript has.
pub(crate) const MODIFIERS: [&str; 7] =
    ["public", "private", "protected", "readonly", "override", "abstract", "declare"];

pub(crate) fn start(span: Span) -> usize {
    span.start as usize
}

pub(crate) fn end(span: Span) -> usize {
    span.end as usize
}

/// The state of the walk over a tree.
pub(crate) struct Strip<'s, 'a> {
    pub(crate) edits: Edits<'s>,
    pub(crate) names: Names<'a>,
    /// The first construct that is not translated.
    pub(crate) problem: Option<Problem>,
}

impl<'s, 'a> Strip<'s, 'a> {
    pub(crate) fn refuse(&mut self, span: Span, message: &str) {
        let problem = self.edits.problem(start(span), message);
        self.problem.get_or_insert(problem);
    }

    pub(crate) fn blank(&mut self, span: Span) {
        self.edits.blank(start(span), end(span));
    }

    pub(crate) fn blank_statement(&mut self, span: Span) {
        self.edits.blank_statement(start(span), end(span));
    }

    /// Blanks those of `words` that stand between two places. With `separate`, a word at `from` becomes a
    /// semicolon, since a member or statement begins with it.
    pub(crate) fn blank_words(&mut self, from: usize, to: usize, words: &[&str], separate: bool) {
        let mut at = from;
        loop {
            at = self.edits.skip_trivia(at);
            if at >= to {
                return;
            }
            let rest = &self.edits.source[at..to];
            let length = rest
                .find(|character: char| !character.is_alphanumeric() && character != '_')
                .unwrap_or(rest.len());
            if length == 0 {
                // `*` of a generator, `[` of a computed name.
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            }
            if words.contains(&&rest[..length]) {
                if separate && at == from {
                    self.edits.blank_statement(at, at + length);
                } else {
                    self.edits.blank(at, at + length);
                }
            }
            at += length;
        }
    }

    /// Blanks `?` or `!` and the type after a name. `from` is the end of the name.
    pub(crate) fn blank_annotation(
        &mut self,
        from: usize,
        annotation: Option<&TSTypeAnnotation<'a>>,
        marked: bool,
    ) {
        if let Some(annotation) = annotation {
            self.edits.blank(from, end(annotation.span));
        } else if marked {
            let mark = self.edits.next_is(from, b'?').or_else(|| self.edits.next_is(from, b'!'));
            if let Some(at) = mark {
                self.edits.blank(at, at + 1);
            }
        }
    }

    /// Blanks an element of a list, and the comma after it.
    pub(crate) fn blank_element(&mut self, span: Span) {
        self.blank(span);
        if let Some(comma) = self.edits.next_is(end(span), b',') {
            self.edits.blank(comma, comma + 1);
        }
    }

    /// Blanks a type at the end of an expression. If the statement has no semicolon, the type becomes one
    /// where the next line would otherwise become part of the statement.
    pub(crate) fn blank_and_separate(&mut self, from: usize, to: usize) {
        let next = self.edits.skip_trivia(to);
        let joins = matches!(self.edits.source.as_bytes().get(next), Some(b'(' | b'[' | b'`'));
        if joins && self.edits.has_newline(to, next) {
            self.edits.blank_with(from, to, ';');
        } else {
            self.edits.blank(from, to);
        }
    }

    /// Blanks what follows an expression within `whole`: `as T` or `satisfies T`.
    pub(crate) fn blank_suffix(&mut self, expression: Span, whole: Span) {
        let from = end(expression);
        // The first character of the keyword, not the space before it, so that a comment between stays one.
        let from = self.edits.skip_trivia(from).min(end(whole));
        self.blank_and_separate(from, end(whole));
    }

    pub(crate) fn blank_type_arguments(&mut self, arguments: Option<&TSTypeParameterInstantiation<'a>>) {
        if let Some(arguments) = arguments {
            self.blank(arguments.span);
        }
    }

    pub(crate) fn refuse_decorators(&mut self, decorators: &[Decorator<'a>]) {
        if let Some(decorator) = decorators.first() {
            self.refuse(
                decorator.span,
                "decorators are not supported: the engine has none yet; compile this file to JavaScript first",
            );
        }
    }

    /// Blanks the type parameters and the `this` parameter of a function or method.
    pub(crate) fn blank_signature(
        &mut self,
        type_parameters: Option<&TSTypeParameterDeclaration<'a>>,
        this_param: Option<&TSThisParameter<'a>>,
    ) {
        if let Some(parameters) = type_parameters {
            self.blank(parameters.span);
        }
        if let Some(this) = this_param {
            self.blank_element(this.span);
        }
    }

    /// Assigns the parameters that are properties where TypeScript does: after `super(…)`, or at the start of
    /// the body.
    pub(crate) fn assign_parameter_properties(&mut self, function: &Function<'a>) {
        let mut assignments = String::new();
        for parameter in &function.params.items {
            if parameter.accessibility.is_none() && !parameter.readonly && !parameter.r#override {
                continue;
            }
            if let BindingPattern::BindingIdentifier(id) = &parameter.pattern {
                assignments.push_str(&format!("this.{0}={0};", id.name));
            }
        }
        let Some(body) = &function.body else { return };
        if assignments.is_empty() {
            return;
        }
        let after_super = body.statements.iter().find_map(|statement| match statement {
            Statement::ExpressionStatement(it) => match &it.expression {
                Expression::CallExpression(call) if matches!(call.callee, Expression::Super(_)) => {
                    Some(it.span)
                }
                _ => None,
            },
            _ => None,
        });
        let at = match (after_super, body.directives.last()) {
            (Some(span), _) => end(span),
            (None, Some(directive)) => end(directive.span),
            (None, None) => start(body.span) + 1,
        };
        // The statement before may end with its line, without a semicolon.
        let text = if at == start(body.span) + 1 { assignments } else { format!(";{assignments}") };
        self.edits.replace(at, at, text);
    }

    /// Blanks the modifiers before a member's name.
    pub(crate) fn blank_modifiers(&mut self, span: Span, decorators: &[Decorator<'a>], key: Span) {
        self.refuse_decorators(decorators);
        let from = decorators.last().map_or(start(span), |last| end(last.span));
        self.blank_words(from, start(key), &MODIFIERS, decorators.is_empty());
    }

    /// The end of a member's name, with its bracket if it is computed.
    pub(crate) fn key_end(&self, key: Span, computed: bool) -> usize {
        let at = end(key);
        if computed { self.edits.next_is(at, b']').map_or(at, |bracket| bracket + 1) } else { at }
    }

    /// Whether an expression needs a bracket, since it cannot begin where its type assertion began.
    pub(crate) fn needs_bracket(&self, from: usize, expression: Span) -> bool {
        let rest = &self.edits.source[start(expression)..];
        self.edits.has_newline(from, start(expression))
            || rest.starts_with('{')
            || rest.starts_with("function")
            || rest.starts_with("class")
    }

    /// Blanks a declaration that is only types, and returns whether it is. `whole` is the span of its
    /// statement.
    pub(crate) fn blank_if_only_types(&mut self, declaration: &Declaration<'a>, whole: Span) -> bool {
        let only_types = is_only_types(declaration, whole, &self.names);
        if only_types {
            self.blank_statement(whole);
        }
        only_types
    }
}
