// MetastoreService: what Brazier's own processes ask of the metastore. Multiplexed under the name "MetastoreService".
// For members of the cluster only: a caller can register and see the blocks of every tenant.
// Every method is idempotent.

include "types.thrift"

namespace cpp brazier.idl
namespace py brazier_idl.metastore
namespace go brazier.idl.metastore
namespace java brazier.idl
namespace js brazier.idl

// Metadata of a block in the msgpack form that also ends every object (docs/format/object.md). The metastore stores
// these bytes nearly as they are, so a second, Thrift-typed description would only be converted back and forth.
struct EncodedBlockMeta {
  // Version of the bytes. 1: docs/format/object.md. Others are refused.
  1: i32 encoding = 1;
  2: binary data = "";
}

struct AddBlocksRequest {
  1: types.RequestHeader header = {};
  2: list<EncodedBlockMeta> blocks = [];
}

// What became of one block.
struct AddedBlock {
  // The id was registered before; nothing changed.
  1: bool already_known = false;
  // Per dataset of the block: positions of profiles that were known already and are now hidden.
  2: list<list<i32>> hidden_profiles = [];
}

struct AddBlocksResponse {
  1: list<AddedBlock> blocks = [];  // in the order of the request
}

struct FindBlocksRequest {
  1: types.RequestHeader header = {};
  2: list<string> tenants = [];
  3: i64 start_ns = 0;           // inclusive
  4: i64 end_ns = 0;             // inclusive
  5: string service_name = "";   // exact; empty: all
  6: string profile_type = "";   // exact id; empty: all
}

struct FindBlocksResponse {
  1: list<EncodedBlockMeta> blocks = [];  // sorted by block id, with only the datasets that can match
}

struct TenantStatsRequest {
  1: types.RequestHeader header = {};
  2: string tenant = "";
}

// One living process.
struct Member {
  1: string id = "";                // stable across restarts
  2: list<string> roles = [];       // "segment-writer", "query-backend", ...
  3: string pipeline_address = "";  // ZeroMQ, "tcp://127.0.0.1:4052"; empty: none
  4: string rpc_address = "";       // Thrift, "host:port"; empty: none
  5: bool draining = false;         // takes nothing new
}

struct HeartbeatRequest {
  1: types.RequestHeader header = {};
  2: Member member;
}

struct MemberList {
  1: i64 version = 0;              // grows when the list changes
  2: list<Member> members = [];    // sorted by id
}

service MetastoreService {
  AddBlocksResponse addBlocks(1: AddBlocksRequest request) throws (1: types.BrazierError error);
  FindBlocksResponse findBlocks(1: FindBlocksRequest request) throws (1: types.BrazierError error);
  types.TenantStats tenantStats(1: TenantStatsRequest request) throws (1: types.BrazierError error);
  void heartbeat(1: HeartbeatRequest request) throws (1: types.BrazierError error);
  MemberList members(1: types.RequestHeader header) throws (1: types.BrazierError error);
  void ready(1: types.RequestHeader header) throws (1: types.BrazierError error);
}
