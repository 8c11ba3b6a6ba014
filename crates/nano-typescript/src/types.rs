//! Which declarations are only types, so that nothing of them is left in JavaScript.

use crate::names::Names;
use oxc_ast::ast::*;
use oxc_span::Span;

/// Whether a declaration is only types. `whole` is the span of its statement, which is larger with `export`.
pub(crate) fn is_only_types(declaration: &Declaration<'_>, whole: Span, names: &Names<'_>) -> bool {
    match declaration {
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
                || whole == it.span && !names.used.contains(it.id.name.as_str())
        }
    }
}

/// Whether a namespace is more than types; TypeScript calls it "instantiated".
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
