// ProgramModel: the invented program of one service, from which ProfileGenerator draws stacks.
//
// Functions stand in layers; calls only go to deeper layers, so that every walk ends. The runtime and the libraries are
// built once (BuildSharedFunctions) and take the first ids in every service's model, equal in all of them.
// Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace brazier::benchmark {

// SplitMix64: small, seedable, equal everywhere.
class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound). REQUIRES: bound > 0.
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>((Next() >> 32) * bound >> 32); }
  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

struct CallSite {
  uint32_t callee = 0;
  uint32_t line = 0;      // in the caller
  bool inlined = false;   // the callee has no frame of its own in the machine code
};

struct ProgramFunction {
  std::string name;
  std::string file;
  uint32_t start_line = 0;
  uint32_t layer = 0;
  uint64_t address = 0;
  std::vector<CallSite> calls;
};

struct ProgramModel {
  std::string service;
  std::vector<ProgramFunction> functions;  // the shared ones first
  std::vector<uint32_t> entry_points;
};

constexpr uint32_t kLayers = 26;
constexpr uint32_t kFirstLibraryLayer = 13;

// Runtime entry functions (layers 0-2) and library functions (kFirstLibraryLayer and deeper), with calls among them.
std::vector<ProgramFunction> BuildSharedFunctions(SeededRandom& random);

// The program of one service on top of the shared functions.
ProgramModel BuildProgram(uint32_t service, const std::vector<ProgramFunction>& shared, SeededRandom random);

}  // namespace brazier::benchmark
