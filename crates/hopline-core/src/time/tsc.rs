//! The processor's time-stamp counter, where there is one to be trusted.

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
        /// None unless the kernel keeps time by it: the kernel knows whether this machine's can be trusted.
        pub(crate) fn new() -> Option<Self> {
            const KERNELS: &str =
                "/sys/devices/system/clocksource/clocksource0/current_clocksource";
            let source = std::fs::read_to_string(KERNELS).ok()?;
            (source.trim() == "tsc").then(|| {
                // compared with the kernel's clock for some milliseconds, once in a process
                let clock = Clock::new();
                let base = clock.raw();
                Self { clock, base }
            })
        }

        /// Nanoseconds since it was made.
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
