//! The services, and what their messages mean.

mod event_request;
pub mod event_service;
mod event_view;

pub use event_service::{EventService, LastOf, Now};
