//! The public items of a crate, by the paths by which other crates name them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, TraitItem, Type};

use super::external::paths;
use super::print;
use super::source::{Import, ModulePath, Source, Target, declared, imports, is_public, name_of};

/// A crate's public items and their number.
#[derive(Debug)]
pub(super) struct Listing {
    /// The number of names at the root, modules apart.
    pub(super) root: usize,
    /// The number of names in public modules.
    pub(super) modules: usize,
    /// Paths in signatures that lead out of the crate, as far as the sources write them out.
    pub(super) outside: BTreeSet<Vec<String>>,
    /// Each name with its lines: its signature, then what belongs to it.
    names: BTreeMap<String, Vec<String>>,
}

impl Listing {
    /// Lists a crate of this name.
    pub(super) fn of(name: &str, source: &Source) -> Self {
        let root = name.replace('-', "_");
        let mut collector = Collector {
            source,
            names: BTreeMap::new(),
            outside: BTreeSet::new(),
            seen: BTreeSet::new(),
        };
        collector.module(&Vec::new(), &root);
        let Collector { names, outside, .. } = collector;
        let is_module =
            |lines: &[String]| lines.first().is_some_and(|line| line.starts_with("mod "));
        let named = names.iter().filter(|(_, lines)| !is_module(lines));
        let (at_root, in_modules): (Vec<_>, Vec<_>) = named
            .map(|(path, _)| path)
            .partition(|path| path.matches("::").count() == 1);
        Self {
            root: at_root.len(),
            modules: in_modules.len(),
            outside,
            names,
        }
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, lines) in &self.names {
            let (first, inside) = lines
                .split_first()
                .map_or((name.as_str(), &[][..]), |(a, b)| (a, b));
            writeln!(f, "{first}")?;
            for line in inside {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}

struct Collector<'a> {
    source: &'a Source,
    names: BTreeMap<String, Vec<String>>,
    outside: BTreeSet<Vec<String>>,
    /// The modules on the way to the current one, under their public paths: a glob may lead back to one.
    seen: BTreeSet<(ModulePath, String)>,
}

impl Collector<'_> {
    fn module(&mut self, module: &ModulePath, path: &str) {
        if !self.seen.insert((module.clone(), path.to_owned())) {
            return;
        }
        for item in self.source.items(module) {
            let Some((attributes, visibility)) = declared(item) else {
                continue;
            };
            if !is_public(attributes, visibility) {
                continue;
            }
            match item {
                Item::Mod(child) => {
                    let inside = [module.as_slice(), &[child.ident.to_string()]].concat();
                    self.public_module(&inside, &format!("{path}::{}", child.ident));
                }
                Item::Use(import) => {
                    for import in imports(&import.tree) {
                        self.import(module, path, &import);
                    }
                }
                item => self.item(module, item, path, &name_of(item).unwrap_or_default()),
            }
        }
    }

    fn public_module(&mut self, module: &ModulePath, path: &str) {
        self.names
            .insert(path.to_owned(), vec![format!("mod {path}")]);
        self.module(module, path);
    }

    fn import(&mut self, module: &ModulePath, path: &str, import: &Import) {
        let Import { path: of, name } = import;
        match (self.source.resolve(module, of), name.as_str()) {
            (Target::Module(inside), "*") => self.module(&inside, path),
            (Target::Module(inside), name) if !of.is_empty() => {
                self.public_module(&inside, &format!("{path}::{name}"));
            }
            (Target::Item(inside, item), name) if name != "_" => {
                self.item(&inside, item, path, name)
            }
            _ => {
                let of = of.join("::");
                let of = of.strip_prefix("crate::").unwrap_or(&of);
                let (bound, line) = match name.as_str() {
                    "*" => (format!("{of}::*"), format!("use {path}::{{{of}::*}}")),
                    "_" => (format!("{of} as _"), format!("use {path}::{{{of} as _}}")),
                    name => (name.to_owned(), format!("use {path}::{name} = {of}")),
                };
                self.note(module, &import.path.join("::"));
                self.names.insert(format!("{path}::{bound}"), vec![line]);
            }
        }
    }

    fn item(&mut self, module: &ModulePath, item: &Item, path: &str, name: &str) {
        let path = format!("{path}::{name}");
        let mut lines = Vec::new();
        match item {
            Item::Fn(item) => lines.push(print::function(&item.attrs, &item.sig, &path)),
            Item::Const(item) => lines.push(print::typed(&item.attrs, "const", &path, &item.ty)),
            Item::Static(item) => lines.push(print::typed(&item.attrs, "static", &path, &item.ty)),
            item => lines.extend(print::head(item, &path)),
        }
        let mut inside = members(item, name);
        for line in lines.iter().chain(&inside) {
            self.note(module, line);
        }
        if matches!(
            item,
            Item::Struct(_) | Item::Enum(_) | Item::Union(_) | Item::Trait(_)
        ) {
            for (at, lines) in self.implementations(module, item, name) {
                lines.iter().for_each(|line| self.note(&at, line));
                inside.extend(lines);
            }
            inside.extend(derived(item).map(|derived| format!("derive {derived}")));
        }
        inside.sort();
        lines.extend(inside);
        self.names.insert(path, lines);
    }

    /// Keeps the paths in a line that lead out of the crate.
    fn note(&mut self, module: &ModulePath, line: &str) {
        let paths = paths(line);
        let outside = paths
            .iter()
            .filter_map(|path| self.source.outside(module, path));
        self.outside.extend(outside);
    }

    /// The methods and trait implementations of a type, and the implementations of a trait, by the module that has them.
    fn implementations(
        &self,
        module: &ModulePath,
        item: &Item,
        name: &str,
    ) -> Vec<(ModulePath, Vec<String>)> {
        let defined = (module.clone(), name_of(item));
        let is_defined = |at: &ModulePath, path: &syn::Path| {
            let segments: Vec<String> = path
                .segments
                .iter()
                .map(|part| part.ident.to_string())
                .collect();
            match self.source.resolve(at, &segments) {
                Target::Item(inside, found) => (inside, name_of(found)) == defined,
                _ => false,
            }
        };
        let mut found = Vec::new();
        for (at, item) in self.source.modules() {
            let Item::Impl(item) = item else { continue };
            let of_type = matches!(&*item.self_ty, Type::Path(of) if is_defined(at, &of.path));
            let lines = match &item.trait_ {
                None if of_type => methods(item, name),
                Some(_) if of_type => vec![print::implementation(item)],
                Some((_, path, _)) if is_defined(at, path) => vec![print::implementation(item)],
                _ => continue,
            };
            found.push((at.clone(), lines));
        }
        found
    }
}

fn methods(item: &ItemImpl, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for member in &item.items {
        match member {
            ImplItem::Fn(method) if is_public(&method.attrs, &method.vis) => {
                let attributes = [item.attrs.as_slice(), &method.attrs].concat();
                let path = format!("{name}::{}", method.sig.ident);
                found.push(print::function(&attributes, &method.sig, &path));
            }
            ImplItem::Const(item) if is_public(&item.attrs, &item.vis) => {
                let path = format!("{name}::{}", item.ident);
                found.push(print::typed(&item.attrs, "const", &path, &item.ty));
            }
            _ => {}
        }
    }
    found
}

/// The public fields, the variants, or the members of a trait.
fn members(item: &Item, name: &str) -> Vec<String> {
    match item {
        Item::Struct(item) => fields(&item.fields, name),
        Item::Enum(item) => {
            let variants = item.variants.iter();
            variants
                .map(|variant| print::variant(variant, &format!("{name}::{}", variant.ident)))
                .collect()
        }
        Item::Trait(item) => {
            let members = item.items.iter();
            members
                .filter_map(|member| trait_member(member, name))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn fields(fields: &Fields, name: &str) -> Vec<String> {
    let numbered = fields.iter().enumerate();
    let public = numbered.filter(|(_, field)| is_public(&field.attrs, &field.vis));
    public
        .map(|(number, field)| {
            let field_name = field
                .ident
                .as_ref()
                .map_or(number.to_string(), ToString::to_string);
            print::typed(
                &field.attrs,
                "field",
                &format!("{name}::{field_name}"),
                &field.ty,
            )
        })
        .collect()
}

fn trait_member(member: &TraitItem, name: &str) -> Option<String> {
    match member {
        TraitItem::Fn(method) => {
            let path = format!("{name}::{}", method.sig.ident);
            let line = print::function(&method.attrs, &method.sig, &path);
            let provided = if method.default.is_some() {
                "provided"
            } else {
                "required"
            };
            Some(format!("{provided} {line}"))
        }
        TraitItem::Type(item) => Some(format!("required type {name}::{}", item.ident)),
        TraitItem::Const(item) => {
            let path = format!("{name}::{}", item.ident);
            Some(print::typed(&item.attrs, "required const", &path, &item.ty))
        }
        _ => None,
    }
}

/// The traits that are derived, in one line.
fn derived(item: &Item) -> Option<String> {
    let (attributes, _) = declared(item)?;
    let derives = attributes
        .iter()
        .filter(|one: &&Attribute| one.path().is_ident("derive"));
    let mut traits: Vec<String> = derives
        .filter_map(|one| Some(one.meta.require_list().ok()?.tokens.to_string()))
        .flat_map(|tokens| {
            let names = tokens.split(',').map(|name| name.replace(' ', ""));
            names.collect::<Vec<_>>()
        })
        .filter(|name| !name.is_empty())
        .collect();
    traits.sort();
    (!traits.is_empty()).then(|| traits.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The listing of a crate that is written as one file.
    fn listing(text: &str) -> Listing {
        let file = std::env::temp_dir().join(format!("hopline-api-{}.rs", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let source = Source::read(&file);
        std::fs::remove_file(&file).unwrap();
        Listing::of("my-crate", &source.unwrap())
    }

    #[test]
    fn items_are_listed_under_their_public_paths() {
        let listing = listing(
            "
            mod inner {
                #[derive(Clone, Debug)]
                #[non_exhaustive]
                pub struct Pool<T> { pub size: u8, inner: T }
                impl<T> Pool<T> {
                    /// Documented.
                    pub async fn get(mut self, name: &str,) -> Option<T> where T: Send { None }
                    #[doc(hidden)] pub fn hidden(&self) {}
                    pub(crate) fn near(&self) {}
                }
                impl<T> Drop for Pool<T> { fn drop(&mut self) {} }
                pub struct Private;
                pub enum Kind { One, Two { at: u8 }, Three(u8) }
            }
            mod other {
                pin_project! { pub struct Future { #[pin] inner: u8 } }
                use crate::inner::Pool;
                impl<T> Pool<T> { pub const LEAST: usize = 1; }
            }
            pub use inner::{Kind as Sort, Pool};
            pub use other::*;
            pub use elsewhere::Thing;
            pub mod named {
                pub fn free<T: Copy>(value: T) -> T { value }
                pub trait Given { fn asked(&self); fn ready(&self) -> u8 { 1 } }
                impl<F: Fn()> Given for F { fn asked(&self) {} }
            }
            #[cfg(test)] pub mod tests { pub fn tested() {} }
            ",
        );
        assert_eq!((listing.root, listing.modules), (4, 2));
        let expected = "\
struct my_crate::Future
#[non_exhaustive] struct my_crate::Pool<T>
    async fn Pool::get(self, name: &str) -> Option<T> where T: Send
    const Pool::LEAST: usize
    derive Clone, Debug
    field Pool::size: u8
    impl<T> Drop for Pool<T>
enum my_crate::Sort
    variant Sort::One
    variant Sort::Three(u8)
    variant Sort::Two { at: u8 }
use my_crate::Thing = elsewhere::Thing
mod my_crate::named
trait my_crate::named::Given
    impl<F: Fn()> Given for F
    provided fn Given::ready(&self) -> u8
    required fn Given::asked(&self)
fn my_crate::named::free<T: Copy>(value: T) -> T
";
        assert_eq!(listing.to_string(), expected);
    }
}
