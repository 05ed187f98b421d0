//! Holdfast: a reservation server that never sells the same thing twice.
//!
//! # The path of a command
//!
//! ```text
//!  wire ─▶ api/grpc/*_service ─▶ validate ─▶ api/admission ─▶ actors/engine
//!                                                                │ Delivery
//!                                                                ▼
//!            actors/shard ─▶ actors/entity ─▶ domain: check, decide, evolve
//!                                  │
//!                                  ▼ append (events, answer)
//!            journal/queue ─▶ journal/writer ─▶ codec ─▶ journal/sled_store ─▶ disk
//!                                  │
//!                                  ├─▶ feed ─▶ subscribers
//!                                  └─▶ answer ─▶ api/grpc/convert ─▶ wire
//! ```
//!
//! # The folders, in reading order
//!
//! | folder | what is in it |
//! | --- | --- |
//! | [`domain`] | what is decided, without a clock, a thread or a disk |
//! | [`codec`] | how things look as bytes |
//! | [`journal`] | the one log: queue, group commit, pages on sled |
//! | [`snapshot`], [`archive`] | the state as files, and what has finished |
//! | [`recovery`] | from what is on disk to what is in memory |
//! | [`actors`] | where decisions are made |
//! | [`feed`] | how others follow the log |
//! | [`api`] | gRPC and HTTP |
//! | [`server`], [`config`], [`clock`], [`telemetry`] | the wiring, and what it needs |
//! | [`verify`] | whether a data folder keeps what is promised |
//! | [`cli`], [`client`] | the command line, and how it speaks to a server |
//!
//! Each depends only on those above it.

pub mod domain;

pub mod codec;

pub mod journal;

pub mod archive;
pub mod snapshot;

pub mod recovery;

pub mod clock;
pub mod config;
pub mod fatal;
pub mod telemetry;

pub mod actors;

pub mod feed;

pub mod api;
pub mod proto;

pub mod server;
pub mod verify;

pub mod cli;
pub mod client;
