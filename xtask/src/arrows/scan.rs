//! Paths in the tokens of a source: comments, texts and tests are none.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, LexError, TokenStream, TokenTree};

use super::Module;

/// Paths of its crate that a source file names.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Paths that it imports or names. Exports are no imports.
    pub(super) paths: BTreeSet<Path>,
    /// Exports from elsewhere, by the name here.
    pub(super) exports: BTreeMap<String, Path>,
    /// Modules that are compiled for tests only.
    pub(super) tests: BTreeSet<String>,
    children: BTreeSet<String>,
}

/// A path as written: how many modules up from the file's own, or from the root, and the names that follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path {
    /// None from the crate's root.
    up: Option<usize>,
    names: Vec<String>,
}

impl Path {
    /// The same from the root, of a path in this module.
    pub(super) fn absolute(&self, module: &[String]) -> Option<Module> {
        let mut base = match self.up {
            None => Module::new(),
            Some(up) => module.get(..module.len().checked_sub(up)?)?.to_vec(),
        };
        base.extend(self.names.iter().cloned());
        Some(base)
    }
}

impl Source {
    pub(super) fn parse(text: &str) -> Result<Self, LexError> {
        let tokens: Vec<TokenTree> = text.parse::<TokenStream>()?.into_iter().collect();
        let mut source = Self {
            children: children(&tokens),
            ..Self::default()
        };
        source.scan(&tokens, 0);
        Ok(source)
    }

    /// `depth`: how many modules the tokens are inside the file's own.
    fn scan(&mut self, tokens: &[TokenTree], depth: usize) {
        let mut at = 0;
        while at < tokens.len() {
            at = self.step(tokens, at, depth);
        }
    }

    /// Takes one item or token; gives where the next begins.
    fn step(&mut self, tokens: &[TokenTree], at: usize, depth: usize) -> usize {
        match &tokens[at] {
            TokenTree::Punct(mark) if mark.as_char() == '#' && is_test(tokens.get(at + 1)) => {
                self.skip_item(tokens, at + 2)
            }
            TokenTree::Ident(word) if word == "pub" => {
                let restricted = matches!(tokens.get(at + 1), Some(TokenTree::Group(_)));
                let next = at + 1 + usize::from(restricted);
                if is_word(tokens.get(next), "use") {
                    self.take_use(tokens, next + 1, depth, true)
                } else {
                    next
                }
            }
            TokenTree::Ident(word) if word == "use" => self.take_use(tokens, at + 1, depth, false),
            TokenTree::Ident(word) if word == "mod" => match tokens.get(at + 2) {
                Some(TokenTree::Group(body)) => {
                    self.scan(&inner(body), depth + 1);
                    at + 3
                }
                _ => at + 2,
            },
            TokenTree::Ident(_) => {
                let (names, next) = names(tokens, at);
                if names.len() > 1
                    && let Some(path) = self.path(names, depth)
                {
                    self.paths.insert(path);
                }
                next
            }
            TokenTree::Group(group) => {
                self.scan(&inner(group), depth);
                at + 1
            }
            _ => at + 1,
        }
    }

    /// A path that begins in this crate. `super` is counted from the file's module.
    fn path(&self, mut names: Vec<String>, depth: usize) -> Option<Path> {
        let supers = names.iter().take_while(|name| *name == "super").count();
        let first = names.first()?.clone();
        let up = match first.as_str() {
            "crate" => {
                names.remove(0);
                None
            }
            "super" => {
                names.drain(..supers);
                Some(supers.checked_sub(depth)?)
            }
            "self" if depth == 0 => {
                names.remove(0);
                Some(0)
            }
            child if depth == 0 && self.children.contains(child) => Some(0),
            _ => return None,
        };
        Some(Path { up, names })
    }

    fn take_use(&mut self, tokens: &[TokenTree], at: usize, depth: usize, export: bool) -> usize {
        let is_end =
            |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ';');
        let len = tokens[at..]
            .iter()
            .position(is_end)
            .unwrap_or(tokens.len() - at);
        let mut found = Vec::new();
        tree(&tokens[at..at + len], &[], &mut found);
        for (names, alias) in found {
            let name = alias.or_else(|| names.last().cloned());
            if let (Some(path), Some(name)) = (self.path(names, depth), name) {
                if export && depth == 0 {
                    self.exports.insert(name, path);
                } else {
                    self.paths.insert(path);
                }
            }
        }
        at + len + 1
    }

    /// Skips an item for tests, whose name is kept if it is a module.
    fn skip_item(&mut self, tokens: &[TokenTree], mut at: usize) -> usize {
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Ident(word) if word == "mod" => {
                    if let Some(TokenTree::Ident(name)) = tokens.get(at) {
                        self.tests.insert(name.to_string());
                    }
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                TokenTree::Punct(mark) if mark.as_char() == ';' => break,
                _ => {}
            }
        }
        at
    }
}

/// `a::b::c` from here on; a single word is one name.
fn names(tokens: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        names.push(word.to_string());
        at += 1;
        if !is_colons(tokens, at) {
            break;
        }
        at += 2;
    }
    (names, at)
}

/// The paths of a use tree, each with the name that `as` gives it.
fn tree(tokens: &[TokenTree], before: &[String], found: &mut Vec<(Vec<String>, Option<String>)>) {
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
    for part in tokens.split(is_comma) {
        let (own, at) = names(part, 0);
        let mut path = before.to_vec();
        path.extend(
            own.into_iter()
                .filter(|name| name != "self" || before.is_empty()),
        );
        match part.get(at) {
            Some(TokenTree::Group(group)) => tree(&inner(group), &path, found),
            Some(TokenTree::Ident(word)) if word == "as" => {
                let alias = part.get(at + 1).map(ToString::to_string);
                found.push((path, alias));
            }
            _ if path.is_empty() => {}
            _ => found.push((path, None)),
        }
    }
}

/// Modules that are declared here and have files of their own.
fn children(tokens: &[TokenTree]) -> BTreeSet<String> {
    let declared = tokens.windows(3).filter_map(|three| match three {
        [
            TokenTree::Ident(word),
            TokenTree::Ident(name),
            TokenTree::Punct(end),
        ] if word == "mod" && end.as_char() == ';' => Some(name.to_string()),
        _ => None,
    });
    declared.collect()
}

/// `[cfg(test)]`, or a condition that holds in tests only.
fn is_test(attribute: Option<&TokenTree>) -> bool {
    let text = attribute.map(ToString::to_string).unwrap_or_default();
    let text = text.replace(' ', "");
    text == "[cfg(test)]" || text.starts_with("[cfg(all(test")
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(found)) if found == word)
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let is_colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    is_colon(tokens.get(at)) && is_colon(tokens.get(at + 1))
}

fn inner(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}
