//! The JSON API and the page.
//! `server` and `mount` each make a router for their listener; `guard` checks a request before any route does.
//!
//! `lists` answers for all traces, `traces` for one; `map`, `diff` and `why` compare traces, `import` adds some, `live`
//! streams changes, `page` serves files.

mod copied;
mod detail;
mod diff;
mod find;
mod import;
mod lists;
mod live;
mod logs;
mod map;
mod page;
mod params;
mod router;
mod rows;
mod span;
mod state;
mod traces;
mod why;

pub(crate) use router::router;
pub(crate) use state::About;
