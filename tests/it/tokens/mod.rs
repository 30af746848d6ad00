//! Tokens over HTTP: what is let in, what is not, and what a changed configuration makes of both.

mod attacks;
pub mod forge;
mod providers;
mod reloading;
