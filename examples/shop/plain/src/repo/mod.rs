//! All SQL of the shop.

pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod users;

#[cfg(test)]
mod tests;
