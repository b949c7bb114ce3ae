//! Lists of values that become shorter: `IN (…)`, rows of `VALUES`, `ARRAY[…]`.

/// Brackets that are followed; in deeper ones nothing becomes shorter.
const MAX_DEPTH: usize = 16;

/// Items of a list that are told apart; beyond that they all stay.
const MAX_SHAPES: usize = 4;

/// What a list does with its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// None: brackets of a call, of a subquery.
    No,
    /// Items of one shape become one: `IN (?)`, `IN (lower(?))`.
    Set,
    /// Neighbouring values become one: `(?, now(), ?)`.
    Row,
}

/// The brackets that are open, and how far the items in them have come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    levels: [Level; MAX_DEPTH],
    depth: usize,
    /// How many of the open brackets are of a list.
    active: usize,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    list: List,
    /// Rows of VALUES stand here, outside of brackets of their own.
    rows: bool,
    item: Item,
    shapes: [u64; MAX_SHAPES],
    count: usize,
    /// The item before was a value.
    after_value: bool,
}

/// An item of a list, from behind its comma.
#[derive(Clone, Copy, Debug, Default)]
struct Item {
    /// Where in the text it begins, its comma included.
    start: usize,
    /// Where its first token begins; 0 before that.
    token: usize,
    /// Nothing but values so far.
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

/// What the text becomes where an item ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Stay,
    /// It is cut to this length.
    Truncate(usize),
    /// It is cut to this length, and a value stands there.
    Value(usize),
}

impl Lists {
    /// True if something may become shorter here, so that tokens count.
    #[inline]
    fn is_active(&self) -> bool {
        self.active > 0 || self.level().rows
    }

    /// Forgets all that is open, and keeps the memory: a level is made anew when it opens.
    pub(super) fn clear(&mut self) {
        self.levels[0] = Level::default();
        (self.depth, self.active) = (0, 0);
    }

    /// True if rows of VALUES stand here.
    #[inline]
    pub(super) fn in_rows(&self) -> bool {
        self.level().rows
    }

    /// True at the begin of an item of a set: a bracket that opens here is a row's.
    pub(super) fn begins_item(&self) -> bool {
        let level = self.level();
        (level.list == List::Set || level.rows) && level.item.is_empty()
    }

    /// A value, or a word that stands for one, whose text begins there.
    #[inline]
    pub(super) fn value(&mut self, at: usize) {
        if self.is_active() {
            self.token(at, 1, false);
        }
    }

    /// Any other token, which makes its item more than a value.
    #[inline]
    pub(super) fn other(&mut self, at: usize, text: &str) {
        if self.is_active() {
            self.token(at, hash(text), true);
        }
    }

    /// VALUES: rows follow at this depth.
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

    /// Something that is no row stands where one could.
    pub(super) fn end_rows(&mut self) {
        if self.depth < MAX_DEPTH {
            self.levels[self.depth].rows = false;
        }
    }

    /// A bracket opens; its inside begins there in the text.
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

    /// A comma: an item ends. The text is `len` long, without the comma.
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

    /// The bracket closes, and with it its last item.
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

    /// A row of VALUES ends without a bracket of its own.
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

/// FNV-1a, which is enough: two shapes that are taken for one cost a row of the text.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn mix(left: u64, right: u64) -> u64 {
    (left.rotate_left(5) ^ right).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
