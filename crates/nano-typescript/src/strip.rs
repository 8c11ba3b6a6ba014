//! The walk over the tree, which blanks every type.
//!
//! Spaces are not enough in two cases: a line break that remains could end a statement, and a line break
//! after a blanked type could no longer end one. Such a place gets a semicolon or brackets.

use crate::blank::{MODIFIERS, Strip, end, start};
use crate::edits::{Edits, position};
use crate::enums;
use crate::names::Names;
use crate::problem::Problem;
use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType};
use oxc_syntax::scope::ScopeFlags;

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

impl<'a> VisitJs<'a> for Strip<'_, 'a> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        match it {
            Statement::TSExportAssignment(export) => {
                self.refuse(export.span, "`export =` makes a CommonJS module: use `export default`");
            }
            Statement::TSNamespaceExportDeclaration(export) => self.blank_statement(export.span),
            it => {
                if let Some(declaration) = it.as_declaration()
                    && self.blank_if_only_types(declaration, declaration.span())
                {
                    return;
                }
                walk_js::walk_statement(self, it);
            }
        }
    }

    fn visit_export_declaration(&mut self, it: &ExportDeclaration<'a>) {
        if !self.blank_if_only_types(&it.declaration, it.span) {
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
        // `const ` is as long as `import`, so that columns stay the same.
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
        self.blank_signature(it.type_parameters.as_deref(), it.this_param.as_deref());
        if let Some(annotation) = &it.return_type {
            self.blank(annotation.span);
        }
        walk_js::walk_function(self, it, flags);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        let params = it.params.span;
        if let Some(parameters) = &it.type_parameters {
            if self.edits.has_newline(start(parameters.span), start(params)) {
                // A line break after `async` or `return` would end it, so the bracket moves up.
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
                // A line break before `=>` is not allowed, so the bracket moves down.
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
        self.refuse_decorators(&it.decorators);
        let pattern = it.pattern.span();
        let from = it.decorators.last().map_or(start(it.span), |last| end(last.span));
        self.blank_words(from, start(pattern), &MODIFIERS, false);
        self.blank_annotation(end(pattern), it.type_annotation.as_deref(), it.optional);
        walk_js::walk_formal_parameter(self, it);
    }

    fn visit_formal_parameter_rest(&mut self, it: &FormalParameterRest<'a>) {
        self.blank_annotation(end(it.rest.span), it.type_annotation.as_deref(), false);
        walk_js::walk_formal_parameter_rest(self, it);
    }

    fn visit_catch_parameter(&mut self, it: &CatchParameter<'a>) {
        self.blank_annotation(end(it.pattern.span()), it.type_annotation.as_deref(), false);
        walk_js::walk_catch_parameter(self, it);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        self.blank_annotation(end(it.id.span()), it.type_annotation.as_deref(), it.definite);
        walk_js::walk_variable_declarator(self, it);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        self.refuse_decorators(&it.decorators);
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
            self.blank_type_arguments(heritage.type_arguments.as_deref());
        }
        if let (Some(_), Some(last)) = (it.implements.first(), it.implements.last()) {
            let before = [
                it.id.as_ref().map(|id| end(id.span)),
                it.type_parameters.as_ref().map(|parameters| end(parameters.span)),
                it.heritage.as_ref().map(|heritage| end(heritage.expression.span())),
                it.heritage.as_ref().and_then(|it| it.type_arguments.as_ref()).map(|it| end(it.span)),
            ];
            // A class without any of these: after its keyword.
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
            self.refuse_decorators(&it.decorators);
            self.blank_statement(it.span);
            return;
        }
        self.blank_modifiers(it.span, &it.decorators, it.key.span());
        if it.optional {
            self.blank_annotation(self.key_end(it.key.span(), it.computed), None, true);
        }
        if it.kind == MethodDefinitionKind::Constructor {
            self.assign_parameter_properties(&it.value);
        }
        walk_js::walk_method_definition(self, it);
    }

    fn visit_property_definition(&mut self, it: &PropertyDefinition<'a>) {
        if it.declare || it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition {
            self.refuse_decorators(&it.decorators);
            self.blank_statement(it.span);
            return;
        }
        self.blank_modifiers(it.span, &it.decorators, it.key.span());
        let from = self.key_end(it.key.span(), it.computed);
        match &it.type_annotation {
            // A field without a value must end here, whatever its name is and whatever follows on the next
            // line.
            Some(annotation) if it.value.is_none() => {
                let from = self.edits.skip_trivia(from);
                self.edits.blank_statement(from, end(annotation.span));
            }
            annotation => self.blank_annotation(from, annotation.as_deref(), it.optional || it.definite),
        }
        walk_js::walk_property_definition(self, it);
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.refuse(it.span, "the keyword accessor is not supported: the engine does not have it yet");
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.refuse_decorators(std::slice::from_ref(it));
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.blank_type_arguments(it.type_arguments.as_deref());
        walk_js::walk_call_expression(self, it);
    }

    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        self.blank_type_arguments(it.type_arguments.as_deref());
        walk_js::walk_new_expression(self, it);
    }

    fn visit_tagged_template_expression(&mut self, it: &TaggedTemplateExpression<'a>) {
        self.blank_type_arguments(it.type_arguments.as_deref());
        walk_js::walk_tagged_template_expression(self, it);
    }

    fn visit_ts_instantiation_expression(&mut self, it: &TSInstantiationExpression<'a>) {
        self.blank_and_separate(start(it.type_arguments.span), end(it.type_arguments.span));
        walk_js::walk_ts_instantiation_expression(self, it);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.blank_suffix(it.expression.span(), it.span);
        walk_js::walk_ts_as_expression(self, it);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.blank_suffix(it.expression.span(), it.span);
        walk_js::walk_ts_satisfies_expression(self, it);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.edits.blank(end(it.span) - 1, end(it.span));
        walk_js::walk_ts_non_null_expression(self, it);
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        let (from, inner) = (start(it.span), it.expression.span());
        if self.needs_bracket(from, inner) {
            self.edits.blank_with(from, start(inner), '(');
            walk_js::walk_ts_type_assertion(self, it);
            self.edits.replace(end(inner), end(inner), ")".into());
        } else {
            self.edits.blank(from, start(inner));
            walk_js::walk_ts_type_assertion(self, it);
        }
    }
}
