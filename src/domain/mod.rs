//! What is decided, without a clock, randomness, a thread or a disk.
//!
//! In reading order: the words (`name`, `ids`, `time`, `money`), what is said (`command`,
//! `wanted`,
//! `claim`, `event`, `rejection`, `view`), what every entity has in common (`request`,
//! `entity`), and the entities themselves (`stock_balance`, `calendar`, `reservation`, `sales_order` with
//! the `process` that drives it).
//!
//! Not here: actors, encoding, storage, the wire. Nothing in this folder knows of them.

pub mod ids;
pub mod money;
pub mod name;
pub mod time;

pub mod claim;
pub mod claims;
pub mod command;
pub mod event;
pub mod rejection;
pub mod view;
pub mod wanted;

pub mod entity;
pub mod request;

pub mod calendar;
pub mod process;
pub mod reservation;
pub mod sales_order;
pub mod stock_balance;
