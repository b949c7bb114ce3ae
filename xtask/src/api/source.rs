//! The modules of a crate as they are written, and what a path in them refers to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, ItemMod, UseTree, Visibility};

use crate::Result;

/// A module's path below the crate's root.
pub(super) type ModulePath = Vec<String>;

/// All modules of a crate, tests left out.
#[derive(Default)]
pub(super) struct Source(BTreeMap<ModulePath, Vec<Item>>);

/// The target of a path.
pub(super) enum Target<'a> {
    Item(ModulePath, &'a Item),
    Module(ModulePath),
    /// Of another crate, or of none that is known.
    Other,
}

/// The place in a path at which its own names end.
enum Walk<'a> {
    Module(ModulePath),
    Item(ModulePath, &'a Item),
    /// A name of this index that the module does not declare: it is imported, or that of a crate.
    Name(ModulePath, usize),
}

/// One name that a `use` declares.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// `*` for all names, `_` for none.
    pub(super) name: String,
}

impl Source {
    /// Reads the crate with this root.
    pub(super) fn read(lib: &Path) -> Result<Self> {
        let folder = lib.parent().unwrap_or(Path::new(""));
        let mut source = Self::default();
        source.add(Vec::new(), items(lib)?, folder)?;
        Ok(source)
    }

    /// The items of a module.
    pub(super) fn items(&self, module: &ModulePath) -> &[Item] {
        self.0.get(module).map_or(&[], Vec::as_slice)
    }

    /// All modules with their items.
    pub(super) fn modules(&self) -> impl Iterator<Item = (&ModulePath, &Item)> {
        let with_items = self.0.iter();
        with_items.flat_map(|(path, items)| items.iter().map(move |item| (path, item)))
    }

    /// Resolves a path that is written in a module.
    pub(super) fn resolve(&self, module: &ModulePath, path: &[String]) -> Target<'_> {
        self.follow(module, path, 0)
    }

    fn follow(&self, module: &ModulePath, path: &[String], depth: usize) -> Target<'_> {
        // imports may refer to each other in a circle
        if depth > 32 {
            return Target::Other;
        }
        match self.walk(module, path) {
            Walk::Module(at) => Target::Module(at),
            Walk::Item(at, item) => Target::Item(at, item),
            Walk::Name(at, index) => self.imported(&at, &path[index], &path[index + 1..], depth),
        }
    }

    /// Walks along a path as far as its names are those of modules, or of an item.
    fn walk(&self, module: &ModulePath, path: &[String]) -> Walk<'_> {
        let mut at = module.clone();
        for (index, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                name => {
                    let child = [at.as_slice(), &[name.to_owned()]].concat();
                    if self.0.contains_key(&child) {
                        at = child;
                        continue;
                    }
                    let named = |item: &&Item| name_of(item).is_some_and(|known| known == name);
                    return match self.items(&at).iter().find(named) {
                        Some(item) => Walk::Item(at, item),
                        None => Walk::Name(at, index),
                    };
                }
            }
        }
        Walk::Module(at)
    }

    /// Resolves an import of a module by its name.
    fn imported(&self, at: &ModulePath, name: &str, rest: &[String], depth: usize) -> Target<'_> {
        for item in self.items(at) {
            let Item::Use(import) = item else { continue };
            for Import {
                mut path,
                name: bound,
            } in imports(&import.tree)
            {
                if bound == name && path.first().is_some_and(|first| first != name) {
                    path.extend_from_slice(rest);
                    return self.follow(at, &path, depth + 1);
                }
                if bound == "*" {
                    path.push(name.to_owned());
                    path.extend_from_slice(rest);
                    let found = self.follow(at, &path, depth + 1);
                    if !matches!(found, Target::Other) {
                        return found;
                    }
                }
            }
        }
        Target::Other
    }

    /// The path of another crate to which a path that is written in a module leads, as far as names are written out.
    pub(super) fn outside(&self, module: &ModulePath, path: &[String]) -> Option<Vec<String>> {
        self.leave(module, path, 0)
    }

    fn leave(&self, module: &ModulePath, path: &[String], depth: usize) -> Option<Vec<String>> {
        // imports may refer to each other in a circle
        if depth > 32 {
            return None;
        }
        let Walk::Name(at, index) = self.walk(module, path) else {
            return None;
        };
        let uses = self.items(&at).iter().filter_map(|item| match item {
            Item::Use(import) => Some(imports(&import.tree)),
            _ => None,
        });
        let name = &path[index];
        let bound = |import: &Import| {
            import.name == *name && import.path.first().is_some_and(|one| one != name)
        };
        match uses.flatten().find(bound) {
            Some(Import { path: mut of, .. }) => {
                of.extend_from_slice(&path[index + 1..]);
                self.leave(&at, &of, depth + 1)
            }
            // as it is written it begins with the name of a crate
            None => (index == 0).then(|| path.to_vec()),
        }
    }

    fn add(&mut self, path: ModulePath, items: Vec<Item>, folder: &Path) -> Result<()> {
        let mut kept = Vec::new();
        for item in items {
            match item {
                Item::Mod(module) if is_tested(&module.attrs) => {}
                Item::Mod(module) => kept.push(Item::Mod(self.add_child(&path, module, folder)?)),
                // its struct is as it would be without the macro
                Item::Macro(item) if item.mac.path.is_ident("pin_project") => {
                    kept.extend(item.mac.parse_body_with(parse_items)?);
                }
                item => kept.push(item),
            }
        }
        self.0.insert(path, kept);
        Ok(())
    }

    /// Adds a module, and gives its declaration back without its items.
    fn add_child(
        &mut self,
        parent: &ModulePath,
        mut module: ItemMod,
        folder: &Path,
    ) -> Result<ItemMod> {
        let name = module.ident.to_string();
        let path = [parent.as_slice(), std::slice::from_ref(&name)].concat();
        let inside = folder.join(&name);
        let items = match module.content.take() {
            Some((_, items)) => items,
            None => items(&file_of(folder, &name))?,
        };
        self.add(path, items, &inside)?;
        Ok(module)
    }
}

fn parse_items(input: syn::parse::ParseStream<'_>) -> syn::Result<Vec<Item>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(input.parse()?);
    }
    Ok(items)
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(format!("{name}.rs"));
    if file.is_file() {
        file
    } else {
        folder.join(name).join("mod.rs")
    }
}

fn items(file: &Path) -> Result<Vec<Item>> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let parsed = syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(parsed.items)
}

/// The names that a `use` declares.
pub(super) fn imports(tree: &UseTree) -> Vec<Import> {
    let mut found = Vec::new();
    flatten(tree, &mut Vec::new(), &mut found);
    found
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<Import>) {
    let mut import = |path: Vec<String>, name: String| found.push(Import { path, name });
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            import(prefix.clone(), prefix.last().cloned().unwrap_or_default());
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            import(
                [prefix.as_slice(), std::slice::from_ref(&name)].concat(),
                name,
            );
        }
        UseTree::Rename(rename) => {
            let path = [prefix.as_slice(), &[rename.ident.to_string()]].concat();
            import(path, rename.rename.to_string());
        }
        UseTree::Glob(_) => import(prefix.clone(), "*".to_owned()),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, found);
            }
        }
    }
}

/// The name of an item that can be imported.
pub(super) fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The attributes and the visibility of an item.
pub(super) fn declared(item: &Item) -> Option<(&[Attribute], &Visibility)> {
    Some(match item {
        Item::Const(item) => (&item.attrs, &item.vis),
        Item::Enum(item) => (&item.attrs, &item.vis),
        Item::Fn(item) => (&item.attrs, &item.vis),
        Item::Mod(item) => (&item.attrs, &item.vis),
        Item::Static(item) => (&item.attrs, &item.vis),
        Item::Struct(item) => (&item.attrs, &item.vis),
        Item::Trait(item) => (&item.attrs, &item.vis),
        Item::Type(item) => (&item.attrs, &item.vis),
        Item::Union(item) => (&item.attrs, &item.vis),
        Item::Use(item) => (&item.attrs, &item.vis),
        _ => return None,
    })
}

/// True for public items that the documentation shows.
pub(super) fn is_public(attributes: &[Attribute], visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_)) && !is_hidden(attributes) && !is_tested(attributes)
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    list(attributes, "doc").any(|tokens| tokens == "hidden")
}

/// True for what only tests build.
fn is_tested(attributes: &[Attribute]) -> bool {
    list(attributes, "cfg").any(|tokens| {
        let mut words = tokens.split(|c: char| !c.is_alphanumeric());
        words.any(|word| word == "test" || word == "doctest")
    })
}

fn list<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = String> + 'a {
    let named = attributes
        .iter()
        .filter(move |one| one.path().is_ident(name));
    named.filter_map(|one| Some(one.meta.require_list().ok()?.tokens.to_string()))
}
