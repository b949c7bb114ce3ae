//! The processor's time-stamp counter, if it is reliable on this machine.
//! Two readings of the standard clock are about half of the cost of a span, so this one is read directly.

#[cfg(all(feature = "tsc", target_arch = "x86_64", target_os = "linux"))]
pub(crate) use here::Counter;
#[cfg(not(all(feature = "tsc", target_arch = "x86_64", target_os = "linux")))]
pub(crate) use nowhere::Counter;

#[cfg(all(feature = "tsc", target_arch = "x86_64", target_os = "linux"))]
mod here {
    use quanta::Clock;

    #[derive(Debug)]
    pub(crate) struct Counter {
        clock: Clock,
        base: u64,
    }

    impl Counter {
        /// `None` unless it is the clock source of the kernel, which tests whether the counter of this machine is
        /// constant and equal on all cores.
        pub(crate) fn new() -> Option<Self> {
            const KERNELS: &str =
                "/sys/devices/system/clocksource/clocksource0/current_clocksource";
            let source = std::fs::read_to_string(KERNELS).ok()?;
            (source.trim() == "tsc").then(|| {
                // calibrates against the clock of the kernel for some milliseconds, once per process
                let clock = Clock::new();
                let base = clock.raw();
                Self { clock, base }
            })
        }

        /// Nanoseconds since its creation.
        #[inline]
        pub(crate) fn nanos(&self) -> i64 {
            self.clock.delta_as_nanos(self.base, self.clock.raw()) as i64
        }
    }
}

#[cfg(not(all(feature = "tsc", target_arch = "x86_64", target_os = "linux")))]
mod nowhere {
    #[derive(Debug)]
    pub(crate) enum Counter {}

    impl Counter {
        pub(crate) fn new() -> Option<Self> {
            None
        }

        pub(crate) fn nanos(&self) -> i64 {
            match *self {}
        }
    }
}
