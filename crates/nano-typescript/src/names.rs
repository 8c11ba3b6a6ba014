//! Which names of a module are values: an import is kept only if the code uses it, and a name of only types
//! is not exported. TypeScript does the same where it compiles files one by one (`isolatedModules`).
//!
//! By name, not by scope: an import whose name only a shadowing variable uses is kept.

use oxc_ast::ast::*;
use oxc_ast_visit::{VisitJs, walk_js};
use std::collections::HashSet;

/// The names of a module.
#[derive(Default)]
pub(crate) struct Names<'a> {
    /// Names that are used as values.
    pub(crate) used: HashSet<&'a str>,
    /// Names that are declared only as types, in this module or by a type import.
    pub(crate) types: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(program: &Program<'a>) -> Self {
        let mut names = Self::default();
        let mut values = HashSet::new();
        for statement in &program.body {
            names.declare(statement, &mut values);
        }
        names.types.retain(|name| !values.contains(name));
        names.visit_program(program);
        names
    }

    fn declare(&mut self, statement: &Statement<'a>, values: &mut HashSet<&'a str>) {
        match statement {
            Statement::ImportDeclaration(import) => {
                for specifier in import.specifiers.iter().flatten() {
                    let (local, kind) = match specifier {
                        ImportDeclarationSpecifier::ImportSpecifier(it) => (&it.local, it.import_kind),
                        ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                            (&it.local, ImportOrExportKind::Value)
                        }
                        ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => {
                            (&it.local, ImportOrExportKind::Value)
                        }
                    };
                    let name = local.name.as_str();
                    if kind == ImportOrExportKind::Type || import.import_kind == ImportOrExportKind::Type {
                        self.types.insert(name);
                    } else {
                        values.insert(name);
                    }
                }
            }
            Statement::ExportDeclaration(export) => self.declare_declaration(&export.declaration, values),
            statement => {
                if let Some(declaration) = statement.as_declaration() {
                    self.declare_declaration(declaration, values);
                }
            }
        }
    }

    fn declare_declaration(&mut self, declaration: &Declaration<'a>, values: &mut HashSet<&'a str>) {
        match declaration {
            Declaration::TSTypeAliasDeclaration(it) => {
                self.types.insert(it.id.name.as_str());
            }
            Declaration::TSInterfaceDeclaration(it) => {
                self.types.insert(it.id.name.as_str());
            }
            Declaration::FunctionDeclaration(it) => {
                if let Some(id) = &it.id
                    && it.body.is_some()
                {
                    values.insert(id.name.as_str());
                }
            }
            Declaration::ClassDeclaration(it) => {
                if let Some(id) = &it.id {
                    let set = if it.declare { &mut self.types } else { values };
                    set.insert(id.name.as_str());
                }
            }
            Declaration::TSEnumDeclaration(it) => {
                let set = if it.declare { &mut self.types } else { values };
                set.insert(it.id.name.as_str());
            }
            Declaration::VariableDeclaration(it) if !it.declare => {
                for declarator in &it.declarations {
                    for id in declarator.id.get_binding_identifiers() {
                        values.insert(id.name.as_str());
                    }
                }
            }
            _ => {}
        }
    }
}

impl<'a> VisitJs<'a> for Names<'a> {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.used.insert(it.name.as_str());
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        if it.export_kind == ImportOrExportKind::Type {
            return;
        }
        for specifier in &it.specifiers {
            if specifier.export_kind == ImportOrExportKind::Value
                && let ModuleExportName::IdentifierReference(local) = &specifier.local
            {
                self.used.insert(local.name.as_str());
            }
        }
    }

    // A declaration without code does not use a name.
    fn visit_class(&mut self, it: &Class<'a>) {
        if !it.declare {
            walk_js::walk_class(self, it);
        }
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        if !it.declare {
            walk_js::walk_ts_enum_declaration(self, it);
        }
    }

    fn visit_ts_external_module_declaration(&mut self, _: &TSExternalModuleDeclaration<'a>) {}

    fn visit_ts_global_declaration(&mut self, _: &TSGlobalDeclaration<'a>) {}
}
