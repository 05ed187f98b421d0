//! That the domain is right: examples, tables of states and commands, properties, and a small
//! world in which entities talk to each other and crash.
#![allow(clippy::unwrap_used)]

mod stage;
mod words;

mod process;
mod reservation_asking;
mod reservation_changing;
mod reservation_life;
mod retries;
mod sales_order;
mod stock_balance;
mod stock_claims;

mod calendar_bounds;
mod calendar_changes;
mod calendar_claims;
mod calendar_model;
mod calendar_rules;
mod calendar_steps;
mod times;

mod commit_model;
mod commit_parts;
mod commit_steps;

mod arbitrary;
mod model;
mod replay;

mod toy_facts;
mod toy_world;
