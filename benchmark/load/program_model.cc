// How a program is made:
// 1. Shared functions: entry points of the runtime, then libraries, each with a package, maybe a receiver, a name.
// 2. Own functions fill the layers between, more of them in the middle, as call graphs are.
// 3. Each function gets one to seven call sites to functions one to three layers deeper; near the libraries more and
//    more of them are library functions. A tenth of the calls is inlined.
#include "benchmark/load/program_model.h"

#include <array>
#include <string_view>

namespace brazier::benchmark {
namespace {

constexpr uint32_t kLibraryFunctions = 105;
constexpr uint32_t kOwnFunctions = 220;

constexpr std::array<std::string_view, 24> kServiceNouns = {
    "checkout", "billing", "catalog",  "search",   "shipping",  "identity", "payments", "inventory",
    "pricing",  "ledger",  "messages", "timeline", "analytics", "metadata", "recommend", "fraud",
    "session",  "export",  "gateway",  "webhook",  "scheduler", "archive",  "telemetry", "feature"};
constexpr std::array<std::string_view, 6> kServiceRoles = {"api", "worker", "gateway", "indexer", "store", "sync"};

constexpr std::array<std::string_view, 28> kPackages = {
    "handler", "domain",   "pricing",   "storage", "cache",   "validate", "encode",  "transport", "policy", "router",
    "metrics", "tracing",  "discounts", "orders",  "account", "queue",    "planner", "executor",  "filter", "window",
    "limits",  "rollup",   "outbox",    "audit",   "geo",     "currency", "render",  "replica"};
constexpr std::array<std::string_view, 32> kTypes = {
    "Engine",  "Resolver", "Session",  "Writer",   "Reader",  "Pool",    "Broker",   "Index",
    "Matcher", "Builder",  "Registry", "Snapshot", "Decoder", "Encoder", "Iterator", "Cursor",
    "Batch",   "Tracker",  "Ledger",   "Catalog",  "Quote",   "Cart",    "Shipment", "Policy",
    "Request", "Response", "Stream",   "Bucket",   "Shard",   "Journal", "Table",    "Histogram"};
constexpr std::array<std::string_view, 36> kVerbs = {
    "Apply",  "Resolve", "Encode",  "Decode",   "Merge",    "Split",   "Load",    "Store",   "Validate",
    "Find",   "Collect", "Flush",   "Append",   "Compute",  "Render",  "Lookup",  "Refresh", "Evict",
    "Publish", "Consume", "Reserve", "Release", "Schedule", "Convert", "Compare", "Expand",  "Compact",
    "Observe", "Dispatch", "Handle", "Serve",   "Open",     "Close",   "Scan",    "Sort",    "Group"};
constexpr std::array<std::string_view, 36> kObjects = {
    "",         "Order",   "Item",    "Discounts", "Totals",   "Rates",    "Batch",    "Row",     "Column",
    "Key",      "Value",   "Headers", "Body",      "Address",  "Customer", "Window",   "Page",    "Chunk",
    "Children", "Pending", "All",     "ByID",      "ByRegion", "Locked",   "WithRetry", "Context", "Parallel",
    "Sorted",   "Deltas",  "Entries", "Fields",    "Labels",   "Offsets",  "Segments", "Tokens",  "Versions"};

constexpr std::array<std::string_view, 8> kEntryNames = {
    "runtime.goexit",
    "runtime.main",
    "net/http.(*conn).serve",
    "net/http.serverHandler.ServeHTTP",
    "net/http.HandlerFunc.ServeHTTP",
    "google.golang.org/grpc.(*Server).handleStream",
    "google.golang.org/grpc.(*Server).processUnaryRPC",
    "golang.org/x/sync/errgroup.(*Group).Go.func1"};
constexpr std::array<std::string_view, 22> kLibraryPackages = {
    "runtime",         "runtime/internal/syscall", "sync",           "reflect",           "encoding/json",
    "compress/flate",  "crypto/tls",               "net",            "net/http",          "bufio",
    "bytes",           "strings",                  "sort",           "strconv",           "database/sql",
    "internal/poll",   "golang.org/x/net/http2",   "google.golang.org/protobuf/internal/impl",
    "google.golang.org/grpc/internal/transport",   "github.com/klauspost/compress/zstd",
    "github.com/jackc/pgx/v5/pgconn",              "github.com/prometheus/client_golang/prometheus"};

template <size_t N>
std::string_view Pick(const std::array<std::string_view, N>& words, SeededRandom& random) {
  return words[random.Below(static_cast<uint32_t>(N))];
}

std::string Lower(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c;
  return lower;
}

ProgramFunction NameFunction(const std::string& package, bool exported, SeededRandom& random) {
  ProgramFunction function;
  const std::string_view type = Pick(kTypes, random);
  std::string method = std::string(Pick(kVerbs, random)) + std::string(Pick(kObjects, random));
  if (!exported) method[0] = static_cast<char>(method[0] + 32);
  const uint32_t shape = random.Below(10);
  if (shape < 6) {
    function.name = package + ".(*" + std::string(type) + ")." + method;
  } else if (shape < 9) {
    function.name = package + "." + method;
  } else {
    function.name = package + ".(*" + std::string(type) + ")." + method + ".func" + std::to_string(1 + random.Below(3));
  }
  function.file = package + "/" + Lower(type) + ".go";
  function.start_line = 12 + random.Below(1400);
  return function;
}

// Functions of one model by layer, to choose callees from.
using Layers = std::array<std::vector<uint32_t>, kLayers>;

void AddCalls(std::vector<ProgramFunction>& functions, uint32_t caller, const Layers& own, const Layers& library,
              SeededRandom& random) {
  ProgramFunction& function = functions[caller];
  const uint32_t call_count = 1 + random.Below(4);
  for (uint32_t i = 0; i < call_count; ++i) {
    const uint32_t layer = function.layer + 1 + random.Below(3);
    if (layer >= kLayers) continue;
    // From the layers in the middle on, libraries take over.
    const bool to_library = random.Below(kFirstLibraryLayer) < (layer > 4 ? layer - 4 : 0);
    const uint32_t library_layer = layer < kFirstLibraryLayer ? kFirstLibraryLayer + random.Below(4) : layer;
    const std::vector<uint32_t>* choice = to_library ? &library[library_layer] : &own[layer];
    if (choice->empty()) choice = &library[library_layer];
    if (choice->empty()) continue;
    CallSite call;
    call.callee = (*choice)[random.Below(static_cast<uint32_t>(choice->size()))];
    call.line = function.start_line + 1 + random.Below(60);
    call.inlined = random.Below(10) == 0;
    function.calls.push_back(call);
  }
}

Layers ByLayer(const std::vector<ProgramFunction>& functions, uint32_t begin, uint32_t end) {
  Layers layers;
  for (uint32_t i = begin; i < end; ++i) layers[functions[i].layer].push_back(i);
  return layers;
}

}  // namespace

std::vector<ProgramFunction> BuildSharedFunctions(SeededRandom& random) {
  std::vector<ProgramFunction> functions;
  for (std::string_view name : kEntryNames) {
    ProgramFunction function;
    function.name = name;
    function.file = std::string(name.substr(0, name.find_first_of(".(", name.rfind('/') + 1))) + "/server.go";
    function.start_line = 100 + random.Below(2000);
    function.layer = functions.size() < 2 ? 0 : 1;
    functions.push_back(std::move(function));
  }
  for (uint32_t i = 0; i < kLibraryFunctions; ++i) {
    ProgramFunction function =
        NameFunction(std::string(Pick(kLibraryPackages, random)), random.Below(3) == 0, random);
    function.layer = kFirstLibraryLayer + random.Below(kLayers - kFirstLibraryLayer);
    functions.push_back(std::move(function));
  }
  const uint32_t entries = static_cast<uint32_t>(kEntryNames.size());
  const Layers library = ByLayer(functions, entries, static_cast<uint32_t>(functions.size()));
  const Layers none;
  for (uint32_t i = entries; i < functions.size(); ++i) AddCalls(functions, i, none, library, random);
  for (uint32_t i = 0; i < functions.size(); ++i) {
    functions[i].address = 0x401000 + i * 1184ull + random.Below(16) * 32;
  }
  return functions;
}

ProgramModel BuildProgram(uint32_t service, const std::vector<ProgramFunction>& shared, SeededRandom random) {
  ProgramModel model;
  const uint32_t noun = service % kServiceNouns.size();
  const uint32_t role = (service / kServiceNouns.size() + service) % kServiceRoles.size();
  model.service = std::string(kServiceNouns[noun]) + "-" + std::string(kServiceRoles[role]);
  const uint32_t instance = service / (kServiceNouns.size() * kServiceRoles.size());
  const uint32_t repeat = service / kServiceNouns.size();
  if (instance > 0 || repeat > 0) model.service += "-" + std::to_string(repeat + 1);

  model.functions = shared;
  const std::string module = "northwind.dev/" + model.service + "/";
  for (uint32_t i = 0; i < kOwnFunctions; ++i) {
    ProgramFunction function = NameFunction(module + std::string(Pick(kPackages, random)), random.Below(2) == 0, random);
    // Two draws added: more functions in the middle layers than at the edges.
    function.layer = 2 + random.Below(7) + random.Below(7);
    function.address = 0xA00000 + i * 736ull + random.Below(16) * 32;
    model.functions.push_back(std::move(function));
  }
  const uint32_t own_begin = static_cast<uint32_t>(shared.size());
  const uint32_t end = static_cast<uint32_t>(model.functions.size());
  const uint32_t entries = static_cast<uint32_t>(kEntryNames.size());
  const Layers own = ByLayer(model.functions, own_begin, end);
  const Layers library = ByLayer(model.functions, entries, own_begin);
  for (uint32_t i = own_begin; i < end; ++i) AddCalls(model.functions, i, own, library, random);
  for (uint32_t i = 0; i < entries; ++i) {
    // An entry point calls the next entry points and the service's outermost functions.
    ProgramFunction& function = model.functions[i];
    if (function.layer == 0) {
      for (uint32_t next = 2; next < entries; ++next) function.calls.push_back({next, function.start_line + next, false});
    } else {
      AddCalls(model.functions, i, own, library, random);
      AddCalls(model.functions, i, own, library, random);
    }
  }
  model.entry_points = {0, 0, 0, 1};
  return model;
}

}  // namespace brazier::benchmark
