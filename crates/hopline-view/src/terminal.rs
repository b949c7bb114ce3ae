//! The terminal of an application: each finished request as a block of text, with a link to its page.
//! An application adds its sink in place of `View::sink`; `printer` does the writing.

use std::io::{self, Write};

use crate::printer::Printer;
use crate::search::Search;
use crate::sink::ViewSink;
use crate::view::View;

/// Prints the traces of this process on the terminal, one block for each request, and fills the viewer with them.
/// [`View::terminal`] makes it.
///
/// A block is written in one call, 50 ms after the last span of the trace has ended, so requests that run at the same time
/// never mix. A trace that gets spans later, such as from a consumer of a queue, is printed again as a whole. A block has the
/// spans of other services too, as far as the viewer holds them.
///
/// # Examples
///
/// ```
/// use hopline_core::{Incoming, SpanBuilder, Tracer};
/// use hopline_view::View;
///
/// let view = View::new();
/// let terminal = view.terminal().link("http://127.0.0.1:3000").only("status:error >200ms".parse()?);
/// let tracer = Tracer::builder().sink(terminal.sink()).build();
///
/// SpanBuilder::new("GET /orders").tracer(&tracer).parent(Incoming::default()).start().end(); // too fast to be printed
/// tracer.flush(std::time::Duration::from_secs(5))?;
/// assert_eq!(view.counts().spans, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Terminal {
    view: View,
    printer: Printer,
}

impl View {
    /// Creates the settings of a sink that fills this viewer and prints each request on standard output.
    ///
    /// # Examples
    ///
    /// ```
    /// let view = hopline_view::View::new();
    /// let terminal = view.terminal().lines(20);
    /// let tracer = hopline_core::Tracer::builder().sink(terminal.sink()).build();
    /// ```
    pub fn terminal(&self) -> Terminal {
        Terminal {
            view: self.clone(),
            printer: Printer::new(Box::new(io::stdout())),
        }
    }
}

impl Terminal {
    /// Adds a link to each block. `application` is the URL of an application that serves the page, such as
    /// `http://127.0.0.1:3000`. Defaults to no link, and the block has the trace id.
    #[must_use]
    pub fn link(mut self, application: &str) -> Self {
        let application = application.trim_end_matches('/');
        self.printer.link = Some(format!("{application}{}", crate::mount::MOUNT));
        self
    }

    /// Prints only traces that match. Defaults to all.
    #[must_use]
    pub fn only(mut self, search: Search) -> Self {
        self.printer.only = search;
        self
    }

    /// Limits a block to `n` lines; a last line has the number of omitted ones. Defaults to 40.
    #[must_use]
    pub fn lines(mut self, n: usize) -> Self {
        self.printer.options = self.printer.options.max_lines(n);
        self
    }

    /// Sets the columns of a block, at least 60. Defaults to 110.
    #[must_use]
    pub fn width(mut self, columns: usize) -> Self {
        self.printer.options = self.printer.options.width(columns);
        self
    }

    /// Writes to `out` in place of standard output. While it blocks, spans wait for the viewer, and those that do not fit its
    /// queue are dropped and counted; no request waits.
    #[must_use]
    pub fn to(mut self, out: impl Write + Send + 'static) -> Self {
        self.printer.out = Some(Box::new(out));
        self
    }

    /// Starts the thread of the sink. A flush prints what still waits.
    pub fn sink(self) -> ViewSink {
        ViewSink::new(&self.view, Some(self.printer))
    }
}
