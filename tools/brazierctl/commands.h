// The commands of brazierctl, apart from the parsing of their options. Each prints to `out` and returns what went wrong.
// Thread-compatible; each makes its own connection.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace brazier::ctl {

struct ServerOptions {
  std::string address = "127.0.0.1:4041";  // Thrift "host:port"
  std::string tenant;                      // empty: the server runs without multi-tenancy
  int64_t timeout_ms = 30'000;
};

struct PushOptions {
  std::string format = "pprof";
  std::vector<std::string> labels;  // "name=value"
  std::string name;                 // "app.cpu{tag=value}"; replaces labels
  std::string id;                   // the client's id of the profile
  std::vector<std::string> files;   // "-": standard input
};

enum class QueryOutput { kTop, kTree, kFolded, kPprof, kDot, kSeries, kTypes, kLabels, kValues, kTimeline, kUsage };

struct QueryOptions {
  QueryOutput output = QueryOutput::kTop;
  std::string selector = "{}";
  std::string profile_type;    // id; needed by all but kSeries, kTypes, kLabels, kValues
  int64_t since_ns = 0;        // before now
  int64_t start_ns = 0;        // instead of `since_ns`, with end_ns
  int64_t end_ns = 0;
  std::string label;           // kValues
  std::vector<std::string> group_by;  // kTimeline, kUsage
  int64_t step_ns = 15'000'000'000;   // kTimeline, kUsage
  std::string function;        // kUsage: its name
  std::string function_regex;  // kUsage: instead, what names match as a whole
  bool exemplars = false;      // kTimeline: name a profile for each point
  // What counts, besides the selector: ids as exemplars and traces have them.
  std::vector<std::string> profile_ids, span_ids, trace_ids, with_functions;
  int64_t min_value = 0;
  size_t rows = 40;            // kTop, kDot
  std::string file;            // kPprof: where to write; empty: `out`
  bool explain = false;        // print what was read of which block
};

struct IndexOptions {
  std::string bucket;    // folder of the objects
  std::string data_dir;  // of the metastore's process; the index is in <data_dir>/metastore
  std::string server;    // IndexVerify: instead of a folder, the Thrift address of a metastore that runs
  int64_t server_timeout_ms = 30'000;                 // of one call
  int64_t settle_ns = int64_t{600} * 1'000'000'000;   // with a server: blocks younger than this are not compared
  bool resume = false;   // IndexRebuild: continue in an index that is there
  // IndexRebuild: begin with this copy of the index, "newest" or a folder under metastore/snapshots/. Empty: with nothing.
  std::string snapshot;
  // As the server's settings dedup.window and dedup.bytes-max.
  int64_t dedup_window_ns = 0;
  int64_t dedup_bytes_max = 0;
  size_t readers = 8;  // objects read at a time
  size_t show = 20;    // of what is wrong, of each kind
};

struct RollupOptions {
  std::vector<std::string> files;  // objects
  std::string bucket;              // instead: folder of the objects, all of them
  size_t show = 20;                // differences
};

// Sends each file as one profile and prints the receipt. Fails when any was rejected.
Status Push(const ServerOptions& server, const PushOptions& options, std::ostream& out);
Status Query(const ServerOptions& server, const QueryOptions& options, std::ostream& out);
// OK when a push and a query made now would be expected to succeed.
Status Ready(const ServerOptions& server, std::ostream& out);
// Prints what an object file holds and checks every checksum.
Status Inspect(const std::string& file, std::ostream& out);
// Recomputes the roll-ups of objects from their rows. *all_well: they are equal.
Status RollupVerify(const RollupOptions& options, std::ostream& out, std::ostream& progress, bool progress_is_terminal,
                    bool* all_well);
// Recreate the index of a stopped metastore from the bucket; compare the two, also while a server runs. The report goes to `out`, how far it is to
// `progress`. *all_well: whether it was done and nothing was found wrong.
Status IndexRebuild(const IndexOptions& options, std::ostream& out, std::ostream& progress,
                    bool progress_is_terminal, bool* all_well);
Status IndexVerify(const IndexOptions& options, std::ostream& out, std::ostream& progress,
                   bool progress_is_terminal, bool* all_well);

}  // namespace brazier::ctl
