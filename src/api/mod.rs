//! Everything between the wire and the engine.
//!
//! `admission` bounds what is let in, `readiness` says whether the server can be used, `grpc` is
//! what clients speak to, `http` what a monitor looks at; `opening` looks at what a client begins with,
//! and `stopping` ends both listeners.
//!
//! Not here: any decision. The edge reads, lets in, passes on and answers.

pub mod admission;
pub mod grpc;
pub mod http;
mod opening;
pub mod readiness;
mod stopping;
