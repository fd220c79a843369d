//! The core proper: a RawNode, the view that is outstanding, and a replayable election timeout.

use protobuf::Message as _;
use raft::eraftpb::{
    ConfChange, ConfChangeType, ConfChangeV2, ConfState, Entry, EntryType, HardState, Message,
    MessageType,
};
use raft::{Config, RawNode, Ready, SnapshotStatus, StateRole, INVALID_ID};
use slog::{o, Discard, Logger};

use crate::abi::{
    CBytes, CEntry, CHardState, CMember, CMessage, COptions, CReadState, CStatus, CView,
};
use crate::storage::{decode_members, snapshot_of, CStorage, CallbackStorage};

pub const INVALID: i32 = 1;
pub const NOT_LEADER: i32 = 2;
pub const DROPPED: i32 = 3;
pub const BUSY: i32 = 4;
pub const FAILED: i32 = 5;

pub struct Failure {
    pub code: i32,
    pub message: String,
}

pub type Outcome = Result<(), Failure>;

fn fail(code: i32, message: impl Into<String>) -> Failure {
    Failure { code, message: message.into() }
}

fn from_raft(error: raft::Error) -> Failure {
    match error {
        raft::Error::ProposalDropped => fail(DROPPED, "proposal dropped"),
        other => fail(FAILED, other.to_string()),
    }
}

/// What a view points into. It moves with the core but its heap blocks stay where they are.
#[derive(Default)]
struct ViewBuffers {
    encoded: Vec<Vec<u8>>,
    messages: Vec<CMessage>,
    persisted_messages: Vec<CMessage>,
    owned_entries: Vec<Vec<Entry>>,
    entries: Vec<CEntry>,
    committed: Vec<CEntry>,
    read_states: Vec<CReadState>,
    conf_state: Vec<u8>,
    snapshot_data: Vec<u8>,
}

impl ViewBuffers {
    fn encode_messages(&mut self, messages: &[Message]) -> Result<Vec<CMessage>, Failure> {
        let mut out = Vec::with_capacity(messages.len());
        // The storage was told when it was asked for the snapshot; what it streams stands for the message.
        let is_snapshot = |m: &Message| m.msg_type == MessageType::MsgSnapshot as i32;
        for message in messages.iter().filter(|m| !is_snapshot(m)) {
            let bytes = message
                .write_to_bytes()
                .map_err(|e| fail(FAILED, format!("encoding a message: {e}")))?;
            out.push(CMessage { to: message.to, bytes: CBytes::of(&bytes) });
            self.encoded.push(bytes);
        }
        Ok(out)
    }

    fn keep_entries(&mut self, entries: Vec<Entry>) -> Vec<CEntry> {
        let out = entries.iter().map(CEntry::of).collect();
        self.owned_entries.push(entries);
        out
    }
}

pub struct Core {
    node: RawNode<CallbackStorage>,
    outstanding: Option<Ready>,
    /// Committed entries that came with the outstanding view: handed out by advance().
    committed: Vec<Entry>,
    buffers: ViewBuffers,
    seed: u64,
    /// Of the last read context.
    reads: u64,
    election_ticks: usize,
    attempts: u64,
    elapsed_before: usize,
    /// A leader believes that this member has the log up to here; it has not: its disk was lost. Until it has again, it
    /// neither votes nor campaigns, or what it once acknowledged could be outvoted.
    lost_until: u64,
}

/// Makes a leader that believes this member to be up to date look again: it takes the rejection of an index beyond all it
/// sent for a lost message, and probes.
fn rejection_of_all(raft: &raft::Raft<CallbackStorage>, leader: u64, last_index: u64) -> Message {
    let mut rejection = Message::default();
    rejection.set_msg_type(MessageType::MsgAppendResponse);
    rejection.from = raft.id;
    rejection.to = leader;
    rejection.term = raft.term;
    rejection.reject = true;
    rejection.index = u64::MAX;
    rejection.reject_hint = last_index;
    rejection
}

fn split_mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Core {
    /// # Safety
    /// The pointers of `options` are readable; those of `storage` stay callable for the core's life.
    pub unsafe fn create(options: &COptions, storage: CStorage) -> Result<Core, String> {
        if options.id == 0 {
            return Err("the node id is 0".into());
        }
        let mut conf_state = ConfState::default();
        conf_state
            .merge_from_bytes(&options.conf_state.to_vec())
            .map_err(|e| format!("the conf state does not decode: {e}"))?;
        let mut hard_state = HardState::default();
        hard_state.term = options.hard_state.term;
        hard_state.vote = options.hard_state.vote;
        hard_state.commit = options.hard_state.commit;
        let election_ticks = options.election_ticks as usize;
        let config = Config {
            id: options.id,
            election_tick: election_ticks,
            heartbeat_tick: options.heartbeat_ticks as usize,
            min_election_tick: election_ticks,
            max_election_tick: election_ticks.saturating_mul(2),
            applied: options.applied,
            max_size_per_msg: options.message_bytes_max,
            max_uncommitted_size: options.uncommitted_bytes_max,
            max_committed_size_per_ready: options.committed_bytes_max,
            max_inflight_msgs: 256,
            check_quorum: true,
            pre_vote: true,
            ..Default::default()
        };
        let storage = CallbackStorage::new(storage, hard_state, conf_state);
        let node = RawNode::new(&config, storage, &Logger::root(Discard, o!()))
            .map_err(|e| e.to_string())?;
        let mut core = Core {
            node,
            outstanding: None,
            committed: Vec::new(),
            buffers: ViewBuffers::default(),
            seed: options.seed,
            reads: 0,
            election_ticks,
            attempts: 0,
            elapsed_before: 0,
            lost_until: 0,
        };
        core.fix_election_timeout();
        Ok(core)
    }

    /// raft-rs draws its timeout from the thread's generator. Replace it, after every call that may have drawn, by a
    /// function of the seed and of what the run has done so far: the same run draws the same timeouts.
    fn fix_election_timeout(&mut self) {
        let raft = &mut self.node.raft;
        if raft.election_elapsed < self.elapsed_before && raft.state != StateRole::Leader {
            self.attempts += 1;
        }
        self.elapsed_before = raft.election_elapsed;
        let drawn = split_mix(
            self.seed ^ split_mix(raft.id ^ split_mix(raft.term ^ split_mix(self.attempts))),
        );
        let ticks = self.election_ticks + (drawn % self.election_ticks as u64) as usize;
        raft.set_randomized_election_timeout(ticks);
    }

    fn idle(&self) -> Outcome {
        match self.outstanding {
            Some(_) => Err(fail(BUSY, "a ready view is outstanding")),
            None => Ok(()),
        }
    }

    /// Runs one input of the core.
    fn input(&mut self, run: impl FnOnce(&mut RawNode<CallbackStorage>) -> Outcome) -> Outcome {
        self.idle()?;
        let outcome = run(&mut self.node);
        self.fix_election_timeout();
        outcome
    }

    fn has_lost_log(&self) -> bool {
        self.node.raft.raft_log.committed < self.lost_until
    }

    pub fn tick(&mut self) -> Outcome {
        let has_lost_log = self.has_lost_log();
        self.input(|node| {
            if has_lost_log {
                node.raft.election_elapsed = 0;
            }
            node.tick();
            Ok(())
        })
    }

    pub fn step(&mut self, bytes: &[u8]) -> Outcome {
        let mut message = Message::default();
        message
            .merge_from_bytes(bytes)
            .map_err(|e| fail(INVALID, format!("a message of {} bytes: {e}", bytes.len())))?;
        if MessageType::from_i32(message.msg_type).is_none() {
            return Err(fail(INVALID, format!("message type {}", message.msg_type)));
        }
        let kind = message.get_msg_type();
        if kind == MessageType::MsgSnapshot {
            return Err(fail(INVALID, "a snapshot inside a message"));
        }
        self.idle()?;
        let last_index = self.node.raft.raft_log.last_index();
        if kind == MessageType::MsgHeartbeat
            && message.term >= self.node.raft.term
            && message.commit > last_index
        {
            // The core would panic.
            self.lost_until = self.lost_until.max(message.commit);
            message.commit = last_index;
            let leader = message.from;
            return self.input(|node| {
                node.step(message).map_err(from_raft)?;
                node.raft.msgs.push(rejection_of_all(&node.raft, leader, last_index));
                Ok(())
            });
        }
        let campaigns = [
            MessageType::MsgRequestVote,
            MessageType::MsgRequestPreVote,
            MessageType::MsgTimeoutNow,
        ];
        if self.has_lost_log() && campaigns.contains(&kind) {
            return Err(fail(FAILED, "this member lost its log and does not vote until it has it again"));
        }
        if message.msg_type == MessageType::MsgReadIndex as i32 {
            let request = match &message.entries[..] {
                [entry] if entry.data.len() >= 8 => entry.data[..8].to_vec(),
                _ => return Err(fail(INVALID, "a read request without its number")),
            };
            message.entries[0].data = self.read_context(&request);
        }
        self.input(|node| node.step(message).map_err(from_raft))
    }

    /// The leader's snapshot message, as if it had come from the network.
    pub fn step_snapshot(&mut self, from: u64, term: u64, index: u64, snapshot_term: u64,
                         members: &[u8]) -> Outcome {
        let members = decode_members(members).map_err(|e| fail(INVALID, format!("members: {e}")))?;
        if index == 0 || snapshot_term == 0 || snapshot_term > term {
            return Err(fail(INVALID, format!("a snapshot at index {index}, term {snapshot_term}")));
        }
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgSnapshot);
        message.from = from;
        message.to = self.node.raft.id;
        message.term = term;
        message.set_snapshot(snapshot_of(index, snapshot_term, members));
        self.input(|node| node.step(message).map_err(from_raft))
    }

    /// The context of a read: the asker's number, and one of ours. raft-rs takes an acknowledgement of a context for one of
    /// all reads before it in its queue. Were a context to come twice, by a request that was delivered twice, then old
    /// acknowledgements of it would confirm new reads, even for a leader that was replaced long ago.
    fn read_context(&mut self, request: &[u8]) -> Vec<u8> {
        self.reads += 1;
        [request, &self.reads.to_le_bytes()].concat()
    }

    pub fn campaign(&mut self) -> Outcome {
        if self.has_lost_log() {
            return Err(fail(FAILED, "this member lost its log"));
        }
        self.input(|node| node.campaign().map_err(from_raft))
    }

    pub fn propose(&mut self, commands: Vec<Vec<u8>>) -> Result<u64, Failure> {
        let mut first_index = 0;
        self.input(|node| {
            if node.raft.state != StateRole::Leader {
                return Err(fail(NOT_LEADER, "not the leader"));
            }
            first_index = node.raft.raft_log.last_index() + 1;
            let mut message = Message::default();
            message.set_msg_type(MessageType::MsgPropose);
            message.from = node.raft.id;
            message.entries = commands
                .into_iter()
                .map(|data| Entry { data, ..Default::default() })
                .collect();
            node.raft.step(message).map_err(from_raft)
        })?;
        Ok(first_index)
    }

    pub fn read_index(&mut self, request: u64) -> Outcome {
        self.idle()?;
        let context = self.read_context(&request.to_le_bytes());
        self.input(|node| {
            node.read_index(context);
            Ok(())
        })
    }

    pub fn report_unreachable(&mut self, id: u64) -> Outcome {
        self.input(|node| {
            node.report_unreachable(id);
            Ok(())
        })
    }

    pub fn report_snapshot(&mut self, id: u64, ok: bool) -> Outcome {
        let status = if ok { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.input(|node| {
            node.report_snapshot(id, status);
            Ok(())
        })
    }

    pub fn transfer_leader(&mut self, to: u64) -> Outcome {
        self.input(|node| {
            node.transfer_leader(to);
            Ok(())
        })
    }

    /// One member at a time: no joint configurations, which raft-rs may fail to leave when its leader changes.
    pub fn propose_member(&mut self, kind: u32, id: u64, context: &[u8]) -> Result<u64, Failure> {
        let mut change = ConfChange::default();
        change.node_id = id;
        change.set_change_type(match kind {
            0 => ConfChangeType::AddNode,
            1 => ConfChangeType::RemoveNode,
            2 => ConfChangeType::AddLearnerNode,
            other => return Err(fail(INVALID, format!("change of members {other}"))),
        });
        if id == 0 {
            return Err(fail(INVALID, "a member with id 0"));
        }
        let mut index = 0;
        self.input(|node| {
            if node.raft.state != StateRole::Leader {
                return Err(fail(NOT_LEADER, "not the leader"));
            }
            index = node.raft.raft_log.last_index() + 1;
            node.propose_conf_change(context.to_vec(), change).map_err(from_raft)
        })?;
        Ok(index)
    }

    /// Members of the configuration in force, in no order.
    pub fn members(&self) -> Vec<CMember> {
        let tracker = self.node.raft.prs();
        let voters = tracker.conf().voters();
        tracker
            .iter()
            .map(|(id, progress)| CMember {
                id: *id,
                matched: progress.matched,
                is_voter: voters.contains(*id) as u32,
                is_active: progress.recent_active as u32,
            })
            .collect()
    }

    pub fn apply_conf_change(&mut self, kind: u32, data: &[u8]) -> Result<CBytes, Failure> {
        let undecodable = |e| fail(INVALID, format!("a conf change: {e}"));
        let applied = if kind == EntryType::EntryConfChange as u32 {
            let mut change = ConfChange::default();
            change.merge_from_bytes(data).map_err(undecodable)?;
            self.node.apply_conf_change(&change)
        } else if kind == EntryType::EntryConfChangeV2 as u32 {
            let mut change = ConfChangeV2::default();
            change.merge_from_bytes(data).map_err(undecodable)?;
            self.node.apply_conf_change(&change)
        } else {
            return Err(fail(INVALID, format!("entry type {kind} is no conf change")));
        };
        let conf_state = applied.map_err(from_raft)?;
        // raft-rs leaves a leader that was removed in its place: it would go on leading a group that it does not belong to.
        let raft = &mut self.node.raft;
        if raft.state == StateRole::Leader && !raft.prs().conf().voters().contains(raft.id) {
            let term = raft.term;
            raft.become_follower(term, INVALID_ID);
        }
        self.fix_election_timeout();
        self.keep_conf_state(&conf_state)
    }

    pub fn conf_state(&mut self) -> Result<CBytes, Failure> {
        let conf_state = self.node.raft.prs().conf().to_conf_state();
        self.keep_conf_state(&conf_state)
    }

    fn keep_conf_state(&mut self, conf_state: &ConfState) -> Result<CBytes, Failure> {
        self.buffers.conf_state = conf_state
            .write_to_bytes()
            .map_err(|e| fail(FAILED, format!("encoding a conf state: {e}")))?;
        Ok(CBytes::of(&self.buffers.conf_state))
    }

    pub fn ready(&mut self) -> Result<Option<CView>, Failure> {
        self.idle()?;
        if !self.node.has_ready() {
            return Ok(None);
        }
        let mut ready = self.node.ready();
        let mut buffers = ViewBuffers::default();
        buffers.messages = {
            let messages = ready.take_messages();
            buffers.encode_messages(&messages)?
        };
        buffers.persisted_messages = {
            let messages = ready.take_persisted_messages();
            buffers.encode_messages(&messages)?
        };
        // commit_ready() works from the core's own record, so the entries can be taken.
        buffers.entries = buffers.keep_entries(ready.take_entries());
        self.committed = ready.take_committed_entries();
        buffers.read_states = read_states(ready.take_read_states());
        let mut view = self.install(buffers);
        view.must_sync = ready.must_sync() as u32;
        if let Some(hs) = ready.hs() {
            view.has_hard_state = 1;
            view.hard_state = CHardState { term: hs.term, vote: hs.vote, commit: hs.commit };
        }
        let snapshot = ready.snapshot();
        if !snapshot.is_empty() {
            let metadata = snapshot.get_metadata();
            view.has_snapshot = 1;
            view.snapshot_index = metadata.index;
            view.snapshot_term = metadata.term;
            view.snapshot_conf_state = self.keep_conf_state(metadata.get_conf_state())?;
            self.buffers.snapshot_data = snapshot.data.clone();
            view.snapshot_data = CBytes::of(&self.buffers.snapshot_data);
        }
        self.outstanding = Some(ready);
        Ok(Some(view))
    }

    pub fn advance(&mut self) -> Result<CView, Failure> {
        let ready = match self.outstanding.take() {
            Some(ready) => ready,
            None => return Err(fail(INVALID, "advance without a ready view")),
        };
        let mut light = self.node.advance_append(ready);
        self.fix_election_timeout();
        let mut buffers = ViewBuffers::default();
        let messages = light.take_messages();
        buffers.messages = buffers.encode_messages(&messages)?;
        let mut committed = std::mem::take(&mut self.committed);
        committed.append(&mut light.take_committed_entries());
        buffers.committed = buffers.keep_entries(committed);
        let mut view = self.install(buffers);
        if let Some(commit) = light.commit_index() {
            view.has_hard_state = 1;
            view.hard_state.commit = commit;
        }
        Ok(view)
    }

    pub fn advance_apply(&mut self) -> Outcome {
        self.input(|node| {
            node.advance_apply();
            Ok(())
        })
    }

    fn install(&mut self, buffers: ViewBuffers) -> CView {
        self.buffers = buffers;
        let b = &self.buffers;
        CView {
            messages: b.messages.as_ptr(),
            messages_count: b.messages.len(),
            entries: b.entries.as_ptr(),
            entries_count: b.entries.len(),
            must_sync: 0,
            has_hard_state: 0,
            hard_state: CHardState::default(),
            persisted_messages: b.persisted_messages.as_ptr(),
            persisted_messages_count: b.persisted_messages.len(),
            committed: b.committed.as_ptr(),
            committed_count: b.committed.len(),
            read_states: b.read_states.as_ptr(),
            read_states_count: b.read_states.len(),
            has_snapshot: 0,
            snapshot_index: 0,
            snapshot_term: 0,
            snapshot_conf_state: CBytes::empty(),
            snapshot_data: CBytes::empty(),
        }
    }

    pub fn status(&self) -> CStatus {
        let raft = &self.node.raft;
        let is_leader = raft.state == StateRole::Leader;
        CStatus {
            term: raft.term,
            vote: raft.vote,
            commit: raft.raft_log.committed,
            applied: raft.raft_log.applied(),
            last_index: raft.raft_log.last_index(),
            leader_id: raft.leader_id,
            is_leader: is_leader as u32,
            committed_in_term: (is_leader && raft.commit_to_current_term()) as u32,
            is_singleton: raft.prs().is_singleton() as u32,
            members_count: raft.prs().iter().count() as u32,
            is_promotable: raft.promotable() as u32,
            lead_transferee: raft.lead_transferee.unwrap_or(0),
            randomized_election_ticks: raft.randomized_election_timeout() as u32,
        }
    }
}

fn read_states(states: Vec<raft::ReadState>) -> Vec<CReadState> {
    states
        .into_iter()
        .filter_map(|state| {
            let request = <[u8; 8]>::try_from(state.request_ctx.get(..8)?).ok()?;
            Some(CReadState { index: state.index, request: u64::from_le_bytes(request) })
        })
        .collect()
}
