//! One item as one line: its signature, without documentation and body.

use syn::{Attribute, Fields, File, Generics, Item, ItemImpl, Signature, Type, Visibility};

/// A function or method with this path instead of its name.
pub(super) fn function(attributes: &[Attribute], signature: &Signature, path: &str) -> String {
    let item = syn::ItemFn {
        attrs: kept(attributes),
        vis: Visibility::Inherited,
        sig: signature.clone(),
        block: Box::new(syn::Block {
            brace_token: syn::token::Brace::default(),
            stmts: Vec::new(),
        }),
    };
    let name = signature.ident.to_string();
    renamed(&line(Item::Fn(item)), "fn", &name, path)
}

/// The head of a struct, an enum, a trait or a type alias, with this path instead of its name.
pub(super) fn head(item: &Item, path: &str) -> Option<String> {
    let mut item = item.clone();
    let (word, name) = match &mut item {
        Item::Struct(item) => {
            strip(&mut item.attrs, &mut item.vis);
            item.fields = Fields::Unit;
            item.semi_token = Some(Default::default());
            ("struct", &item.ident)
        }
        Item::Enum(item) => {
            strip(&mut item.attrs, &mut item.vis);
            item.variants.clear();
            ("enum", &item.ident)
        }
        Item::Trait(item) => {
            strip(&mut item.attrs, &mut item.vis);
            item.items.clear();
            ("trait", &item.ident)
        }
        Item::Type(item) => {
            strip(&mut item.attrs, &mut item.vis);
            ("type", &item.ident)
        }
        _ => return None,
    };
    let name = name.to_string();
    Some(renamed(&line(item), word, &name, path))
}

/// A constant, a static or a field: its path and its type.
pub(super) fn typed(attributes: &[Attribute], word: &str, path: &str, of: &Type) -> String {
    let alias = syn::ItemType {
        attrs: kept(attributes),
        vis: Visibility::Inherited,
        type_token: Default::default(),
        ident: syn::Ident::new("X", proc_macro2::Span::call_site()),
        generics: Generics::default(),
        eq_token: Default::default(),
        ty: Box::new(of.clone()),
        semi_token: Default::default(),
    };
    line(Item::Type(alias)).replacen("type X =", &format!("{word} {path}:"), 1)
}

/// A variant with its fields.
pub(super) fn variant(variant: &syn::Variant, path: &str) -> String {
    let item = syn::ItemStruct {
        attrs: kept(&variant.attrs),
        vis: Visibility::Inherited,
        struct_token: Default::default(),
        ident: variant.ident.clone(),
        generics: Generics::default(),
        fields: variant.fields.clone(),
        semi_token: Some(Default::default()),
    };
    let name = variant.ident.to_string();
    renamed(&line(Item::Struct(item)), "struct", &name, path).replacen("struct", "variant", 1)
}

/// The head of an implementation.
pub(super) fn implementation(item: &ItemImpl) -> String {
    let mut item = item.clone();
    item.attrs = kept(&item.attrs);
    item.items.clear();
    line(Item::Impl(item))
}

/// The attributes that are part of a signature.
fn kept(attributes: &[Attribute]) -> Vec<Attribute> {
    let matters = |attribute: &&Attribute| {
        let path = attribute.path();
        path.is_ident("non_exhaustive") || path.is_ident("cfg")
    };
    let mut kept: Vec<Attribute> = attributes.iter().filter(matters).cloned().collect();
    kept.iter_mut()
        .for_each(|one| one.style = syn::AttrStyle::Outer);
    kept
}

fn strip(attributes: &mut Vec<Attribute>, visibility: &mut Visibility) {
    *attributes = kept(attributes);
    *visibility = Visibility::Inherited;
}

fn renamed(line: &str, word: &str, name: &str, path: &str) -> String {
    line.replacen(&format!("{word} {name}"), &format!("{word} {path}"), 1)
}

fn line(mut item: Item) -> String {
    if let Item::Struct(item) = &mut item {
        for field in &mut item.fields {
            field.attrs.clear();
        }
    }
    let file = File {
        shebang: None,
        attrs: Vec::new(),
        items: vec![item],
    };
    let text = prettyplease::unparse(&file);
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    for (long, short) in [
        ("( ", "("),
        (", )", ")"),
        ("< ", "<"),
        (", >", ">"),
        (", }", " }"),
        (", {}", ""),
        (" {}", ""),
        // of the body, not of the signature
        ("(mut self", "(self"),
    ] {
        line = line.replace(long, short);
    }
    line.trim_end_matches([';', ',']).to_owned()
}
