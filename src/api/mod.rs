//! The edge: what clients meet.

pub mod grpc;
