//! A disk as the kernel asks for it, request by request.
//!
//! The kernel keeps pages for reading, and writes through: each `write` of a process is a request,
//! and so is each `fsync` or `fdatasync`. A `sync_file_range` isn't, since the kernel has nothing
//! that it would have to write.
//!
//! Not here: links, owners, permissions and times.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::content::Content;
use super::names::Names;
use super::platter::{Node, Platter, Refusal};

/// Nobody but the kernel changes anything, so it may remember for as long as it likes.
const REMEMBERED: Duration = Duration::from_secs(3_600);
const BLOCK: u32 = 4096;
/// Room enough that nobody asks for more.
const BLOCKS: u64 = 1 << 30;
const NO_HANDLE: FileHandle = FileHandle(0);

/// Answers the kernel.
pub struct Driver(pub Arc<Mutex<Platter>>);

impl From<Refusal> for Errno {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Dead => Self::EIO,
            Refusal::Missing => Self::ENOENT,
            Refusal::Exists => Self::EEXIST,
            Refusal::NotEmpty => Self::ENOTEMPTY,
            Refusal::WrongKind => Self::EINVAL,
            Refusal::OtherFolder => Self::EXDEV,
        }
    }
}

fn attributes(number: u64, node: &Node) -> FileAttr {
    let (kind, size) = match node {
        Node::File(content) => (FileType::RegularFile, content.seen().length()),
        Node::Folder(_) => (FileType::Directory, 0),
    };
    let at = SystemTime::UNIX_EPOCH;
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: at,
        mtime: at,
        ctime: at,
        crtime: at,
        kind,
        perm: if kind == FileType::Directory { 0o755 } else { 0o644 },
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

impl Driver {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    fn make(&self, folder: INodeNo, name: &OsStr, node: Node) -> Result<FileAttr, Refusal> {
        let mut platter = self.platter();
        let number = platter.make(folder.0, name, node)?;
        Ok(attributes(number, platter.node(number)?))
    }

    fn found(&self, folder: INodeNo, name: &OsStr) -> Result<FileAttr, Refusal> {
        let platter = self.platter();
        let number = platter.find(folder.0, name)?;
        Ok(attributes(number, platter.node(number)?))
    }

    fn resized(&self, file: INodeNo, length: Option<u64>) -> Result<FileAttr, Refusal> {
        let mut platter = self.platter();
        if let Some(length) = length {
            platter.resize(file.0, length)?;
        }
        Ok(attributes(file.0, platter.node(file.0)?))
    }

    fn rename(
        &self,
        (folder, from): (INodeNo, &OsStr),
        (new_folder, to): (INodeNo, &OsStr),
    ) -> Result<(), Refusal> {
        if folder != new_folder {
            return Err(Refusal::OtherFolder);
        }
        self.platter().rename(folder.0, from, to)
    }
}

fn entered(reply: ReplyEntry, made: Result<FileAttr, Refusal>) {
    match made {
        Ok(attributes) => reply.entry(&REMEMBERED, &attributes, Generation(0)),
        Err(refusal) => reply.error(refusal.into()),
    }
}

fn told(reply: ReplyAttr, found: Result<FileAttr, Refusal>) {
    match found {
        Ok(attributes) => reply.attr(&REMEMBERED, &attributes),
        Err(refusal) => reply.error(refusal.into()),
    }
}

fn done(reply: ReplyEmpty, result: Result<(), Refusal>) {
    match result {
        Ok(()) => reply.ok(),
        Err(refusal) => reply.error(refusal.into()),
    }
}

impl Filesystem for Driver {
    fn lookup(&self, _: &Request, folder: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entered(reply, self.found(folder, name));
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        told(reply, self.resized(node, None));
    }

    fn setattr(
        &self,
        _: &Request,
        node: INodeNo,
        _mode: Option<u32>,
        _owner: Option<u32>,
        _group: Option<u32>,
        length: Option<u64>,
        _read_at: Option<TimeOrNow>,
        _written_at: Option<TimeOrNow>,
        _changed_at: Option<SystemTime>,
        _: Option<FileHandle>,
        _made_at: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        told(reply, self.resized(node, length));
    }

    fn mkdir(
        &self,
        _: &Request,
        folder: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        entered(reply, self.make(folder, name, Node::Folder(Names::default())));
    }

    fn create(
        &self,
        _: &Request,
        folder: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.make(folder, name, Node::File(Content::default())) {
            Ok(attributes) => reply.created(
                &REMEMBERED,
                &attributes,
                Generation(0),
                NO_HANDLE,
                FopenFlags::FOPEN_KEEP_CACHE,
            ),
            Err(refusal) => reply.error(refusal.into()),
        }
    }

    fn unlink(&self, _: &Request, folder: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.platter().remove(folder.0, name));
    }

    fn rmdir(&self, _: &Request, folder: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.platter().remove(folder.0, name));
    }

    fn rename(
        &self,
        _: &Request,
        folder: INodeNo,
        from: &OsStr,
        new_folder: INodeNo,
        to: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        done(reply, self.rename((folder, from), (new_folder, to)));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(NO_HANDLE, FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn read(
        &self,
        _: &Request,
        file: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let platter = self.platter();
        match platter.content(file.0) {
            Ok(content) => reply.data(&content.seen().read(offset, u64::from(length))),
            Err(refusal) => reply.error(refusal.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        file: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.platter().write(file.0, offset, bytes) {
            Ok(()) => reply.written(bytes.len() as u32),
            Err(refusal) => reply.error(refusal.into()),
        }
    }

    fn fsync(&self, _: &Request, file: INodeNo, _: FileHandle, _data: bool, reply: ReplyEmpty) {
        done(reply, self.platter().sync_file(file.0));
    }

    fn fsyncdir(&self, _: &Request, node: INodeNo, _: FileHandle, _data: bool, reply: ReplyEmpty) {
        done(reply, self.platter().sync_folder(node.0));
    }

    /// Each name's node tells where to go on, so what is removed while a folder is listed hides
    /// nothing.
    fn readdir(
        &self,
        _: &Request,
        folder: INodeNo,
        _: FileHandle,
        after: u64,
        mut reply: ReplyDirectory,
    ) {
        let platter = self.platter();
        let names = match platter.names(folder.0) {
            Ok(names) => names.seen(),
            Err(refusal) => return reply.error(refusal.into()),
        };
        let mut rest: Vec<_> = names.iter().filter(|(_, node)| **node > after).collect();
        rest.sort_by_key(|(_, node)| **node);
        for (name, number) in rest {
            let kind = match platter.node(*number) {
                Ok(Node::Folder(_)) => FileType::Directory,
                _ => FileType::RegularFile,
            };
            if reply.add(INodeNo(*number), *number, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCK, 255, BLOCK);
    }
}
