//! The C ABI of the Raft core; raft_core.h is its documentation. Every function catches panics.

mod abi;
mod core;
mod storage;

use std::ffi::{c_char, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

use protobuf::Message as _;
use raft::eraftpb::ConfState;

use crate::abi::{
    bytes_of, CBytes, CEntry, CMember, CMessageHeader, COptions, CSnapshot, CStatus, CView,
    EntrySink,
};
use crate::core::{Core, Failure, Outcome, INVALID};
use crate::storage::{copy_entry, CStorage};

const OK: i32 = 0;
const POISONED: i32 = 6;

#[allow(non_camel_case_types)]
pub struct raft_core {
    core: Core,
    poisoned: bool,
    last_error: CString,
}

fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_string()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "unknown panic".to_string()
    }
}

/// Runs `run` on the core, turning failures into codes and a panic into a poisoned core.
///
/// # Safety
/// `core` came from raft_core_create and is not used concurrently.
unsafe fn guard(core: *mut raft_core, run: impl FnOnce(&mut Core) -> Outcome) -> i32 {
    let Some(this) = core.as_mut() else { return INVALID };
    if this.poisoned {
        return POISONED;
    }
    let inner = &mut this.core;
    match catch_unwind(AssertUnwindSafe(|| run(inner))) {
        Ok(Ok(())) => OK,
        Ok(Err(Failure { code, message })) => {
            this.last_error = c_string(&message);
            code
        }
        Err(payload) => {
            this.poisoned = true;
            this.last_error = c_string(&format!("panic: {}", panic_text(payload.as_ref())));
            POISONED
        }
    }
}

unsafe fn write_error(text: &str, error: *mut c_char, error_size: usize) {
    if error.is_null() || error_size == 0 {
        return;
    }
    let size = text.len().min(error_size - 1);
    ptr::copy_nonoverlapping(text.as_ptr(), error.cast::<u8>(), size);
    *error.add(size) = 0;
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_create(
    options: *const COptions,
    storage: *const CStorage,
    error: *mut c_char,
    error_size: usize,
) -> *mut raft_core {
    let created = catch_unwind(AssertUnwindSafe(|| Core::create(&*options, *storage)));
    let message = match created {
        Ok(Ok(core)) => {
            let boxed = raft_core { core, poisoned: false, last_error: CString::default() };
            return Box::into_raw(Box::new(boxed));
        }
        Ok(Err(message)) => message,
        Err(payload) => format!("panic: {}", panic_text(payload.as_ref())),
    };
    write_error(&message, error, error_size);
    ptr::null_mut()
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_destroy(core: *mut raft_core) {
    if !core.is_null() {
        let owned = Box::from_raw(core);
        let _ = catch_unwind(AssertUnwindSafe(move || drop(owned)));
    }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_last_error(core: *const raft_core) -> *const c_char {
    match core.as_ref() {
        Some(this) => this.last_error.as_ptr(),
        None => b"\0".as_ptr().cast(),
    }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_push_entry(sink: *mut EntrySink, entry: *const CEntry) {
    // Called from inside a callback: a panic here (allocation only) aborts, as any failed allocation does.
    if let (Some(sink), Some(entry)) = (sink.as_mut(), entry.as_ref()) {
        sink.entries.push(copy_entry(entry));
    }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_tick(core: *mut raft_core) -> i32 {
    guard(core, |core| core.tick())
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_step(core: *mut raft_core, data: *const u8, size: usize) -> i32 {
    guard(core, |core| core.step(bytes_of(data, size)))
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_step_snapshot(
    core: *mut raft_core,
    from: u64,
    term: u64,
    snapshot: *const CSnapshot,
) -> i32 {
    guard(core, |core| {
        let snapshot = &*snapshot;
        let members = snapshot.conf_state.to_vec();
        core.step_snapshot(from, term, snapshot.index, snapshot.term, &members)
    })
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_campaign(core: *mut raft_core) -> i32 {
    guard(core, |core| core.campaign())
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_propose(
    core: *mut raft_core,
    commands: *const CBytes,
    count: usize,
    first_index: *mut u64,
) -> i32 {
    guard(core, |core| {
        if commands.is_null() || count == 0 {
            return Err(Failure { code: INVALID, message: "no command".into() });
        }
        let views = std::slice::from_raw_parts(commands, count);
        *first_index = core.propose(views.iter().map(|view| view.to_vec()).collect())?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_read_index(core: *mut raft_core, request: u64) -> i32 {
    guard(core, |core| core.read_index(request))
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_report_unreachable(core: *mut raft_core, id: u64) -> i32 {
    guard(core, |core| core.report_unreachable(id))
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_report_snapshot(core: *mut raft_core, id: u64, ok: i32) -> i32 {
    guard(core, |core| core.report_snapshot(id, ok != 0))
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_transfer_leader(core: *mut raft_core, to: u64) -> i32 {
    guard(core, |core| core.transfer_leader(to))
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_ready(
    core: *mut raft_core,
    view: *mut CView,
    has_ready: *mut u32,
) -> i32 {
    guard(core, |core| {
        *has_ready = 0;
        if let Some(filled) = core.ready()? {
            ptr::write(view, filled);
            *has_ready = 1;
        }
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_advance(core: *mut raft_core, view: *mut CView) -> i32 {
    guard(core, |core| {
        ptr::write(view, core.advance()?);
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_advance_apply(core: *mut raft_core) -> i32 {
    guard(core, |core| core.advance_apply())
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_propose_member(
    core: *mut raft_core,
    kind: u32,
    id: u64,
    context: CBytes,
    index: *mut u64,
) -> i32 {
    guard(core, |core| {
        *index = core.propose_member(kind, id, bytes_of(context.data, context.size))?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_members(
    core: *const raft_core,
    out: *mut CMember,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(core.cast_mut(), |core| {
        let members = core.members();
        *count = members.len();
        for (i, member) in members.into_iter().take(capacity).enumerate() {
            ptr::write(out.add(i), member);
        }
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_apply_conf_change(
    core: *mut raft_core,
    kind: u32,
    data: *const u8,
    size: usize,
    conf_state: *mut CBytes,
) -> i32 {
    guard(core, |core| {
        *conf_state = core.apply_conf_change(kind, bytes_of(data, size))?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_conf_state(core: *mut raft_core, conf_state: *mut CBytes) -> i32 {
    guard(core, |core| {
        *conf_state = core.conf_state()?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_encode_conf_state(
    voters: *const u64,
    count: usize,
    out: *mut u8,
    size: usize,
) -> usize {
    let encoded = catch_unwind(AssertUnwindSafe(|| {
        let mut conf_state = ConfState::default();
        for i in 0..count {
            conf_state.voters.push(*voters.add(i));
        }
        conf_state.write_to_bytes().unwrap_or_default()
    }))
    .unwrap_or_default();
    if encoded.len() > size {
        return 0;
    }
    ptr::copy_nonoverlapping(encoded.as_ptr(), out, encoded.len());
    encoded.len()
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_get_status(core: *const raft_core, status: *mut CStatus) -> i32 {
    guard(core.cast_mut(), |core| {
        ptr::write(status, core.status());
        Ok(())
    })
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The first fields of an encoded Message, without a copy of its entries: `step` decodes it whole, and finds what is wrong
/// inside. None when the bytes are no sequence of fields.
fn scan_header(mut bytes: &[u8]) -> Option<CMessageHeader> {
    let mut header = CMessageHeader { kind: 0, from: 0, to: 0, term: 0 };
    while !bytes.is_empty() {
        let tag = take_varint(&mut bytes)?;
        let skipped = match tag & 7 {
            0 => {
                let value = take_varint(&mut bytes)?;
                match tag >> 3 {
                    1 => header.kind = value as u32,
                    2 => header.to = value,
                    3 => header.from = value,
                    4 => header.term = value,
                    _ => {}
                }
                0
            }
            1 => 8,
            2 => take_varint(&mut bytes)?,
            5 => 4,
            _ => return None,
        };
        bytes = bytes.get(usize::try_from(skipped).ok()?..)?;
    }
    Some(header)
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_decode_header(
    data: *const u8,
    size: usize,
    header: *mut CMessageHeader,
) -> i32 {
    let decoded = catch_unwind(AssertUnwindSafe(|| scan_header(bytes_of(data, size))));
    match decoded {
        Ok(Some(filled)) => {
            ptr::write(header, filled);
            OK
        }
        _ => INVALID,
    }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_panic_for_test(core: *mut raft_core) -> i32 {
    guard(core, |_| panic!("on purpose"))
}
