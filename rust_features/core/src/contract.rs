//! The protobuf messages of `proto/cart_recovery/v1`, generated in the build.

#![allow(missing_docs, clippy::pedantic, clippy::large_enum_variant)]

include!(concat!(env!("OUT_DIR"), "/cart_recovery.v1.rs"));
include!(concat!(env!("OUT_DIR"), "/names.rs"));
