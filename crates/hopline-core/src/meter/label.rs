//! Strings of attributes that outlive the text from which they are read, shared by a thread's operations.

use std::cell::RefCell;
use std::sync::Arc;

/// Places of a thread's table. A string that finds none replaces another one.
const PLACES: usize = 256;

/// Places at which a string may be.
const PROBES: usize = 4;

thread_local! {
    /// Empty until the thread's first measured operation. Borrowed during a look-up, which calls nothing.
    static LABELS: RefCell<Vec<Option<Arc<str>>>> = const { RefCell::new(Vec::new()) };
}

/// A shared copy of a string for an attribute. Allocates only if the thread has none yet.
///
/// For edges whose operation ends after the string is gone: a table's name, a queue, the code of an error. A thread keeps up to 256
/// strings. Use it for strings of few values.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use hopline_core::metrics::label;
///
/// let table = label("orders");
/// assert_eq!(&*table, "orders");
/// assert!(Arc::ptr_eq(&table, &label("orders")));
/// ```
pub fn label(text: &str) -> Arc<str> {
    let known = LABELS.try_with(|labels| look_up(&mut labels.borrow_mut(), text));
    // there is no table while the thread ends
    known.unwrap_or_else(|_| text.into())
}

fn look_up(labels: &mut Vec<Option<Arc<str>>>, text: &str) -> Arc<str> {
    if labels.is_empty() {
        labels.resize(PLACES, None);
    }
    let first = hash(text);
    let places = (first..first + PROBES).map(|place| place % PLACES);
    let mut free = first % PLACES;
    for place in places {
        match &labels[place] {
            Some(known) if **known == *text => return known.clone(),
            Some(_) => {}
            None => {
                free = place;
                break;
            }
        }
    }
    let shared: Arc<str> = text.into();
    labels[free] = Some(shared.clone());
    shared
}

/// FNV-1a, folded to a place.
fn hash(text: &str) -> usize {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash >> 32) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_shared_and_the_table_bounded() {
        let first = label("orders");
        assert!(Arc::ptr_eq(&first, &label("orders")));
        assert_eq!(&*label(""), "");
        for number in 0..10_000 {
            let text = format!("table_{number}");
            assert_eq!(*label(&text), text);
        }
        let places = LABELS.with_borrow(Vec::len);
        assert_eq!(places, PLACES);
    }
}
