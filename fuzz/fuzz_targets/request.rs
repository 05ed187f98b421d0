#![no_main]

use std::sync::OnceLock;

#[path = "../entries/mod.rs"]
mod entries;

use entries::Server;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start).request(data);
});
