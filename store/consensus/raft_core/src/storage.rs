//! The core's view of the log: C callbacks behind the `Storage` trait.

use std::ffi::c_void;

use protobuf::Message as _;
use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};

use crate::abi::{CBytes, CEntry, CSnapshot, EntrySink};

pub const OK: i32 = 0;
pub const COMPACTED: i32 = 1;
pub const UNAVAILABLE: i32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CStorage {
    pub owner: *mut c_void,
    pub first_index: extern "C" fn(*mut c_void) -> u64,
    pub last_index: extern "C" fn(*mut c_void) -> u64,
    pub term: extern "C" fn(*mut c_void, u64, *mut u64) -> i32,
    pub entries: extern "C" fn(*mut c_void, u64, u64, u64, *mut EntrySink) -> i32,
    pub snapshot: Option<extern "C" fn(*mut c_void, u64, *mut CSnapshot) -> i32>,
}

pub struct CallbackStorage {
    c: CStorage,
    initial: RaftState,
}

impl CallbackStorage {
    pub fn new(c: CStorage, hard_state: HardState, conf_state: ConfState) -> Self {
        CallbackStorage {
            c,
            initial: RaftState::new(hard_state, conf_state),
        }
    }
}

fn storage_error(code: i32, what: String) -> Error {
    match code {
        COMPACTED => Error::Store(StorageError::Compacted),
        UNAVAILABLE => Error::Store(StorageError::Unavailable),
        _ => Error::Store(StorageError::Other(what.into())),
    }
}

impl Storage for CallbackStorage {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(self.initial.clone())
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        let mut sink = EntrySink { entries: Vec::new() };
        let bytes_max = max_size.into().unwrap_or(u64::MAX);
        let code = (self.c.entries)(self.c.owner, low, high, bytes_max, &mut sink);
        if code != OK {
            return Err(storage_error(code, format!("reading log entries [{low}, {high})")));
        }
        // A gap handed to the core would be applied as if it were the log.
        let gapless = sink.entries.iter().zip(low..high).all(|(entry, index)| entry.index == index);
        if !gapless || (sink.entries.is_empty() && low < high) {
            return Err(storage_error(-1, format!("the log has a gap in [{low}, {high})")));
        }
        Ok(sink.entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        let mut term = 0;
        match (self.c.term)(self.c.owner, index, &mut term) {
            OK => Ok(term),
            code => Err(storage_error(code, format!("reading the term of log entry {index}"))),
        }
    }

    fn first_index(&self) -> Result<u64> {
        Ok((self.c.first_index)(self.c.owner))
    }

    fn last_index(&self) -> Result<u64> {
        Ok((self.c.last_index)(self.c.owner))
    }

    // The state lives in the same store as the log and is streamed outside the core: the core learns what it is a
    // snapshot of, nothing more.
    fn snapshot(&self, request_index: u64, to: u64) -> Result<Snapshot> {
        let not_now = || Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        let Some(callback) = self.c.snapshot else { return not_now() };
        let mut found = CSnapshot { index: 0, term: 0, conf_state: CBytes::empty() };
        if callback(self.c.owner, to, &mut found) != OK || found.index < request_index.max(1) {
            return not_now();
        }
        // SAFETY: the owner keeps the bytes readable until its next callback.
        let conf_state = unsafe { decode_members(&found.conf_state.to_vec()) };
        match conf_state {
            Ok(conf_state) => Ok(snapshot_of(found.index, found.term, conf_state)),
            Err(_) => not_now(),
        }
    }
}

/// Members that a core can be restored to. The core would panic on others.
pub fn decode_members(bytes: &[u8]) -> std::result::Result<ConfState, String> {
    let mut members = ConfState::default();
    members.merge_from_bytes(bytes).map_err(|e| e.to_string())?;
    let mut ids: Vec<u64> = members.voters.iter().chain(members.learners.iter()).copied().collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    if members.voters.is_empty() || ids.len() != count || ids[0] == 0 {
        return Err("no voters, or ids that are 0 or repeated".into());
    }
    if !members.voters_outgoing.is_empty() || !members.learners_next.is_empty() || members.auto_leave {
        return Err("members in the middle of a joint change".into());
    }
    Ok(members)
}

pub fn snapshot_of(index: u64, term: u64, members: ConfState) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let metadata = snapshot.mut_metadata();
    metadata.index = index;
    metadata.term = term;
    metadata.set_conf_state(members);
    snapshot
}

/// Copies a C entry.
///
/// # Safety
/// The pointers of `entry` are readable for their sizes.
pub unsafe fn copy_entry(entry: &CEntry) -> Entry {
    let mut copy = Entry::default();
    copy.entry_type = entry.kind as i32;
    copy.term = entry.term;
    copy.index = entry.index;
    copy.data = entry.data.to_vec();
    copy.context = entry.context.to_vec();
    copy
}
