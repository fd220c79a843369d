// Framed compact Thrift with limits: the transport that reads and writes one frame per message, and the protocol that
// refuses containers and strings larger than what the frame can hold.
//
// What Thrift's own classes lack: a total limit on container elements (generated code resizes a vector to the size a
// peer announces, before it has seen the elements), frame buffers that are given back, a message that must end with
// its frame, and deadlines. Includes Thrift: only for .cc files of this folder. One thread at a time.
#pragma once

#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/rpc/deadline_socket.h"
#include "common/rpc/inbound_budget.h"
#include "common/rpc/rpc_limits.h"

namespace brazier::rpc {

// The Thrift form of our limits.
std::shared_ptr<apache::thrift::TConfiguration> MakeConfiguration(const FrameLimits& limits);

// Times of a server's connection. A client sets deadlines on its socket instead.
struct ServerTimes {
  int64_t idle_ns = 0;   // between two requests
  int64_t frame_ns = 0;  // from the first byte of a frame to its last, plus its size at kFrameBytesPerSecondMin
  int64_t write_ns = 0;  // per answer, plus its size likewise
};

class FramedTransport final : public apache::thrift::transport::TFramedTransport {
 public:
  FramedTransport(std::shared_ptr<DeadlineSocket> socket, const FrameLimits& limits);
  // The server's end. `budget` outlives the transport.
  FramedTransport(std::shared_ptr<DeadlineSocket> socket, const FrameLimits& limits,
                  const ServerTimes& times, InboundBudget& budget, const Clock& clock);
  ~FramedTransport() override;

  bool peek() override { return true; }  // never blocks: reading decides
  void close() override;                 // drops what was not flushed
  uint32_t readEnd() override;
  void writeSlow(const uint8_t* buffer, uint32_t length) override;
  void flush() override;

  // Counts the elements of a container before they are allocated; throws when the message has too many.
  void CountElements(uint32_t elements);

 protected:
  bool readFrame() override;

 private:
  bool ReadHeader(uint32_t& size);
  void ReadBody(uint32_t size);
  void ReleaseReservation();

  const std::shared_ptr<DeadlineSocket> socket_;
  const FrameLimits limits_;
  const ServerTimes times_;
  InboundBudget* const budget_ = nullptr;
  const Clock* const clock_ = nullptr;
  bool in_message_ = false;
  uint32_t frame_bytes_ = 0;
  uint64_t elements_ = 0;  // of this message
  uint64_t reserved_ = 0;  // in budget_
};

class BoundedCompactProtocol final
    : public apache::thrift::protocol::TCompactProtocolT<FramedTransport> {
 public:
  explicit BoundedCompactProtocol(std::shared_ptr<FramedTransport> transport)
      : TCompactProtocolT(std::move(transport)) {}

  uint32_t readListBegin_virt(apache::thrift::protocol::TType& type, uint32_t& size) override;
  uint32_t readSetBegin_virt(apache::thrift::protocol::TType& type, uint32_t& size) override;
  uint32_t readMapBegin_virt(apache::thrift::protocol::TType& key, apache::thrift::protocol::TType& value,
                             uint32_t& size) override;
  uint32_t readString_virt(std::string& text) override { return ReadBytes(text); }
  uint32_t readBinary_virt(std::string& bytes) override { return ReadBytes(bytes); }
  uint32_t readMessageBegin_virt(std::string& name, apache::thrift::protocol::TMessageType& type,
                                 int32_t& sequence) override;

 private:
  uint32_t ReadBytes(std::string& out);
};

}  // namespace brazier::rpc
