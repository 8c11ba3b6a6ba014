//! The Rust side of each crate, parsed: which file needs which, and how large the types are.
//!
//! An arrow goes from the file that names something to the file that defines it: re-exports are followed,
//! `use` of a module counts for what is named through it. Not counted: code under `#[cfg(test)]`, and arrows
//! from a file to a module that contains it, since a folder's `mod.rs` is the frame of its files and not a
//! neighbour.

use super::graph::{Graph, circles};
use super::ratchet::Finding;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::Visit;
use syn::{Attribute, Fields, Ident, Item, Type, UseTree};

/// A type has at most this many fields.
const FIELDS_MAX: usize = 15;
/// A type has at most this many fields that are `bool`, also in a `Cell` or as an atomic.
const BOOLS_MAX: usize = 2;
/// Re-exports of re-exports: deeper is a circle of `use`.
const RESOLVE_DEPTH: u8 = 16;

/// One module, in a file of its own or inline.
#[derive(Default)]
struct Module {
    path: Vec<String>,
    parent: usize,
    /// The name that messages give its file: `connection/upgraded`, without `mod` and `.rs`.
    file: String,
    children: BTreeMap<String, usize>,
    /// Items by name; `Some` for what a `use` brings.
    names: BTreeMap<String, Option<Vec<String>>>,
    globs: Vec<Vec<String>>,
    /// Paths that the module's code names, `use` items excepted.
    paths: Vec<Vec<String>>,
}

/// A crate's modules; the first is its root.
pub(super) struct Crate {
    modules: Vec<Module>,
    types: Vec<Shape>,
}

struct Shape {
    file: PathBuf,
    name: String,
    fields: usize,
    bools: usize,
}

/// What a path leads to: a module, or an item that a module defines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Module(usize),
    Item(usize),
}

impl Crate {
    /// Parses the crate from its root file. Panics on what rustc would not compile.
    pub(super) fn read(root: &Path) -> Crate {
        let mut found = Crate { modules: vec![Module::default()], types: Vec::new() };
        let folder = root.parent().unwrap();
        found.file(root, folder, folder, 0);
        found
    }

    fn file(&mut self, file: &Path, folder: &Path, source: &Path, module: usize) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = file.strip_prefix(source).unwrap_or(file).with_extension("");
        let name = if name.ends_with("mod") { name.parent().unwrap_or(&name) } else { &name };
        self.modules[module].file = name.display().to_string();
        self.items(&parsed.items, file, folder, source, module);
    }

    fn items(&mut self, items: &[Item], file: &Path, folder: &Path, source: &Path, module: usize) {
        for item in items.iter().filter(|item| !attributes(item).iter().any(is_test)) {
            match item {
                Item::Mod(inner) => {
                    let name = inner.ident.to_string();
                    let at = self.modules.len();
                    let mut path = self.modules[module].path.clone();
                    path.push(name.clone());
                    let own = self.modules[module].file.clone();
                    self.modules.push(Module { path, parent: module, file: own, ..Module::default() });
                    self.modules[module].children.entry(name.clone()).or_insert(at);
                    let below = folder.join(&name);
                    if let Some((_, items)) = &inner.content {
                        self.items(items, file, &below, source, at);
                    } else if let Some(path) = path_attribute(&inner.attrs) {
                        let file = file.parent().unwrap().join(path);
                        self.file(&file, file.parent().unwrap(), source, at);
                    } else {
                        let flat = folder.join(format!("{name}.rs"));
                        let file = if flat.exists() { flat } else { below.join("mod.rs") };
                        self.file(&file, &below, source, at);
                    }
                }
                Item::Use(item) => self.uses(&item.tree, &mut Vec::new(), module),
                other => {
                    if let Some(name) = defined(other) {
                        self.modules[module].names.insert(name.to_string(), None);
                    }
                    self.shape(other, file);
                    let mut paths = Paths { found: &mut self.modules[module].paths };
                    paths.visit_item(other);
                }
            }
        }
    }

    fn uses(&mut self, tree: &UseTree, prefix: &mut Vec<String>, module: usize) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.uses(&path.tree, prefix, module);
                prefix.pop();
            }
            UseTree::Name(name) if name.ident == "self" => {
                let named = prefix.last().cloned().unwrap_or_default();
                self.modules[module].names.insert(named, Some(prefix.clone()));
            }
            UseTree::Name(name) => self.import(&name.ident, &name.ident, prefix, module),
            UseTree::Rename(rename) => self.import(&rename.ident, &rename.rename, prefix, module),
            UseTree::Glob(_) => self.modules[module].globs.push(prefix.clone()),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.uses(tree, prefix, module);
                }
            }
        }
    }

    fn import(&mut self, name: &Ident, local: &Ident, prefix: &[String], module: usize) {
        let mut path = prefix.to_vec();
        if name != "self" {
            path.push(name.to_string());
        }
        self.modules[module].names.insert(local.to_string(), Some(path));
    }

    fn shape(&mut self, item: &Item, file: &Path) {
        let mut add = |name: String, fields: &Fields| {
            self.types.push(Shape {
                file: file.to_path_buf(),
                name,
                fields: fields.len(),
                bools: fields.iter().filter(|field| is_bool(&field.ty)).count(),
            });
        };
        match item {
            Item::Struct(item) => add(item.ident.to_string(), &item.fields),
            Item::Enum(item) => {
                for variant in &item.variants {
                    add(format!("{}::{}", item.ident, variant.ident), &variant.fields);
                }
            }
            _ => {}
        }
    }

    /// What `path`, as written in `module`, leads to; `None` for what is not of this crate.
    fn resolve(&self, module: usize, path: &[String], depth: u8) -> Option<Target> {
        let mut at = module;
        let mut ours = false;
        for (index, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" if index == 0 => (at, ours) = (0, true),
                "self" if index == 0 => ours = true,
                "super" if index == 0 || ours => (at, ours) = (self.modules[at].parent, true),
                name => match self.lookup(at, name, depth) {
                    Some(Target::Module(next)) => (at, ours) = (next, true),
                    Some(item) => return Some(item),
                    // A macro may have defined it: it is where the path says.
                    None => return (ours && index > 0).then_some(Target::Item(at)),
                },
            }
        }
        ours.then_some(Target::Module(at))
    }

    fn lookup(&self, module: usize, name: &str, depth: u8) -> Option<Target> {
        if let Some(child) = self.modules[module].children.get(name) {
            return Some(Target::Module(*child));
        }
        let depth = depth.checked_sub(1)?;
        match self.modules[module].names.get(name) {
            Some(None) => return Some(Target::Item(module)),
            // `use v8;` leads out of the crate.
            Some(Some(path)) if path.len() > 1 || path[0] != name => {
                return self.resolve(module, path, depth);
            }
            Some(Some(_)) => return None,
            None => {}
        }
        self.modules[module].globs.iter().find_map(|glob| match self.resolve(module, glob, depth) {
            Some(Target::Module(target)) if target != module => self.lookup(target, name, depth),
            _ => None,
        })
    }

    /// Which file needs which.
    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (index, module) in self.modules.iter().enumerate() {
            let arrows = graph.entry(module.file.clone()).or_default();
            for path in module.names.values().flatten().chain(&module.paths) {
                let Some(Target::Item(target)) = self.resolve(index, path, RESOLVE_DEPTH) else { continue };
                let target = &self.modules[target];
                if target.file != module.file && !module.path.starts_with(&target.path) {
                    arrows.insert(target.file.clone());
                }
            }
        }
        graph
    }

    /// Circles of more than two files, and circles of two in different folders.
    pub(super) fn circles(&self, name: &str) -> Vec<Finding> {
        let folders: BTreeMap<&str, bool> =
            self.modules.iter().map(|module| (module.file.as_str(), !module.children.is_empty())).collect();
        let folder = |file: &str| {
            if folders.get(file).copied().unwrap_or(false) {
                file.to_string()
            } else {
                Path::new(file).parent().unwrap_or(Path::new("")).display().to_string()
            }
        };
        circles(&self.graph())
            .into_iter()
            .filter(|circle| circle.len() > 2 || folder(&circle[0]) != folder(&circle[1]))
            .map(|circle| Finding::circle(name, &circle))
            .collect()
    }

    /// Types beyond `FIELDS_MAX` and `BOOLS_MAX`.
    pub(super) fn overgrown_types(&self, root: &Path) -> Vec<Finding> {
        let mut found = Vec::new();
        for shape in &self.types {
            let file = shape.file.strip_prefix(root).unwrap_or(&shape.file).display();
            let place = format!("{file} {}", shape.name);
            if shape.fields > FIELDS_MAX {
                found.push(Finding::new("fields", place.clone(), shape.fields));
            }
            if shape.bools > BOOLS_MAX {
                found.push(Finding::new("bools", place, shape.bools));
            }
        }
        found
    }
}

/// Gathers the paths that code names, those inside of macro calls too.
struct Paths<'m> {
    found: &'m mut Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.found.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // Inside of a function.
        fn leaves(tree: &UseTree, prefix: &[String], found: &mut Vec<Vec<String>>) {
            let with = |ident: &Ident| [prefix, &[ident.to_string()]].concat();
            match tree {
                UseTree::Path(path) => leaves(&path.tree, &with(&path.ident), found),
                UseTree::Name(name) => found.push(with(&name.ident)),
                UseTree::Rename(name) => found.push(with(&name.ident)),
                UseTree::Glob(_) => found.push(prefix.to_vec()),
                UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, prefix, found)),
            }
        }
        leaves(&item.tree, &[], self.found);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !item.attrs.iter().any(is_test) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !item.attrs.iter().any(is_test) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }
}

impl Paths<'_> {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                }
                _ => self.end(&mut path),
            }
        }
        self.end(&mut path);
    }

    /// A lone name in a macro may be anything; a path is one.
    fn end(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.found.push(path);
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Macro(item) => item.ident.as_ref(),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

/// `#[cfg(test)]` and `#[test]`.
fn is_test(attribute: &Attribute) -> bool {
    let is_cfg_test = attribute.path().is_ident("cfg")
        && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test");
    is_cfg_test || attribute.path().is_ident("test")
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("path"))?;
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    let syn::Expr::Lit(literal) = &meta.value else { return None };
    let syn::Lit::Str(text) = &literal.lit else { return None };
    Some(text.value())
}

fn is_bool(kind: &Type) -> bool {
    let Type::Path(path) = kind else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    if last.ident == "Cell"
        && let syn::PathArguments::AngleBracketed(inner) = &last.arguments
    {
        return matches!(inner.args.first(), Some(syn::GenericArgument::Type(inner)) if is_bool(inner));
    }
    last.ident == "bool" || last.ident == "AtomicBool"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(files: &[(&str, &str)]) -> Crate {
        let folder = std::env::temp_dir().join(format!(
            "xtask-tidy-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        for (name, text) in files {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let read = Crate::read(&folder.join("lib.rs"));
        fs::remove_dir_all(&folder).unwrap();
        read
    }

    fn places(files: &[(&str, &str)]) -> Vec<String> {
        written(files).circles("c").into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn re_exports_lead_to_the_file_that_defines() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use c::*; struct Root;"),
            ("a.rs", "use crate::b; pub struct A; fn f(_: b::B) {}"),
            ("b/mod.rs", "mod inner; pub use inner::B;"),
            ("b/inner.rs", "use crate::{C, Root}; pub struct B(C, Root);"),
            ("c.rs", "pub struct C; fn f() { vec![crate::a::A]; }"),
        ];
        assert_eq!(places(&files), ["c: a, b/inner, c"]);
        // Without one of the arrows there is no circle.
        let mut files = files;
        files[4].1 = "pub struct C; #[cfg(test)] mod tests { use crate::a::A; }";
        assert!(places(&files).is_empty());
    }

    #[test]
    fn two_files_of_a_folder_may_need_each_other_and_frames_are_not_counted() {
        let near = [
            ("lib.rs", "mod a; mod b; pub fn f() { a::f() }"),
            ("a.rs", "use crate::b::g; pub fn f() { g(); crate::f() }"),
            ("b.rs", "pub fn g() { super::a::f() }"),
        ];
        assert!(places(&near).is_empty());
        let far = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "pub mod inner;"),
            ("a/inner.rs", "pub fn f() { crate::b::g() }"),
            ("b.rs", "use super::a::inner; pub fn g() { inner::f() }"),
        ];
        assert_eq!(places(&far), ["c: a/inner, b"]);
    }

    #[test]
    fn fields_and_bools_are_counted() {
        let fields: String = (0..16).map(|index| format!("f{index}: u8,")).collect();
        let text = format!(
            "struct Wide {{ {fields} }} struct Flags {{ a: bool, b: Cell<bool>, c: AtomicBool }}
             enum E {{ Fine {{ a: bool, b: bool }}, Bad(bool, bool, bool) }}
             #[cfg(test)] struct Test(bool, bool, bool);"
        );
        let found = written(&[("lib.rs", &text)]).overgrown_types(Path::new("/"));
        let found: Vec<_> = found
            .iter()
            .map(|finding| (finding.kind, finding.place.rsplit(' ').next().unwrap(), finding.count))
            .collect();
        assert_eq!(found, [("fields", "Wide", 16), ("bools", "Flags", 3), ("bools", "E::Bad", 3)]);
    }
}
