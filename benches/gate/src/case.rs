//! Cases: the operations that are measured.

use std::fmt;

use hopline_core::Clock;

/// One thing that is measured: made ready once, then run as often as asked.
pub struct Case {
    name: String,
    over: Option<&'static str>,
    times: u64,
    processes: u32,
    make: Box<dyn Fn(&Clock) -> Work>,
}

impl Case {
    /// A case of this name. Its parts are parted by slashes, the largest first.
    pub fn new(name: impl Into<String>, make: impl Fn(&Clock) -> Work + 'static) -> Self {
        Self {
            name: name.into(),
            over: None,
            times: 500,
            processes: 1,
            make: Box::new(make),
        }
    }

    /// Its cost is what it costs more than the case of that name.
    #[must_use]
    pub fn over(mut self, bare: &'static str) -> Self {
        self.over = Some(bare);
        self
    }

    /// Sets the number of operations of a counted run. Defaults to 500.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Sets the number of processes in which its instructions are counted, for cases with other threads. Defaults to 1.
    /// Several where chance has a part in them.
    #[must_use]
    pub fn processes(mut self, processes: u32) -> Self {
        self.processes = processes;
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The case below it, whose cost is not its own.
    pub fn is_over(&self) -> Option<&'static str> {
        self.over
    }

    /// The number of operations of a counted run.
    pub fn operations(&self) -> u64 {
        self.times
    }

    /// In how many processes its instructions are counted.
    pub fn is_counted_in(&self) -> u32 {
        self.processes
    }

    /// Makes it ready. What records takes its times from this clock.
    pub fn make(&self, clock: &Clock) -> Work {
        (self.make)(clock)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

/// A case that is ready.
pub struct Work {
    run: Box<dyn FnMut(u64)>,
    settle: Box<dyn FnMut()>,
}

impl Work {
    /// Runs the operation a number of times.
    pub fn new(run: impl FnMut(u64) + 'static) -> Self {
        Self {
            run: Box::new(run),
            settle: Box::new(|| {}),
        }
    }

    /// Runs one operation at a time.
    pub fn each(mut operation: impl FnMut() + 'static) -> Self {
        Self::new(move |times| (0..times).for_each(|_| operation()))
    }

    /// Waits until background threads have finished their work.
    #[must_use]
    pub fn settled_by(mut self, settle: impl FnMut() + 'static) -> Self {
        self.settle = Box::new(settle);
        self
    }

    /// Runs the operation so often.
    pub fn run(&mut self, times: u64) {
        (self.run)(times);
    }

    /// Waits for the threads behind it.
    pub fn settle(&mut self) {
        (self.settle)();
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}
