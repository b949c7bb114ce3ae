//! Ports for programs that cannot choose one by themselves, and ports on which nothing listens.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The ports that are offered. They are below those from which systems take ports for outgoing connections: such a
/// connection, of any test that runs meanwhile, could take a port between this call and its use.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Returns the first of `count` loopback ports in a row that are free, others at each call.
///
/// # Panics
///
/// If there are none.
pub fn free_ports(count: u16) -> u16 {
    // processes begin at different places; within a process nothing is offered twice, but after a whole round
    static OFFERED: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(7919);
    let places = u32::from(RANGE.end - RANGE.start - count);
    for _ in 0..places {
        let step = first.wrapping_add(OFFERED.fetch_add(u32::from(count), Relaxed));
        let port = RANGE.start + (step % places) as u16;
        if (port..port + count).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return port;
        }
    }
    panic!("there are no {count} free loopback ports in a row in {RANGE:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_not_offered_again() {
        let (five, one) = (free_ports(5), free_ports(1));
        assert!(!(five..five + 5).contains(&one));
        for port in (five..five + 5).chain([one]) {
            assert!(RANGE.contains(&port));
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, one)).unwrap();
        assert!((0..13_000).all(|_| free_ports(1) != one), "it is in use");
    }
}
