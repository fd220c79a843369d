//! The C layouts of raft_core.h.

use std::ptr;

use raft::eraftpb::Entry;

pub struct EntrySink {
    pub entries: Vec<Entry>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CBytes {
    pub data: *const u8,
    pub size: usize,
}

impl CBytes {
    pub fn of(bytes: &[u8]) -> Self {
        CBytes { data: bytes.as_ptr(), size: bytes.len() }
    }

    pub const fn empty() -> Self {
        CBytes { data: ptr::null(), size: 0 }
    }

    /// # Safety
    /// `data` is readable for `size` bytes, or null.
    pub unsafe fn to_vec(self) -> Vec<u8> {
        bytes_of(self.data, self.size).to_vec()
    }
}

/// # Safety
/// `data` is readable for `size` bytes, or null.
pub unsafe fn bytes_of<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if data.is_null() || size == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, size)
    }
}

#[repr(C)]
pub struct CEntry {
    pub term: u64,
    pub index: u64,
    pub kind: u32,
    pub data: CBytes,
    pub context: CBytes,
}

impl CEntry {
    pub fn of(entry: &Entry) -> Self {
        CEntry {
            term: entry.term,
            index: entry.index,
            kind: entry.entry_type as u32,
            data: CBytes::of(&entry.data),
            context: CBytes::of(&entry.context),
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct CHardState {
    pub term: u64,
    pub vote: u64,
    pub commit: u64,
}

#[repr(C)]
pub struct COptions {
    pub id: u64,
    pub applied: u64,
    pub election_ticks: u32,
    pub heartbeat_ticks: u32,
    pub message_bytes_max: u64,
    pub uncommitted_bytes_max: u64,
    pub committed_bytes_max: u64,
    pub seed: u64,
    pub hard_state: CHardState,
    pub conf_state: CBytes,
}

#[repr(C)]
pub struct CSnapshot {
    pub index: u64,
    pub term: u64,
    pub conf_state: CBytes,
}

#[repr(C)]
pub struct CMessage {
    pub to: u64,
    pub bytes: CBytes,
}

#[repr(C)]
pub struct CReadState {
    pub index: u64,
    pub request: u64,
}

#[repr(C)]
pub struct CView {
    pub messages: *const CMessage,
    pub messages_count: usize,
    pub entries: *const CEntry,
    pub entries_count: usize,
    pub must_sync: u32,
    pub has_hard_state: u32,
    pub hard_state: CHardState,
    pub persisted_messages: *const CMessage,
    pub persisted_messages_count: usize,
    pub committed: *const CEntry,
    pub committed_count: usize,
    pub read_states: *const CReadState,
    pub read_states_count: usize,
    pub has_snapshot: u32,
    pub snapshot_index: u64,
    pub snapshot_term: u64,
    pub snapshot_conf_state: CBytes,
    pub snapshot_data: CBytes,
}

#[repr(C)]
pub struct CStatus {
    pub term: u64,
    pub vote: u64,
    pub commit: u64,
    pub applied: u64,
    pub last_index: u64,
    pub leader_id: u64,
    pub is_leader: u32,
    pub committed_in_term: u32,
    pub is_singleton: u32,
    pub randomized_election_ticks: u32,
    pub members_count: u32,
    pub is_promotable: u32,
    pub lead_transferee: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CMember {
    pub id: u64,
    pub matched: u64,
    pub is_voter: u32,
    pub is_active: u32,
}

#[repr(C)]
pub struct CMessageHeader {
    pub kind: u32,
    pub from: u64,
    pub to: u64,
    pub term: u64,
}
