//! Lists of values, which the text shortens: `IN (…)`, rows of `VALUES`, `ARRAY[…]`. The text writer reports each token
//! and applies the returned edits.

/// The depth of brackets up to which lists are shortened.
const MAX_DEPTH: usize = 16;

/// The number of distinct item shapes that a list remembers. Items of further shapes are kept.
const MAX_SHAPES: usize = 4;

/// The kind of a list: how its items are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// No list: the brackets of a call or a subquery.
    No,
    /// Items of equal shape are merged: `IN (?)`, `IN (lower(?))`.
    Set,
    /// Adjacent values are merged: `(?, now(), ?)`.
    Row,
}

/// The stack of open brackets, with the current item of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    levels: [Level; MAX_DEPTH],
    depth: usize,
    /// The number of open brackets that are lists.
    active: usize,
}

/// An open bracket.
#[derive(Clone, Copy, Debug)]
struct Level {
    list: List,
    /// At this level, rows of VALUES follow, each in brackets.
    rows: bool,
    item: Item,
    shapes: [u64; MAX_SHAPES],
    count: usize,
    /// The previous item was a value.
    after_value: bool,
}

/// The current item of a list.
#[derive(Clone, Copy, Debug, Default)]
struct Item {
    /// The offset of the item in the text, including the comma before it.
    start: usize,
    /// The offset of the first token. 0 before it is read.
    token: usize,
    /// The item is more than a value.
    mixed: bool,
    shape: u64,
}

impl Item {
    fn is_empty(&self) -> bool {
        self.token == 0 && !self.mixed
    }
}

impl Default for Level {
    fn default() -> Self {
        Self {
            list: List::No,
            rows: false,
            item: Item::default(),
            shapes: [0; MAX_SHAPES],
            count: 0,
            after_value: false,
        }
    }
}

/// The change to the text at the end of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// No change.
    Stay,
    /// Truncate to this length.
    Truncate(usize),
    /// Truncate to this length and append `?`.
    Value(usize),
}

impl Lists {
    /// Returns true inside a list, where the shape of items matters.
    #[inline]
    fn is_active(&self) -> bool {
        self.active > 0 || self.level().rows
    }

    /// Closes all brackets. Levels are reset when they open.
    pub(super) fn clear(&mut self) {
        self.levels[0] = Level::default();
        (self.depth, self.active) = (0, 0);
    }

    /// Returns true where a row of VALUES may follow.
    #[inline]
    pub(super) fn in_rows(&self) -> bool {
        self.level().rows
    }

    /// Returns true at the start of an item of a set, where a bracket opens a row.
    pub(super) fn begins_item(&self) -> bool {
        let level = self.level();
        (level.list == List::Set || level.rows) && level.item.is_empty()
    }

    /// Reports a value, or a keyword such as NULL, at an offset of the text.
    #[inline]
    pub(super) fn value(&mut self, at: usize) {
        if self.is_active() {
            self.token(at, 1, false);
        }
    }

    /// Reports any other token.
    #[inline]
    pub(super) fn other(&mut self, at: usize, text: &str) {
        if self.is_active() {
            self.token(at, hash(text), true);
        }
    }

    /// Reports VALUES: rows follow at this depth.
    pub(super) fn begin_rows(&mut self, at: usize) {
        if self.depth < MAX_DEPTH {
            let level = &mut self.levels[self.depth];
            level.rows = true;
            level.count = 0;
            level.item = Item {
                start: at,
                ..Item::default()
            };
        }
    }

    /// Reports the end of the rows at this depth.
    pub(super) fn end_rows(&mut self) {
        if self.depth < MAX_DEPTH {
            self.levels[self.depth].rows = false;
        }
    }

    /// Reports an opening bracket; `inside` is the offset after it.
    pub(super) fn open(&mut self, list: List, inside: usize) {
        self.depth += 1;
        if self.depth < MAX_DEPTH {
            self.levels[self.depth] = Level {
                list,
                item: Item {
                    start: inside,
                    ..Item::default()
                },
                ..Level::default()
            };
            self.active += usize::from(list != List::No);
        }
    }

    /// Reports a comma, which ends an item. `len` is the length of the text before it.
    pub(super) fn comma(&mut self, len: usize) -> Edit {
        if self.depth >= MAX_DEPTH {
            return Edit::Stay;
        }
        let edit = self.end_item();
        let level = &mut self.levels[self.depth];
        if level.list == List::No && !level.rows {
            level.item.shape = mix(level.item.shape, 3);
        } else {
            level.item = Item {
                start: edit.len(len),
                ..Item::default()
            };
        }
        edit
    }

    /// Reports a closing bracket, which ends its last item.
    pub(super) fn close(&mut self) -> Edit {
        let edit = self.end_item();
        if self.depth == 0 {
            return edit;
        }
        let (mut shape, mut pure) = (0, false);
        if self.depth < MAX_DEPTH {
            let level = &self.levels[self.depth];
            self.active -= usize::from(level.list != List::No);
            pure = level.list == List::Row && level.count == 1 && level.shapes[0] == 1;
            for part in &level.shapes[..level.count.min(MAX_SHAPES)] {
                shape = mix(shape, *part);
            }
            if level.list == List::No {
                shape = level.item.shape;
            }
        }
        self.depth -= 1;
        if self.depth < MAX_DEPTH {
            let item = &mut self.levels[self.depth].item;
            item.shape = mix(item.shape, mix(shape, 2 + u64::from(pure)));
            item.mixed = true;
        }
        edit
    }

    /// Ends the current item of the rows of VALUES.
    pub(super) fn end_row(&mut self) -> Edit {
        self.end_item()
    }

    fn level(&self) -> &Level {
        &self.levels[self.depth.min(MAX_DEPTH - 1)]
    }

    fn token(&mut self, at: usize, shape: u64, mixed: bool) {
        if self.depth >= MAX_DEPTH {
            return;
        }
        let item = &mut self.levels[self.depth].item;
        if item.token == 0 {
            item.token = at;
        } else {
            item.mixed = true;
        }
        item.mixed |= mixed;
        item.shape = mix(item.shape, shape);
    }

    fn end_item(&mut self) -> Edit {
        if self.depth >= MAX_DEPTH {
            return Edit::Stay;
        }
        let level = &mut self.levels[self.depth];
        let item = level.item;
        if (level.list == List::No && !level.rows) || item.is_empty() {
            return Edit::Stay;
        }
        let value = !item.mixed;
        let shape = if value { 1 } else { item.shape };
        let again = if level.list == List::Row {
            value && level.after_value
        } else {
            level.shapes[..level.count].contains(&shape)
        };
        level.after_value = value;
        if again {
            return Edit::Truncate(item.start);
        }
        if level.count < MAX_SHAPES {
            level.shapes[level.count] = shape;
            level.count += 1;
        } else if level.list == List::Row {
            level.shapes[0] = mix(level.shapes[0], shape);
        }
        if value {
            Edit::Value(item.token)
        } else {
            Edit::Stay
        }
    }
}

impl Edit {
    fn len(self, before: usize) -> usize {
        match self {
            Self::Stay => before,
            Self::Truncate(len) => len,
            Self::Value(len) => len + 1,
        }
    }
}

/// FNV-1a. A collision only merges two rows of the text.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn mix(left: u64, right: u64) -> u64 {
    (left.rotate_left(5) ^ right).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
