//! Everything that can go wrong, or just happen, around the server.

macro_rules! faults {
    ($($fault:ident => $name:literal,)*) => {
        #[derive(Debug, Clone, Copy)]
        pub enum Fault { $($fault,)* }

        impl Fault {
            pub const ALL: &[&str] = &[$($name,)*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)* }
            }
        }
    };
}

faults! {
    RequestLost => "request lost",
    AnswerLost => "answer lost",
    RequestLate => "request late",
    RequestTwice => "request twice",
    IdReused => "another content under a used id",
    RequestForgotten => "request id forgotten after a day",
    ThreadForgotten => "thread without turns",
    SlowDisk => "slow disk",
    WriteFailed => "write failed",
    SyncFailed => "sync failed",
    CrashUnderWay => "crash in the midst",
    CrashAtRest => "crash at rest",
    SuffixLost => "unsynced pages lost",
    SuffixKept => "unsynced pages kept",
    CommitTorn => "torn commit cut off",
    Rotated => "log rotated",
    Snapshot => "snapshot",
    SnapshotCutOff => "snapshot cut off by a crash",
    SnapshotFailed => "snapshot failed",
    SnapshotDamaged => "snapshot damaged",
    StartFromSnapshot => "start from a snapshot and a tail",
    StartFromZero => "start from zero",
    StartUnsettled => "start with claims or orders to settle",
    Archived => "entities in the archive",
    ArchiveFailed => "archive failed",
    ArchiveLost => "archive lost",
    Passive => "passive entities",
    LeapAhead => "clock ahead, believed",
    LeapFarAhead => "clock far ahead, expiry paused",
    LeapTakenBack => "clock set back to what is believed",
    LeapAccepted => "clock accepted by an operator",
    LeapBack => "clock back, believed",
    LeapFarBack => "clock far back",
    StartPaused => "start with a log from the future",
    DiskNearlyFull => "disk nearly full",
}
