//! Compiles the proto files, in Rust alone: no `protoc` has to be installed.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost_build::Config;
use protox::Compiler;

const PROTO_DIR: &str = "proto";
const FILES: [&str; 8] = [
    "holdfast/v1/common.proto",
    "holdfast/v1/stock.proto",
    "holdfast/v1/calendar.proto",
    "holdfast/v1/reservation.proto",
    "holdfast/v1/sales_order.proto",
    "holdfast/v1/event.proto",
    "holdfast/v1/admin.proto",
    "holdfast/v1/command_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO_DIR}");
    let mut compiler = Compiler::new([PROTO_DIR])?;
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;

    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("holdfast.fds"), compiler.encode_file_descriptor_set())?;

    let mut config = Config::new();
    // Attributes in a fixed order, so that equal messages have equal bytes.
    config.btree_map(["."]);
    // Type names, so that a message can be packed into an error's details.
    config.enable_type_names().type_name_domain(["."], "type.googleapis.com");
    // The status that tonic's own error details are made of.
    config.extern_path(".google.rpc", "::tonic_types::pb");
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}
