//! The core's view of the log: C callbacks behind the `Storage` trait.

use std::ffi::c_void;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};

use crate::abi::{CEntry, EntrySink};

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

    // The state lives in the same store as the log and is streamed outside the core; until that exists a peer that
    // is behind the log waits.
    fn snapshot(&self, _request_index: u64, _to: u64) -> Result<Snapshot> {
        Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
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
