//! What a server left behind that knew only format 1 of records.
//!
//! Written down once more, apart from the program, which only reads it by now.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use holdfast::archive::{Archive, FjallArchive};
use holdfast::codec::archive_frame::Totals;
use holdfast::codec::entry::Entry;
use holdfast::codec::records::Format;
use holdfast::codec::snapshot_block::Encoder;
use holdfast::codec::v1;
use holdfast::domain::entity::{Aggregate, Entity};
use holdfast::domain::ids::{EntityKey, Position};
use holdfast::domain::reservation::Reservation;
use holdfast::domain::sales_order::SalesOrder;
use holdfast::domain::stock_balance::StockBalance;
use holdfast::domain::view::View;
use holdfast::recovery::AnyEntity;
use holdfast::snapshot::{FileStore, SnapshotStore};
use serde::Serialize;
use uuid::Uuid;

/// The record of an entity.
pub fn record(entity: &AnyEntity) -> Vec<u8> {
    match entity {
        AnyEntity::StockBalance(entity) => with_state(entity, balance(&entity.state)),
        AnyEntity::Reservation(entity) => with_state(entity, reservation(&entity.state)),
        AnyEntity::SalesOrder(entity) => with_state(entity, order(&entity.state)),
        AnyEntity::Calendar(_) => panic!("calendars came later"),
    }
}

fn with_state<A>(entity: &Entity<A>, state: impl Serialize) -> Vec<u8> {
    let creation = entity.creation.map(|creation| (creation.fingerprint, creation.position));
    let requests = entity.requests.iter();
    let requests: Vec<_> = requests
        .map(|known| (known.id, known.fingerprint, known.version, known.position, known.time))
        .collect();
    let Entity { version, position, landmark, .. } = *entity;
    v1::encode(&(state, version, position, landmark, creation, requests))
}

fn balance(state: &StockBalance) -> impl Serialize + use<'_> {
    let View::StockBalance(view) = state.view() else { panic!("no balance") };
    let (created, figures) = (state.summary().created, view.figures);
    let claims: BTreeMap<_, _> = state.claims().map(|claim| (claim.reservation, claim)).collect();
    (created, view.updated, figures.on_hand, figures.held, claims)
}

fn reservation(state: &Reservation) -> impl Serialize + use<'_> {
    state.details().map(|details| {
        (
            details.state,
            &details.lines,
            details.deadline,
            &details.customer,
            &details.external_reference,
            &details.attributes,
            details.owner,
            &details.cancel_reason,
            details.created,
            details.updated,
            details.claims_version,
        )
    })
}

fn order(state: &SalesOrder) -> impl Serialize + use<'_> {
    state.details().map(|details| {
        (
            details.state,
            &details.customer,
            details.currency,
            &details.lines,
            details.total,
            &details.refusal,
            &details.cancel_reason,
            details.is_released,
            details.created,
            details.updated,
        )
    })
}

fn converted_back((key, record): &Entry) -> Entry {
    let kind = v1::decode::<EntityKey>(key).unwrap().kind();
    let entity = AnyEntity::decode(kind, Format::CURRENT, record).unwrap();
    (key.clone(), self::record(&entity))
}

/// Puts what format 1 had in the place of all snapshots.
pub fn put_back_snapshots(folder: &Path, log_id: Uuid) {
    let store = FileStore::open(folder, log_id).unwrap();
    for position in store.list().unwrap() {
        let bytes = snapshot(&store, position);
        fs::write(store.path(position), bytes).unwrap();
        assert_eq!(store.open(position).unwrap().format(), Format::One);
    }
}

fn snapshot(store: &FileStore, position: Position) -> Vec<u8> {
    let mut source = store.open(position).unwrap();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(source.header(), &mut bytes);
    while let Some(entry) = source.next().unwrap() {
        let (key, record) = converted_back(&entry);
        encoder.put(&key, &record, &mut bytes).unwrap();
    }
    encoder.finish(source.finish().unwrap().end, &mut bytes);
    with_version_1(bytes)
}

const HEADER_BYTES: usize = 40;
const HEAD_BYTES: usize = 32;

/// The header's version is under its own checksum, and that under those of all heads.
fn with_version_1(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[8] = 1;
    let header_crc = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]).to_le_bytes();
    bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&header_crc);
    let mut at = HEADER_BYTES;
    while at < bytes.len() {
        let head = &mut bytes[at..at + HEAD_BYTES];
        let head_crc = crc32c::crc32c_append(crc32c::crc32c(&header_crc), &head[..HEAD_BYTES - 4]);
        head[HEAD_BYTES - 4..].copy_from_slice(&head_crc.to_le_bytes());
        let stored_len = u32::from_le_bytes(head[20..24].try_into().unwrap());
        at += HEAD_BYTES + stored_len as usize;
    }
    bytes
}

/// The archive's own tree, behind its back.
pub struct Frames {
    database: Database,
    pub records: Keyspace,
    pub totals: Keyspace,
}

impl Frames {
    pub fn open(folder: &Path) -> Self {
        let database = Database::builder(folder.join("archive")).open().unwrap();
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        Self { records: keyspace("records"), totals: keyspace("totals"), database }
    }

    /// The versions of all frames, the totals last.
    pub fn versions(&self) -> Vec<u8> {
        let frames = self.records.iter().chain(self.totals.iter());
        frames.map(|entry| entry.value().unwrap()[0]).collect()
    }

    pub fn put(&self, keyspace: &Keyspace, key: &[u8], frame: Vec<u8>) {
        keyspace.insert(key, frame).unwrap();
        self.database.persist(PersistMode::SyncAll).unwrap();
    }
}

/// A value of the archive, or its totals, whose checksum has no key in it.
pub fn frame(key: &[u8], body: &[u8]) -> Vec<u8> {
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&[1]), key), body);
    [&[1], &crc.to_le_bytes()[..], body].concat()
}

/// Puts what format 1 had in the place of those records of the archive that `is_old` chooses by
/// their number, and of its totals.
pub fn put_back_archive(folder: &Path, is_old: impl Fn(usize) -> bool) {
    let mut current = Vec::new();
    let visit = &mut |key: &[u8], record: &[u8]| {
        current.push((key.to_vec(), record.to_vec()));
        ControlFlow::Continue(())
    };
    FjallArchive::open(folder).unwrap().for_each(visit).unwrap();
    let frames = Frames::open(folder);
    let mut totals = Totals::default();
    for (n, entry) in current.iter().enumerate() {
        let (key, record) = converted_back(entry);
        totals.add(&key, &record);
        if is_old(n) {
            frames.put(&frames.records, &key, frame(&key, &record));
        }
    }
    let body = [&totals.entities.to_le_bytes()[..], &totals.digest.to_bytes()].concat();
    frames.put(&frames.totals, b"totals", frame(b"", &body));
}
