// How a profile is made:
// 1. Draw walks through the service's program until enough distinct stacks are met (or the draws run out). Which call
//    of a function is the popular one depends on the profile kind: cpu and memory profiles differ in shape.
//    How much two snapshots have in common depends on the kind too. cpu and wall are samples of what ran: every snapshot
//    draws afresh. Memory and mutex profiles count since the process began: all snapshots of a service draw the same walks,
//    later ones a few more. Most goroutines are parked where they were: a snapshot replaces a few.
// 2. A stack met k times weighs k; each kind turns weights into its values.
// 3. Locations, functions and strings are numbered in order of first use, as the Go runtime does, and written.
#include "benchmark/load/profile_generator.h"

#include <libdeflate.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "benchmark/load/program_model.h"

namespace brazier::benchmark {
namespace {

constexpr uint32_t kDrawsPerStackMax = 24;
constexpr uint32_t kDepthMax = 64;
// Memory and mutex profiles grow by a tenth over a process's life; after this many snapshots by half of that.
constexpr double kHalfGrownSnapshots = 500;
constexpr double kGoroutinesOnTheMove = 0.15;

struct KindShape {
  std::string_view metric;
  std::vector<std::pair<std::string_view, std::string_view>> sample_types;
  std::string_view period_type;
  std::string_view period_unit;
  int64_t period;
  double samples_factor;  // of samples_mean; the four factors average 1
};

const KindShape& Shape(uint32_t service, ProfileKind kind) {
  static const KindShape kCpu = {
      "process_cpu", {{"samples", "count"}, {"cpu", "nanoseconds"}}, "cpu", "nanoseconds", 10'000'000, 1.3};
  static const KindShape kMemory = {"memory",
                                    {{"alloc_objects", "count"},
                                     {"alloc_space", "bytes"},
                                     {"inuse_objects", "count"},
                                     {"inuse_space", "bytes"}},
                                    "space", "bytes", 524'288, 1.0};
  static const KindShape kMutex = {
      "mutex", {{"contentions", "count"}, {"delay", "nanoseconds"}}, "contentions", "count", 1, 0.6};
  static const KindShape kGoroutine = {"goroutine", {{"goroutine", "count"}}, "goroutine", "count", 1, 1.1};
  static const KindShape kWall = {"wall", {{"wall", "nanoseconds"}}, "wall", "nanoseconds", 10'000'000, 1.1};
  switch (kind) {
    case ProfileKind::kCpu: return kCpu;
    case ProfileKind::kMemory: return kMemory;
    case ProfileKind::kMutex: return kMutex;
    case ProfileKind::kConcurrency: return service % 2 == 0 ? kGoroutine : kWall;
  }
  return kCpu;
}

// One frame of a walk: a function, the line reached in it, and whether its own code is inlined into its caller's.
struct Frame {
  uint32_t function = 0;
  uint32_t line = 0;
  bool inlined = false;
  friend auto operator<=>(const Frame&, const Frame&) = default;
};
using Stack = std::vector<Frame>;  // root first

double StopChance(const ProgramFunction& function) {
  if (function.calls.empty()) return 1.0;
  if (function.layer < 3) return 0.0;
  if (function.layer < 8) return 0.03;
  return function.layer < kFirstLibraryLayer ? 0.10 : 0.22;
}

Stack Walk(const ProgramModel& program, ProfileKind kind, SeededRandom& random) {
  Stack stack;
  uint32_t current = program.entry_points[random.Below(static_cast<uint32_t>(program.entry_points.size()))];
  bool inlined = false;
  while (stack.size() < kDepthMax) {
    const ProgramFunction& function = program.functions[current];
    if (random.Unit() < StopChance(function)) break;
    // Zipf-like: squaring a uniform draw favours the first calls; the kind rotates which calls are first.
    const uint32_t count = static_cast<uint32_t>(function.calls.size());
    const double draw = random.Unit();
    const uint32_t rank = static_cast<uint32_t>(draw * draw * count);
    const CallSite& call = function.calls[(rank + static_cast<uint32_t>(kind) * (current + 1)) % count];
    stack.push_back({current, call.line, inlined});
    current = call.callee;
    inlined = call.inlined;
  }
  const ProgramFunction& leaf = program.functions[current];
  stack.push_back({current, leaf.start_line + 2 + random.Below(2) * 5, inlined});
  return stack;
}

// The values of one stack, in the order of the kind's sample types.
void DrawValues(ProfileKind kind, bool wall, uint32_t weight, SeededRandom& random, std::vector<int64_t>& values) {
  values.clear();
  switch (kind) {
    case ProfileKind::kCpu:
      values = {weight, weight * 10'000'000ll};
      return;
    case ProfileKind::kMemory: {
      const int64_t size = 16ll << random.Below(10);
      const int64_t objects = 1 + static_cast<int64_t>(weight * 524'288 / size * (0.5 + random.Unit()));
      const int64_t in_use = random.Below(3) == 0 ? static_cast<int64_t>(random.Unit() * 0.2 * objects) : 0;
      values = {objects, objects * size, in_use, in_use * size};
      return;
    }
    case ProfileKind::kMutex: {
      const int64_t contentions = 1 + random.Below(40 * weight);
      values = {contentions, contentions * ((400ll << random.Below(12)) + random.Below(1000))};
      return;
    }
    case ProfileKind::kConcurrency:
      values = {wall ? static_cast<int64_t>(weight) * 10'000'000ll : static_cast<int64_t>(weight)};
      return;
  }
}

// Writes the protobuf of one profile; tables fill in order of first use.
class PprofWriter {
 public:
  explicit PprofWriter(const ProgramModel& program) : program_(program) { StringIndex(""); }

  void AddSampleType(std::string_view type, std::string_view unit) { PutValueType(1, type, unit); }

  void AddSample(const Stack& stack, const std::vector<int64_t>& values) {
    std::string ids;
    for (size_t i = stack.size(); i > 0;) {
      // Frames inlined into their callers share the location of the frame that holds their code.
      size_t first = i - 1;
      while (first > 0 && stack[first].inlined) --first;
      PutVarint(ids, LocationIndex(stack, first, i));
      i = first;
    }
    std::string packed_values;
    for (int64_t value : values) PutVarint(packed_values, static_cast<uint64_t>(value));
    std::string sample;
    PutBytes(sample, 1, ids);
    PutBytes(sample, 2, packed_values);
    PutBytes(samples_, 2, sample);
  }

  std::string Finish(const KindShape& shape, int64_t time_ns, int64_t duration_ns) {
    std::string mapping;
    PutNumber(mapping, 1, 1);
    PutNumber(mapping, 2, 0x400000);
    PutNumber(mapping, 3, 0x1400000);
    PutNumber(mapping, 5, StringIndex("bin/" + program_.service));
    PutNumber(mapping, 6, StringIndex("6f8b1d2c90a7e35f4410"));
    PutNumber(mapping, 7, 1);
    PutValueType(11, shape.period_type, shape.period_unit);
    std::string out = std::move(head_) + samples_;
    PutBytes(out, 3, mapping);
    out += locations_;
    out += functions_;
    for (const std::string& s : strings_in_order_) PutBytes(out, 6, s);
    PutNumber(out, 9, static_cast<uint64_t>(time_ns));
    PutNumber(out, 10, static_cast<uint64_t>(duration_ns));
    PutNumber(out, 12, static_cast<uint64_t>(shape.period));
    return out;
  }

 private:
  static void PutVarint(std::string& out, uint64_t value) {
    while (value >= 0x80) {
      out.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out.push_back(static_cast<char>(value));
  }
  static void PutNumber(std::string& out, uint32_t field, uint64_t value) {
    PutVarint(out, field << 3);
    PutVarint(out, value);
  }
  static void PutBytes(std::string& out, uint32_t field, std::string_view bytes) {
    PutVarint(out, field << 3 | 2);
    PutVarint(out, bytes.size());
    out += bytes;
  }
  void PutValueType(uint32_t field, std::string_view type, std::string_view unit) {
    std::string value_type;
    PutNumber(value_type, 1, StringIndex(type));
    PutNumber(value_type, 2, StringIndex(unit));
    PutBytes(head_, field, value_type);
  }

  uint64_t StringIndex(std::string_view s) {
    const auto [it, added] = strings_.try_emplace(std::string(s), strings_.size());
    if (added) strings_in_order_.emplace_back(s);
    return it->second;
  }

  uint64_t FunctionIndex(uint32_t function) {
    const auto [it, added] = function_ids_.try_emplace(function, function_ids_.size() + 1);
    if (added) {
      const ProgramFunction& f = program_.functions[function];
      std::string message;
      PutNumber(message, 1, it->second);
      PutNumber(message, 2, StringIndex(f.name));
      PutNumber(message, 3, StringIndex(f.name));
      PutNumber(message, 4, StringIndex(f.file));
      PutNumber(message, 5, f.start_line);
      PutBytes(functions_, 5, message);
    }
    return it->second;
  }

  // The location of frames [first, end) of `stack`, which share one address; the innermost line comes first.
  uint64_t LocationIndex(const Stack& stack, size_t first, size_t end) {
    const std::vector<Frame> key(stack.begin() + static_cast<long>(first), stack.begin() + static_cast<long>(end));
    const auto [it, added] = location_ids_.try_emplace(key, location_ids_.size() + 1);
    if (added) {
      const ProgramFunction& holder = program_.functions[key.front().function];
      std::string message;
      PutNumber(message, 1, it->second);
      PutNumber(message, 2, 1);
      PutNumber(message, 3, holder.address + 11ull * (key.front().line - holder.start_line) + key.size());
      for (size_t i = key.size(); i > 0; --i) {
        std::string line;
        PutNumber(line, 1, FunctionIndex(key[i - 1].function));
        PutNumber(line, 2, key[i - 1].line);
        PutBytes(message, 4, line);
      }
      PutBytes(locations_, 4, message);
    }
    return it->second;
  }

  const ProgramModel& program_;
  std::string head_, samples_, locations_, functions_;
  std::unordered_map<std::string, uint64_t> strings_;
  std::vector<std::string> strings_in_order_;
  std::unordered_map<uint32_t, uint64_t> function_ids_;
  std::map<std::vector<Frame>, uint64_t> location_ids_;
};

uint64_t MixSeed(uint64_t seed, uint64_t value) { return SeededRandom(seed ^ (value * 0xD6E8FEB86659FD93ull)).Next(); }

}  // namespace

struct ProfileGenerator::Fleet {
  GeneratorOptions options;
  std::vector<ProgramModel> programs;
};

ProfileGenerator::ProfileGenerator(const GeneratorOptions& options) {
  auto fleet = std::make_unique<Fleet>();
  fleet->options = options;
  SeededRandom shared_random(MixSeed(options.seed, 0));
  const std::vector<ProgramFunction> shared = BuildSharedFunctions(shared_random);
  fleet->programs.reserve(options.services);
  for (uint32_t i = 0; i < options.services; ++i) {
    fleet->programs.push_back(BuildProgram(i, shared, SeededRandom(MixSeed(options.seed, i + 1))));
  }
  fleet_ = std::move(fleet);
}

ProfileGenerator::~ProfileGenerator() = default;

uint32_t ProfileGenerator::service_count() const { return static_cast<uint32_t>(fleet_->programs.size()); }

std::string_view ProfileGenerator::ServiceName(uint32_t service) const { return fleet_->programs[service].service; }

std::string_view ProfileGenerator::MetricName(uint32_t service, ProfileKind kind) {
  return Shape(service, kind).metric;
}

std::string ProfileGenerator::ProfileTypeId(uint32_t service, ProfileKind kind, uint32_t sample_type) {
  const KindShape& shape = Shape(service, kind);
  const auto& [type, unit] = shape.sample_types[sample_type];
  std::string id;
  for (std::string_view part : {shape.metric, type, unit, shape.period_type, shape.period_unit}) {
    if (!id.empty()) id += ':';
    id += part;
  }
  return id;
}

std::string ProfileGenerator::Generate(uint32_t service, ProfileKind kind, uint64_t snapshot, int64_t time_ns) const {
  const ProgramModel& program = fleet_->programs[service];
  const KindShape& shape = Shape(service, kind);
  const uint64_t stream = MixSeed(fleet_->options.seed, (uint64_t{service} << 8 | static_cast<uint8_t>(kind)) + (1ull << 40));
  SeededRandom random(MixSeed(stream, snapshot));

  const double mean = fleet_->options.samples_mean * shape.samples_factor;
  std::map<Stack, uint32_t> weights;
  const auto draw = [&](SeededRandom& source, double count) {
    const auto wanted = static_cast<size_t>(std::max(1.0, count));
    const size_t before = weights.size();
    for (uint64_t draws = 0; weights.size() - before < wanted && draws < uint64_t{wanted} * kDrawsPerStackMax; ++draws) {
      ++weights[Walk(program, kind, source)];
    }
  };
  SeededRandom process(MixSeed(stream, 1ull << 41));
  if (kind == ProfileKind::kMemory || kind == ProfileKind::kMutex) {
    const double age = static_cast<double>(snapshot);
    draw(process, mean * (0.95 + 0.1 * age / (age + kHalfGrownSnapshots)));
  } else if (shape.metric == "goroutine") {
    draw(process, mean * (1 - kGoroutinesOnTheMove));
    draw(random, mean * kGoroutinesOnTheMove * (0.8 + 0.4 * random.Unit()));
  } else {
    // A tenth up or down from snapshot to snapshot.
    draw(random, mean * (0.9 + 0.2 * random.Unit()));
  }

  // Profilers emit stacks in the order of their hash table: shuffle.
  std::vector<const std::pair<const Stack, uint32_t>*> order;
  order.reserve(weights.size());
  for (const auto& entry : weights) order.push_back(&entry);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(static_cast<uint32_t>(i))]);

  PprofWriter writer(program);
  for (const auto& [type, unit] : shape.sample_types) writer.AddSampleType(type, unit);
  std::vector<int64_t> values;
  for (const auto* entry : order) {
    DrawValues(kind, shape.metric == "wall", entry->second, random, values);
    writer.AddSample(entry->first, values);
  }
  return writer.Finish(shape, time_ns, 10'000'000'000);
}

std::string GzipProfile(std::string_view raw) {
  constexpr int kLevel = 1;
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(kLevel), &libdeflate_free_compressor);
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), raw.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor.get(), raw.data(), raw.size(), out.data(), out.size()));
  return out;
}

}  // namespace brazier::benchmark
