//! The protobuf messages of `proto/cart_recovery/v1`, generated in the build.

#![allow(missing_docs, clippy::pedantic)]

include!(concat!(env!("OUT_DIR"), "/cart_recovery.v1.rs"));
