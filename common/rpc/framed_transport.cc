#include "common/rpc/framed_transport.h"

#include <thrift/protocol/TProtocolException.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace brazier::rpc {

using apache::thrift::TConfiguration;
using apache::thrift::protocol::TMessageType;
using apache::thrift::protocol::TProtocolException;
using apache::thrift::protocol::TType;
using apache::thrift::transport::TFramedTransport;
using apache::thrift::transport::TTransportException;

namespace {
constexpr uint32_t kFirstBufferBytes = 4096;
constexpr int kRecursionMax = 32;

int64_t TransferNs(uint64_t bytes) {
  return static_cast<int64_t>(bytes) * (kNsPerSecond / kFrameBytesPerSecondMin);
}
}  // namespace

std::shared_ptr<TConfiguration> MakeConfiguration(const FrameLimits& limits) {
  const int frame = static_cast<int>(limits.frame_bytes_max);
  return std::make_shared<TConfiguration>(frame, frame, kRecursionMax);
}

FramedTransport::FramedTransport(std::shared_ptr<DeadlineSocket> socket, const FrameLimits& limits)
    : TFramedTransport(socket, kFirstBufferBytes, kKeptBufferBytes, MakeConfiguration(limits)),
      socket_(std::move(socket)),
      limits_(limits) {}

FramedTransport::FramedTransport(std::shared_ptr<DeadlineSocket> socket, const FrameLimits& limits,
                                 const ServerTimes& times, InboundBudget& budget, const Clock& clock)
    : TFramedTransport(socket, kFirstBufferBytes, kKeptBufferBytes, MakeConfiguration(limits)),
      socket_(std::move(socket)),
      limits_(limits),
      times_(times),
      budget_(&budget),
      clock_(&clock) {}

FramedTransport::~FramedTransport() { ReleaseReservation(); }

void FramedTransport::ReleaseReservation() {
  if (budget_ != nullptr) budget_->Release(std::exchange(reserved_, 0));
}

// Thrift's own version flushes first, which would send half a message after a failure.
void FramedTransport::close() { socket_->close(); }

bool FramedTransport::ReadHeader(uint32_t& size) {
  uint8_t header[4];
  uint32_t have = 0;
  while (have < sizeof(header)) {
    const uint32_t got = socket_->Receive(header + have, sizeof(header) - have, true);
    if (got == 0) {
      if (have == 0) return false;
      throw TTransportException(TTransportException::END_OF_FILE, "connection ended in a frame header");
    }
    have += got;
    // From the first byte on the peer is sending, not idle.
    if (clock_ != nullptr) socket_->SetReadDeadline(clock_->MonotonicNs() + times_.frame_ns);
  }
  size = uint32_t{header[0]} << 24 | uint32_t{header[1]} << 16 | uint32_t{header[2]} << 8 | header[3];
  return true;
}

void FramedTransport::ReadBody(uint32_t size) {
  if (size > rBufSize_) {
    rBuf_.reset(new uint8_t[size]);  // untouched pages cost nothing until the bytes arrive
    rBufSize_ = size;
  }
  uint32_t have = 0;
  while (have < size) {
    const uint32_t got = socket_->Receive(rBuf_.get() + have, size - have, false);
    if (got == 0) {
      throw TTransportException(TTransportException::END_OF_FILE, "connection ended in a frame");
    }
    have += got;
  }
}

bool FramedTransport::readFrame() {
  if (in_message_) {
    throw TTransportException(TTransportException::CORRUPTED_DATA, "message is longer than its frame");
  }
  // The request before this one is answered: its memory is free.
  ReleaseReservation();
  if (clock_ != nullptr) socket_->SetReadDeadline(clock_->MonotonicNs() + times_.idle_ns);
  uint32_t size = 0;
  if (!ReadHeader(size)) return false;
  if (size > limits_.frame_bytes_max) {
    throw TTransportException(TTransportException::CORRUPTED_DATA,
                              "frame of " + std::to_string(size) + " bytes, the limit is " +
                                  std::to_string(limits_.frame_bytes_max));
  }
  if (clock_ != nullptr) {
    const int64_t deadline_ns = clock_->MonotonicNs() + times_.frame_ns + TransferNs(size);
    socket_->SetReadDeadline(deadline_ns);
    if (!budget_->Acquire(size, deadline_ns)) {
      throw TTransportException(TTransportException::TIMED_OUT, "no memory for a request in time");
    }
    reserved_ = size;
  }
  ReadBody(size);
  setReadBuffer(rBuf_.get(), size);
  in_message_ = true;
  frame_bytes_ = size;
  elements_ = 0;
  resetConsumedMessageSize();
  updateKnownMessageSize(size);
  return true;
}

uint32_t FramedTransport::readEnd() {
  const uint32_t bytes = frame_bytes_ + 4;
  if (in_message_ && rBase_ != rBound_) {
    throw TTransportException(TTransportException::CORRUPTED_DATA, "message is shorter than its frame");
  }
  in_message_ = false;
  if (rBufSize_ > kKeptBufferBytes) {
    rBufSize_ = 0;
    rBuf_.reset();
  }
  setReadBuffer(rBuf_.get(), 0);
  return bytes;
}

void FramedTransport::writeSlow(const uint8_t* buffer, uint32_t length) {
  const uint64_t have = static_cast<uint64_t>(wBase_ - wBuf_.get());
  if (have + length > uint64_t{limits_.frame_bytes_max} + 4) {
    throw TTransportException(TTransportException::BAD_ARGS,
                              "message is larger than the limit of " +
                                  std::to_string(limits_.frame_bytes_max) + " bytes");
  }
  TFramedTransport::writeSlow(buffer, length);
}

void FramedTransport::flush() {
  if (clock_ != nullptr) {
    const uint64_t bytes = static_cast<uint64_t>(wBase_ - wBuf_.get());
    socket_->SetWriteDeadline(clock_->MonotonicNs() + times_.write_ns + TransferNs(bytes));
  }
  TFramedTransport::flush();
}

void FramedTransport::CountElements(uint32_t elements) {
  elements_ += elements;
  if (elements_ > limits_.elements_max) {
    throw TProtocolException(TProtocolException::SIZE_LIMIT,
                             "message with more than " + std::to_string(limits_.elements_max) +
                                 " list and map entries");
  }
  if (budget_ == nullptr) return;
  const uint64_t bytes = elements * kElementBytes;
  if (!budget_->TryAcquire(bytes)) {
    throw TProtocolException(TProtocolException::SIZE_LIMIT, "no memory for the entries of a request");
  }
  reserved_ += bytes;
}

uint32_t BoundedCompactProtocol::readMessageBegin_virt(std::string& name, TMessageType& type,
                                                       int32_t& sequence) {
  int8_t byte = 0;
  uint32_t read = readByte(byte);
  if (byte != PROTOCOL_ID) {
    throw TProtocolException(TProtocolException::BAD_VERSION, "not the compact protocol");
  }
  read += readByte(byte);
  if ((byte & VERSION_MASK) != VERSION_N) {
    throw TProtocolException(TProtocolException::BAD_VERSION, "unknown version of the compact protocol");
  }
  type = static_cast<TMessageType>((byte >> TYPE_SHIFT_AMOUNT) & TYPE_BITS);
  read += readVarint32(sequence);
  return read + ReadBytes(name);
}

uint32_t BoundedCompactProtocol::readListBegin_virt(TType& type, uint32_t& size) {
  const uint32_t read = readListBegin(type, size);
  trans_->CountElements(size);
  // Every element takes at least a byte on the wire, whatever its type is said to be.
  trans_->checkReadBytesAvailable(size);
  return read;
}

uint32_t BoundedCompactProtocol::readSetBegin_virt(TType& type, uint32_t& size) {
  return readListBegin_virt(type, size);
}

uint32_t BoundedCompactProtocol::readMapBegin_virt(TType& key, TType& value, uint32_t& size) {
  const uint32_t read = readMapBegin(key, value, size);
  trans_->CountElements(size);
  trans_->checkReadBytesAvailable(size);
  return read;
}

// Straight from the frame into the string; Thrift's own version grows a second buffer to the announced size first.
uint32_t BoundedCompactProtocol::ReadBytes(std::string& out) {
  int32_t size = 0;
  const uint32_t read = readVarint32(size);
  if (size < 0) throw TProtocolException(TProtocolException::NEGATIVE_SIZE);
  const uint32_t length = static_cast<uint32_t>(size);
  if (length == 0) {
    out.clear();
    return read;
  }
  uint32_t available = length;
  const uint8_t* bytes = trans_->borrow(nullptr, &available);
  if (bytes == nullptr) {
    throw TProtocolException(TProtocolException::SIZE_LIMIT,
                             "string of " + std::to_string(length) + " bytes is longer than its frame");
  }
  out.assign(reinterpret_cast<const char*>(bytes), length);
  trans_->consume(length);
  return read + length;
}

}  // namespace brazier::rpc
