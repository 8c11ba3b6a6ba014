//! The walk over the tree: what of it is types is blanked, with what else has to change so that the rest still means the same.
//!
//! A line break that is left where JavaScript takes it for the end of a statement, or one that no longer ends a statement because
//! a type that stood before it is gone, is where a space for a type is not enough: those places get a semicolon or brackets.

use crate::Problem;
use crate::edits::{Edits, position};
use crate::enums;
use crate::names::Names;
use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType, Span};
use oxc_syntax::scope::ScopeFlags;

/// Words before a member's name that are TypeScript's alone.
const MODIFIERS: [&str; 7] =
    ["public", "private", "protected", "readonly", "override", "abstract", "declare"];

pub(crate) fn strip(source: &str) -> Result<String, Vec<Problem>> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::ts()).parse();
    let problems: Vec<Problem> = parsed
        .diagnostics
        .errors()
        .map(|error| {
            let at = error.labels.first().map_or(0, |label| label.offset() as usize);
            let (line, column) = position(source, at);
            let help = error.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            Problem { message: format!("{}{help}", error.message), line, column }
        })
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let names = Names::of(&parsed.program);
    let mut strip = Strip { edits: Edits::new(source), names, problem: None };
    strip.visit_program(&parsed.program);
    match strip.problem {
        Some(problem) => Err(vec![problem]),
        None => Ok(strip.edits.apply()),
    }
}

fn start(span: Span) -> usize {
    span.start as usize
}

fn end(span: Span) -> usize {
    span.end as usize
}

struct Strip<'s, 'a> {
    edits: Edits<'s>,
    names: Names<'a>,
    /// The first construct that is not translated.
    problem: Option<Problem>,
}

impl<'s, 'a> Strip<'s, 'a> {
    fn refuse(&mut self, span: Span, message: &str) {
        let problem = self.edits.problem(start(span), message);
        self.problem.get_or_insert(problem);
    }

    fn blank(&mut self, span: Span) {
        self.edits.blank(start(span), end(span));
    }

    fn blank_statement(&mut self, span: Span) {
        self.edits.blank_statement(start(span), end(span));
    }

    /// Blanks the words among `words` between two places; the first of them becomes a semicolon if it is what the member or statement begins with.
    fn blank_words(&mut self, from: usize, to: usize, words: &[&str], separate: bool) {
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

    /// Blanks `?` or `!` and the type after a name, from where the name ends.
    fn annotation(&mut self, from: usize, annotation: Option<&TSTypeAnnotation<'a>>, marked: bool) {
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
    fn blank_element(&mut self, span: Span) {
        self.blank(span);
        if let Some(comma) = self.edits.next_is(end(span), b',') {
            self.edits.blank(comma, comma + 1);
        }
    }

    /// After a type at the end of a statement without a semicolon: what follows on the next line must not become part of it.
    fn separate(&mut self, from: usize, to: usize) {
        let next = self.edits.skip_trivia(to);
        let joins = matches!(self.edits.source.as_bytes().get(next), Some(b'(' | b'[' | b'`'));
        if joins && self.edits.has_newline(to, next) {
            self.edits.blank_with(from, to, ';');
        } else {
            self.edits.blank(from, to);
        }
    }

    /// The end of an expression with the brackets around it.
    fn suffix(&mut self, expression: Span, whole: Span) {
        let from = end(expression);
        // The first character of the keyword, not the space before it, so that a comment between stays one.
        let from = self.edits.skip_trivia(from).min(end(whole));
        self.separate(from, end(whole));
    }

    fn type_arguments(&mut self, arguments: Option<&TSTypeParameterInstantiation<'a>>) {
        if let Some(arguments) = arguments {
            self.blank(arguments.span);
        }
    }

    fn decorators(&mut self, decorators: &[Decorator<'a>]) {
        if let Some(decorator) = decorators.first() {
            self.refuse(
                decorator.span,
                "decorators are not supported: the engine has none yet; compile this file to JavaScript first",
            );
        }
    }

    /// What functions and methods have in common. `from`: where the parameters' brackets begin.
    fn signature(
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

    /// Assigns the parameters that are properties where TypeScript does: after `super(…)`, or first thing.
    fn parameter_properties(&mut self, function: &Function<'a>) {
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
        // Before it a statement may have ended with its line only.
        let text = if at == start(body.span) + 1 { assignments } else { format!(";{assignments}") };
        self.edits.replace(at, at, text);
    }

    /// Modifiers before a member's name, with what stands after it.
    fn member(&mut self, span: Span, decorators: &[Decorator<'a>], key: Span) {
        self.decorators(decorators);
        let from = decorators.last().map_or(start(span), |last| end(last.span));
        self.blank_words(from, start(key), &MODIFIERS, decorators.is_empty());
    }

    /// The end of a member's name, with its bracket if it is computed.
    fn key_end(&self, key: Span, computed: bool) -> usize {
        let at = end(key);
        if computed { self.edits.next_is(at, b']').map_or(at, |bracket| bracket + 1) } else { at }
    }

    /// Whether an expression could not begin where its type assertion began.
    fn must_be_bracketed(&self, from: usize, expression: Span) -> bool {
        let rest = &self.edits.source[start(expression)..];
        self.edits.has_newline(from, start(expression))
            || rest.starts_with('{')
            || rest.starts_with("function")
            || rest.starts_with("class")
    }

    /// An exported or plain declaration, as a statement from `whole`. Whether it was only types.
    fn declaration(&mut self, declaration: &Declaration<'a>, whole: Span) -> bool {
        let only_types = match declaration {
            Declaration::TSTypeAliasDeclaration(_)
            | Declaration::TSInterfaceDeclaration(_)
            | Declaration::TSExternalModuleDeclaration(_)
            | Declaration::TSGlobalDeclaration(_) => true,
            Declaration::VariableDeclaration(it) => it.declare,
            Declaration::FunctionDeclaration(it) => it.declare || it.body.is_none(),
            Declaration::ClassDeclaration(it) => it.declare,
            Declaration::TSEnumDeclaration(it) => it.declare,
            Declaration::TSNamespaceDeclaration(it) => it.declare || !namespace_has_values(it),
            Declaration::TSImportEqualsDeclaration(it) => {
                it.import_kind == ImportOrExportKind::Type
                    || whole == it.span && !self.names.used.contains(it.id.name.as_str())
            }
        };
        if only_types {
            self.blank_statement(whole);
        }
        only_types
    }
}

/// Whether a namespace is more than types: TypeScript's "instantiated".
fn namespace_has_values(it: &TSNamespaceDeclaration<'_>) -> bool {
    match &it.body {
        TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => namespace_has_values(inner),
        TSNamespaceDeclarationBody::TSModuleBlock(block) => block.body.iter().any(statement_has_values),
    }
}

fn statement_has_values(statement: &Statement<'_>) -> bool {
    let declaration = match statement {
        Statement::ExportDeclaration(export) => &export.declaration,
        statement => match statement.as_declaration() {
            Some(declaration) => declaration,
            None => return true,
        },
    };
    match declaration {
        Declaration::TSTypeAliasDeclaration(_) | Declaration::TSInterfaceDeclaration(_) => false,
        Declaration::VariableDeclaration(it) => !it.declare,
        Declaration::FunctionDeclaration(it) => !it.declare && it.body.is_some(),
        Declaration::ClassDeclaration(it) => !it.declare,
        Declaration::TSEnumDeclaration(it) => !it.declare,
        Declaration::TSNamespaceDeclaration(it) => !it.declare && namespace_has_values(it),
        Declaration::TSImportEqualsDeclaration(it) => it.import_kind == ImportOrExportKind::Value,
        Declaration::TSExternalModuleDeclaration(_) | Declaration::TSGlobalDeclaration(_) => false,
    }
}

impl<'a> VisitJs<'a> for Strip<'_, 'a> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        match it {
            Statement::TSExportAssignment(export) => {
                self.refuse(export.span, "`export =` makes a CommonJS module: use `export default`");
            }
            Statement::TSNamespaceExportDeclaration(export) => self.blank_statement(export.span),
            it => {
                if let Some(declaration) = it.as_declaration()
                    && self.declaration(declaration, declaration.span())
                {
                    return;
                }
                walk_js::walk_statement(self, it);
            }
        }
    }

    fn visit_export_declaration(&mut self, it: &ExportDeclaration<'a>) {
        if !self.declaration(&it.declaration, it.span) {
            walk_js::walk_export_declaration(self, it);
        }
    }

    fn visit_export_default_declaration(&mut self, it: &ExportDefaultDeclaration<'a>) {
        let only_types = match &it.declaration {
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => function.body.is_none(),
            ExportDefaultDeclarationKind::Identifier(name) => self.names.types.contains(name.name.as_str()),
            _ => false,
        };
        if only_types {
            self.blank_statement(it.span);
        } else {
            walk_js::walk_export_default_declaration(self, it);
        }
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        if it.export_kind == ImportOrExportKind::Type {
            self.blank_statement(it.span);
        }
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        if it.export_kind == ImportOrExportKind::Type {
            self.blank_statement(it.span);
            return;
        }
        for specifier in &it.specifiers {
            let only_type = specifier.export_kind == ImportOrExportKind::Type
                || matches!(&specifier.local, ModuleExportName::IdentifierReference(local)
                    if self.names.types.contains(local.name.as_str()));
            if only_type {
                self.blank_element(specifier.span);
            }
        }
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        if it.export_kind == ImportOrExportKind::Type {
            self.blank_statement(it.span);
            return;
        }
        for specifier in &it.specifiers {
            if specifier.export_kind == ImportOrExportKind::Type {
                self.blank_element(specifier.span);
            }
        }
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        if it.import_kind == ImportOrExportKind::Type {
            self.blank_statement(it.span);
            return;
        }
        let Some(specifiers) = &it.specifiers else { return };
        let unused = |strip: &Self, specifier: &ImportDeclarationSpecifier<'a>| match specifier {
            ImportDeclarationSpecifier::ImportSpecifier(it) => {
                it.import_kind == ImportOrExportKind::Type
                    || !strip.names.used.contains(it.local.name.as_str())
            }
            ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                !strip.names.used.contains(it.local.name.as_str())
            }
            ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => {
                !strip.names.used.contains(it.local.name.as_str())
            }
        };
        if !specifiers.is_empty() && specifiers.iter().all(|specifier| unused(self, specifier)) {
            self.blank_statement(it.span);
            return;
        }
        for specifier in specifiers {
            if !unused(self, specifier) {
                continue;
            }
            if let ImportDeclarationSpecifier::ImportNamespaceSpecifier(namespace) = specifier
                && let ImportDeclarationSpecifier::ImportDefaultSpecifier(default) = &specifiers[0]
            {
                self.edits.blank(end(default.span), end(namespace.span));
            } else {
                self.blank_element(specifier.span());
            }
        }
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        if let TSModuleReference::ExternalModuleReference(_) = &it.module_reference {
            self.refuse(it.span, "`import … = require(…)` is CommonJS: use `import … from`");
            return;
        }
        // As long as the word that it replaces.
        if let Some(at) = self.edits.source[start(it.span)..].find("import") {
            let at = start(it.span) + at;
            self.edits.replace(at, at + 6, "const ".into());
        }
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        self.refuse(
            it.span,
            "a namespace with values is not supported: export them from a module, or compile this file to JavaScript first",
        );
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        enums::translate(&mut self.edits, it, start(it.span));
        for member in &it.body.members {
            if let Some(initializer) = &member.initializer {
                self.visit_expression(initializer);
            }
        }
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        if it.body.is_none() {
            self.blank_statement(it.span);
            return;
        }
        self.signature(it.type_parameters.as_deref(), it.this_param.as_deref());
        if let Some(annotation) = &it.return_type {
            self.blank(annotation.span);
        }
        walk_js::walk_function(self, it, flags);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        let params = it.params.span;
        if let Some(parameters) = &it.type_parameters {
            if self.edits.has_newline(start(parameters.span), start(params)) {
                // `async` and `return` end with their line: the bracket moves up.
                self.edits.blank_with(start(parameters.span), end(parameters.span), '(');
                self.edits.blank(start(params), start(params) + 1);
            } else {
                self.blank(parameters.span);
            }
        }
        if let Some(annotation) = &it.return_type {
            let (from, to) = (start(annotation.span), end(annotation.span));
            let arrow = self.edits.skip_trivia(to);
            if self.edits.has_newline(end(params), arrow) {
                // No line break before `=>`: the bracket moves down to it.
                self.edits.blank(end(params) - 1, end(params));
                self.edits.blank(from, to - 1);
                let last = self.edits.source[..to].char_indices().next_back().map_or(to, |(at, _)| at);
                self.edits.replace(last, to, ")".into());
            } else {
                self.edits.blank(from, to);
            }
        }
        walk_js::walk_arrow_function_expression(self, it);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        self.decorators(&it.decorators);
        let pattern = it.pattern.span();
        let from = it.decorators.last().map_or(start(it.span), |last| end(last.span));
        self.blank_words(from, start(pattern), &MODIFIERS, false);
        self.annotation(end(pattern), it.type_annotation.as_deref(), it.optional);
        walk_js::walk_formal_parameter(self, it);
    }

    fn visit_formal_parameter_rest(&mut self, it: &FormalParameterRest<'a>) {
        self.annotation(end(it.rest.span), it.type_annotation.as_deref(), false);
        walk_js::walk_formal_parameter_rest(self, it);
    }

    fn visit_catch_parameter(&mut self, it: &CatchParameter<'a>) {
        self.annotation(end(it.pattern.span()), it.type_annotation.as_deref(), false);
        walk_js::walk_catch_parameter(self, it);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        self.annotation(end(it.id.span()), it.type_annotation.as_deref(), it.definite);
        walk_js::walk_variable_declarator(self, it);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        self.decorators(&it.decorators);
        if it.r#abstract
            && let Some(at) = self.edits.source[start(it.span)..end(it.span)].find("abstract")
        {
            let at = start(it.span) + at;
            self.edits.blank(at, at + "abstract".len());
        }
        if let Some(parameters) = &it.type_parameters {
            self.blank(parameters.span);
        }
        if let Some(heritage) = &it.heritage {
            self.type_arguments(heritage.type_arguments.as_deref());
        }
        if let (Some(_), Some(last)) = (it.implements.first(), it.implements.last()) {
            let before = [
                it.id.as_ref().map(|id| end(id.span)),
                it.type_parameters.as_ref().map(|parameters| end(parameters.span)),
                it.heritage.as_ref().map(|heritage| end(heritage.expression.span())),
                it.heritage.as_ref().and_then(|it| it.type_arguments.as_ref()).map(|it| end(it.span)),
            ];
            // A class without any of these: its own keyword.
            let class = start(it.span) + self.edits.source[start(it.span)..].find("class").unwrap_or(0) + 5;
            let before = before.into_iter().flatten().max().unwrap_or(class);
            let from = self.edits.skip_trivia(before);
            self.edits.blank(from, end(last.span));
        }
        walk_js::walk_class(self, it);
    }

    fn visit_class_element(&mut self, it: &ClassElement<'a>) {
        match it {
            ClassElement::TSIndexSignature(signature) => self.blank_statement(signature.span),
            it => walk_js::walk_class_element(self, it),
        }
    }

    fn visit_method_definition(&mut self, it: &MethodDefinition<'a>) {
        if it.value.body.is_none() {
            self.decorators(&it.decorators);
            self.blank_statement(it.span);
            return;
        }
        self.member(it.span, &it.decorators, it.key.span());
        if it.optional {
            self.annotation(self.key_end(it.key.span(), it.computed), None, true);
        }
        if it.kind == MethodDefinitionKind::Constructor {
            self.parameter_properties(&it.value);
        }
        walk_js::walk_method_definition(self, it);
    }

    fn visit_property_definition(&mut self, it: &PropertyDefinition<'a>) {
        if it.declare || it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition {
            self.decorators(&it.decorators);
            self.blank_statement(it.span);
            return;
        }
        self.member(it.span, &it.decorators, it.key.span());
        let from = self.key_end(it.key.span(), it.computed);
        match &it.type_annotation {
            // A field without a value ends here, whatever its name is and whatever follows on the next line.
            Some(annotation) if it.value.is_none() => {
                let from = self.edits.skip_trivia(from);
                self.edits.blank_statement(from, end(annotation.span));
            }
            annotation => self.annotation(from, annotation.as_deref(), it.optional || it.definite),
        }
        walk_js::walk_property_definition(self, it);
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.refuse(it.span, "the keyword accessor is not supported: the engine does not have it yet");
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.decorators(std::slice::from_ref(it));
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.type_arguments(it.type_arguments.as_deref());
        walk_js::walk_call_expression(self, it);
    }

    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        self.type_arguments(it.type_arguments.as_deref());
        walk_js::walk_new_expression(self, it);
    }

    fn visit_tagged_template_expression(&mut self, it: &TaggedTemplateExpression<'a>) {
        self.type_arguments(it.type_arguments.as_deref());
        walk_js::walk_tagged_template_expression(self, it);
    }

    fn visit_ts_instantiation_expression(&mut self, it: &TSInstantiationExpression<'a>) {
        self.separate(start(it.type_arguments.span), end(it.type_arguments.span));
        walk_js::walk_ts_instantiation_expression(self, it);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.suffix(it.expression.span(), it.span);
        walk_js::walk_ts_as_expression(self, it);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.suffix(it.expression.span(), it.span);
        walk_js::walk_ts_satisfies_expression(self, it);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.edits.blank(end(it.span) - 1, end(it.span));
        walk_js::walk_ts_non_null_expression(self, it);
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        let (from, inner) = (start(it.span), it.expression.span());
        if self.must_be_bracketed(from, inner) {
            self.edits.blank_with(from, start(inner), '(');
            walk_js::walk_ts_type_assertion(self, it);
            self.edits.replace(end(inner), end(inner), ")".into());
        } else {
            self.edits.blank(from, start(inner));
            walk_js::walk_ts_type_assertion(self, it);
        }
    }
}
