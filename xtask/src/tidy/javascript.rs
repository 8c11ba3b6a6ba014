//! The JavaScript of the web platform (crates/nano-web/src), parsed: which folder needs which, and a lint.
//!
//! Files share an object, `internal`: assigning `internal.name` offers a name, reading it uses it. The lint
//! keeps to what a tenant cannot change: built-ins are taken from `internal.primordials` at the top of a
//! file, nothing is called through a prototype, and no name comes from the global object.

use super::graph::{Graph, circles};
use super::ratchet::{self, Finding};
use crate::util::workspace_root;
use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_parser::{ParseOptions, Parser};
use oxc_span::SourceType;
use oxc_syntax::scope::ScopeFlags;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a file may name without declaring it: its two parameters, and what no script can redefine.
const KNOWN: [&str; 6] = ["internal", "ops", "undefined", "NaN", "Infinity", "arguments"];

/// Files that run at build time only, where no tenant's code is: they make the primordials, or exercise the
/// platform.
const BUILD_TIME: [&str; 2] = ["infra/primordials.js", "worker/warm.js"];

/// Wraps the language's own built-ins when the snapshot is made, before any tenant: takes them from the
/// global object.
const WRAPS_BUILTINS: &str = "infra/builtins.js";

/// Methods of the language's prototypes. A call by one of these names goes through something that a tenant
/// can replace, unless the receiver is an object of ours that has such a method itself.
const PROTOTYPE_METHODS: [&str; 74] = [
    "apply",
    "at",
    "bind",
    "call",
    "catch",
    "charAt",
    "charCodeAt",
    "codePointAt",
    "concat",
    "copyWithin",
    "endsWith",
    "entries",
    "every",
    "exec",
    "fill",
    "filter",
    "finally",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
    "flat",
    "flatMap",
    "forEach",
    "getTime",
    "hasOwnProperty",
    "includes",
    "indexOf",
    "isPrototypeOf",
    "isWellFormed",
    "join",
    "keys",
    "lastIndexOf",
    "localeCompare",
    "map",
    "match",
    "matchAll",
    "normalize",
    "padEnd",
    "padStart",
    "pop",
    "propertyIsEnumerable",
    "push",
    "reduce",
    "reduceRight",
    "repeat",
    "replace",
    "replaceAll",
    "reverse",
    "search",
    "shift",
    "slice",
    "some",
    "sort",
    "splice",
    "split",
    "startsWith",
    "subarray",
    "substring",
    "test",
    "then",
    "toFixed",
    "toISOString",
    "toLocaleString",
    "toLowerCase",
    "toReversed",
    "toSorted",
    "toSpliced",
    "toUpperCase",
    "toWellFormed",
    "trim",
    "trimEnd",
    "trimStart",
    "unshift",
];

/// One file of the platform.
pub(super) struct Source {
    /// Below the crate's `src`: `fetch/headers.js`.
    name: String,
    text: String,
}

impl Source {
    fn folder(&self) -> &str {
        self.name.split_once('/').map_or("", |(folder, _)| folder)
    }
}

/// What a file's tree says.
#[derive(Default)]
struct Facts {
    offers: BTreeSet<String>,
    uses: BTreeSet<String>,
    declared: BTreeSet<String>,
    named: Vec<String>,
    /// Calls through a prototype, inside of functions.
    prototype_calls: usize,
    /// `for … of`, spread and array patterns, inside of functions: they call `Symbol.iterator`.
    iterations: usize,
    /// `internal.primordials`, inside of functions.
    late_primordials: usize,
    depth: usize,
}

/// All JavaScript files of the platform.
pub(super) fn platform() -> Vec<Source> {
    let root = workspace_root().join("crates/nano-web/src");
    let mut found = Vec::new();
    gather(&root, &root, &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(found.len() > 50, "too few files found: {}", found.len());
    found
}

fn gather(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "js") {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.push(Source { name, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

fn facts(source: &Source) -> Facts {
    let allocator = Allocator::default();
    // A file is the body of a function.
    let options = ParseOptions { allow_return_outside_function: true, ..ParseOptions::default() };
    let parsed = Parser::new(&allocator, &source.text, SourceType::cjs()).with_options(options).parse();
    let errors: Vec<String> = parsed.diagnostics.errors().map(|error| error.message.to_string()).collect();
    assert!(errors.is_empty(), "{}: {errors:?}", source.name);
    let mut facts = Facts::default();
    facts.visit_program(&parsed.program);
    facts
}

/// `internal.name`'s name.
fn internal_name<'e>(member: &'e StaticMemberExpression<'_>) -> Option<&'e str> {
    let Expression::Identifier(object) = &member.object else { return None };
    (object.name == "internal").then(|| member.property.name.as_str())
}

impl<'a> VisitJs<'a> for Facts {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.named.push(it.name.to_string());
    }

    fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
        self.declared.insert(it.name.to_string());
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        if let AssignmentTarget::StaticMemberExpression(member) = &it.left
            && let Some(name) = internal_name(member)
        {
            self.offers.insert(name.to_string());
            self.visit_expression(&it.right);
            return;
        }
        walk_js::walk_assignment_expression(self, it);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        // `const { a, b } = internal;`
        if let BindingPattern::ObjectPattern(pattern) = &it.id
            && let Some(Expression::Identifier(init)) = &it.init
            && init.name == "internal"
        {
            self.uses.extend(pattern.properties.iter().filter_map(|property| match &property.key {
                PropertyKey::StaticIdentifier(key) => Some(key.name.to_string()),
                _ => None,
            }));
        }
        walk_js::walk_variable_declarator(self, it);
    }

    fn visit_static_member_expression(&mut self, it: &StaticMemberExpression<'a>) {
        if let Some(name) = internal_name(it) {
            self.late_primordials += usize::from(name == "primordials" && self.depth > 0);
            self.uses.insert(name.to_string());
        }
        // `internal.loaded.name`: only whether that part is there.
        walk_js::walk_static_member_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if self.depth > 0
            && let Expression::StaticMemberExpression(member) = &it.callee
            && PROTOTYPE_METHODS.contains(&member.property.name.as_str())
            && !matches!(member.object, Expression::ThisExpression(_) | Expression::Super(_))
        {
            self.prototype_calls += 1;
        }
        walk_js::walk_call_expression(self, it);
    }

    fn visit_for_of_statement(&mut self, it: &ForOfStatement<'a>) {
        self.iterations += usize::from(self.depth > 0);
        walk_js::walk_for_of_statement(self, it);
    }

    fn visit_object_property_kind(&mut self, it: &ObjectPropertyKind<'a>) {
        // In an object, `...` copies properties and iterates over nothing.
        if let ObjectPropertyKind::SpreadProperty(spread) = it {
            self.visit_expression(&spread.argument);
        } else {
            walk_js::walk_object_property_kind(self, it);
        }
    }

    fn visit_spread_element(&mut self, it: &SpreadElement<'a>) {
        self.iterations += usize::from(self.depth > 0);
        walk_js::walk_spread_element(self, it);
    }

    fn visit_array_pattern(&mut self, it: &ArrayPattern<'a>) {
        self.iterations += usize::from(self.depth > 0);
        walk_js::walk_array_pattern(self, it);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        self.depth += 1;
        walk_js::walk_function(self, it, flags);
        self.depth -= 1;
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.depth += 1;
        walk_js::walk_arrow_function_expression(self, it);
        self.depth -= 1;
    }
}

/// Folders that need each other in a circle. A name that several folders offer is of the first that does.
pub(super) fn folder_circles(sources: &[Source]) -> Vec<Finding> {
    let facts: Vec<(&str, Facts)> = sources.iter().map(|source| (source.folder(), facts(source))).collect();
    let mut homes: BTreeMap<&str, &str> = BTreeMap::new();
    for (folder, facts) in &facts {
        for name in &facts.offers {
            homes.entry(name).or_insert(folder);
        }
    }
    let mut graph = Graph::new();
    for (folder, facts) in &facts {
        let arrows = graph.entry((*folder).to_string()).or_default();
        let needed = facts.uses.iter().filter_map(|name| homes.get(name.as_str()));
        arrows.extend(needed.filter(|home| *home != folder).map(ToString::to_string));
    }
    circles(&graph).iter().map(|circle| Finding::circle("nano-web's JavaScript", circle)).collect()
}

fn lint(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !BUILD_TIME.contains(&source.name.as_str())) {
        let facts = facts(source);
        let bare: BTreeSet<&String> = facts
            .named
            .iter()
            .filter(|name| !facts.declared.contains(*name) && !KNOWN.contains(&name.as_str()))
            .filter(|_| source.name != WRAPS_BUILTINS)
            .collect();
        for name in bare {
            findings.push(Finding::new("bare global", format!("{} {name}", source.name), 1));
        }
        for (kind, count) in [
            ("prototype call", facts.prototype_calls),
            ("iteration", facts.iterations),
            ("late primordials", facts.late_primordials),
        ] {
            if count > 0 {
                findings.push(Finding::new(kind, source.name.clone(), count));
            }
        }
    }
    findings
}

#[test]
fn the_platforms_javascript_uses_nothing_that_a_tenant_can_change() {
    ratchet::check(&["bare global", "prototype call", "iteration", "late primordials"], &lint(&platform()));
}

#[test]
fn what_a_tenant_can_change_is_found() {
    let source = |text: &str| Source { name: "x/y.js".into(), text: text.into() };
    let found = |text: &str| -> Vec<(&str, String, usize)> {
        lint(&[source(text)])
            .into_iter()
            .map(|finding| (finding.kind, finding.place, finding.count))
            .collect()
    };
    let fine = "const { ArrayPrototypeMap, Map } = internal.primordials;
        const table = new Map(); for (const name of [1].map((x) => x)) table.set(name);
        function f(list) { try { return ArrayPrototypeMap(list, (x) => x + NaN) } catch (error) { return this.map(undefined) } }
        internal.f = f; return ops.f;";
    assert_eq!(found(fine), []);
    assert_eq!(
        found("function f(list) { return list.map((x) => x.trim()); }"),
        [("prototype call", "x/y.js".into(), 2)]
    );
    assert_eq!(
        found("function f() { return internal.primordials.Map; }"),
        [("late primordials", "x/y.js".into(), 1)]
    );
    assert_eq!(
        found(
            "function f(list) { for (const x of list) {} const [a] = list; const { b } = list; return f(...list, [...a], { ...b }); }"
        ),
        [("iteration", "x/y.js".into(), 4)]
    );
    assert_eq!(
        found("const f = () => new Map(Math.max(1, Math.min(2)));"),
        [("bare global", "x/y.js Map".into(), 1), ("bare global", "x/y.js Math".into(), 1)]
    );
}

#[test]
fn folders_that_use_each_other_are_found() {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let mut sources = vec![
        source("a/one.js", "internal.one = 1; internal.f = () => internal.three.g();"),
        source("b/two.js", "const { one } = internal; internal.two = one;"),
        source("c/three.js", "internal.three = internal.two;"),
        source("d/four.js", "internal.four = internal.f;"),
    ];
    let circles = folder_circles(&sources);
    assert_eq!(circles, [Finding::circle("nano-web's JavaScript", &["a".into(), "b".into(), "c".into()])]);
    sources[2].text = "internal.three = 3;".into();
    assert!(folder_circles(&sources).is_empty());
}
