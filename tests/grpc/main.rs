//! The server end to end over gRPC, on a port and a folder of its own for each test.
#![allow(clippy::unwrap_used)]

#[path = "../support/requests.rs"]
mod requests;
#[path = "../support/server.rs"]
mod server;

mod calendars;
mod changes;
mod edge;
mod events;
mod listings;
mod orders;
mod parts;
mod pipelines;
mod refusals;
mod reservations;
mod retries;
mod stays;
mod stocks;
mod stopping;
mod storage;
mod tenants;
