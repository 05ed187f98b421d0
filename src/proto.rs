//! The wire's messages, services and clients, as generated from `proto/`.
//!
//! Their documentation is the comments of the proto files. The generated modules lie as their
//! packages do, since they name each other by that; `v1`, `Date` and `Money` are what others use.
//!
//! Not here: any code of our own. Conversion to and from the domain belongs to the edge.

pub use google::r#type::{Date, Money};
pub use holdfast::v1;

#[allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::large_futures, rustdoc::all)]
mod holdfast {
    pub mod v1 {
        tonic::include_proto!("holdfast.v1");
    }
}

#[allow(missing_docs, clippy::all, rustdoc::all)]
mod google {
    pub mod r#type {
        tonic::include_proto!("google.r#type");
    }
}

/// The description of every file, encoded: what server reflection tells.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/holdfast.fds"));
