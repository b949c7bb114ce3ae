//! `baggage`: the input's lines are its field lines.

use hopline_core::{Baggage, Incoming};

use crate::lines::Lines;

/// It is bounded, leaves out only whole members and counts them, and what is sent of it arrives as it is.
pub fn baggage(data: &[u8]) {
    let lines = Lines::of("baggage", data);
    let (baggage, dropped) = Baggage::parse(lines.values("baggage"));
    assert_eq!(Incoming::extract(&lines).baggage, baggage);
    let sent = baggage.to_string();
    assert!(baggage.len() <= 64 && sent.len() <= 8192);
    assert!(
        sent.bytes().all(|byte| (0x21..0x7f).contains(&byte)),
        "{sent}"
    );
    assert_eq!(
        lines.members("baggage").count(),
        baggage.len() + dropped as usize,
        "each member is kept or counted"
    );
    let (received, lost) = Baggage::parse([sent.as_bytes()]);
    assert_eq!((&received, lost), (&baggage, 0), "{sent}");
    assert_eq!(received.to_string(), sent);
    change(&baggage);
}

fn change(baggage: &Baggage) {
    let Some((key, value)) = baggage.iter().last() else {
        return;
    };
    let without = baggage.without(key);
    assert_eq!(without.get(key), None);
    let with = without
        .with(key, value)
        .expect("there is room for what was there");
    assert_eq!(with.get(key), Some(value));
    let (received, lost) = Baggage::parse([with.to_string().as_bytes()]);
    assert_eq!((received.get(key), lost), (Some(value), 0));
}
