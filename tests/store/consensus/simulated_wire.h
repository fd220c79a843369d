// The way between members on one thread: what they send lies on a wire until a test delivers it, or does not.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "store/consensus/transport.h"

namespace brazier::consensus {

struct Envelope {
  uint64_t from;
  uint64_t to;
  std::string message;
};

class Network final : public Transport {
 public:
  Network(uint64_t from, std::deque<Envelope>& wire) : from_(from), wire_(wire) {}
  void Send(uint64_t to, std::string message) override {
    wire_.push_back({from_, to, std::move(message)});
  }

 private:
  const uint64_t from_;
  std::deque<Envelope>& wire_;
};

}  // namespace brazier::consensus
