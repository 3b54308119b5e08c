//! Compiled models and the bundles that hold them, against real shared libraries. They are built by a child process,
//! and a child holds its parent's file locks until it runs: so these tests share no process with others.

#[cfg(test)]
mod bundles;
#[cfg(test)]
mod draft;
#[cfg(test)]
mod model;
#[cfg(test)]
mod trees;
