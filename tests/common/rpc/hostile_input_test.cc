// What a peer sends may close its connection; it may not cost memory, a thread, or the server.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "common/rpc/push_client.h"
#include "tests/common/rpc/rpc_fixture.h"

namespace brazier::rpc {
namespace {

// A raw TCP connection to the server under test.
class RawConnection {
 public:
  explicit RawConnection(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawConnection() { ::close(fd_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool connected() const { return connected_; }
  void Send(const std::string& bytes) {
    // The server may have closed already; then the bytes are lost, as in life.
    [[maybe_unused]] auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Everything until the server closes; ok is false when it does not within `ms`.
  struct Rest {
    bool closed = false;
    std::string bytes;
  };
  Rest ReadUntilClosed(int ms) {
    Rest rest;
    const int64_t deadline_ns = SystemClock().MonotonicNs() + ms * kNsPerMs;
    for (;;) {
      const int64_t left_ms = (deadline_ns - SystemClock().MonotonicNs()) / kNsPerMs;
      if (left_ms <= 0) return rest;
      pollfd poll_fd = {fd_, POLLIN, 0};
      if (::poll(&poll_fd, 1, static_cast<int>(left_ms)) <= 0) continue;
      char buffer[4096];
      const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (got <= 0) {
        rest.closed = true;
        return rest;
      }
      rest.bytes.append(buffer, static_cast<size_t>(got));
    }
  }

 private:
  int fd_;
  bool connected_ = false;
};

std::string Frame(const std::string& payload) {
  const uint32_t size = htonl(static_cast<uint32_t>(payload.size()));
  return std::string(reinterpret_cast<const char*>(&size), 4) + payload;
}

std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

// A compact call message up to its arguments.
std::string CallOf(const std::string& method) {
  return std::string("\x82\x21\x00", 3) + Varint(method.size()) + method;
}

uint64_t RssBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

class HostileInput : public RpcFixture {
 protected:
  void SetUp() override {
    options.frame_timeout_ms = 300;
    StartServer();
    rss_before_ = RssBytes();
  }

  void ExpectServerIsWell() {
    PushClient client(Client(), SystemClock(), SystemRandom(), metrics);
    EXPECT_TRUE(client.Ready().ok());
    const int64_t grown = static_cast<int64_t>(RssBytes()) - static_cast<int64_t>(rss_before_);
    EXPECT_LT(grown, 64 << 20);
    std::printf("resident memory grew by %lld KiB\n", static_cast<long long>(grown / 1024));
  }

  // Sends the bytes on a new connection and expects to be cut off long before the idle timeout.
  std::string ExpectClosedAfter(const std::string& bytes) {
    RawConnection connection(server->port());
    EXPECT_TRUE(connection.connected());
    connection.Send(bytes);
    const auto rest = connection.ReadUntilClosed(5000);
    EXPECT_TRUE(rest.closed);
    return rest.bytes;
  }

  uint64_t rss_before_ = 0;
};

TEST_F(HostileInput, FrameOfOneGigabyteIsRefused) {
  EXPECT_EQ(ExpectClosedAfter(std::string("\x40\x00\x00\x00", 4) + "abc"), "");
  EXPECT_EQ(CounterValue("brazier_rpc_server_connections_broken_total"), 1u);
  ExpectServerIsWell();
}

TEST_F(HostileInput, NegativeFrameLengthIsRefused) {
  ExpectClosedAfter("\xff\xff\xff\xff");
  ExpectClosedAfter(std::string("\x80\x00\x00\x00", 4));
  ExpectServerIsWell();
}

TEST_F(HostileInput, EmptyFrameIsRefused) {
  ExpectClosedAfter(std::string(4, '\0'));
  ExpectServerIsWell();
}

TEST_F(HostileInput, HttpOnThePortIsCutOff) {
  ExpectClosedAfter("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ExpectServerIsWell();
}

TEST_F(HostileInput, GarbageInAFrameIsCutOff) {
  uint64_t state = 42;
  for (int round = 0; round < 200; ++round) {
    std::string payload;
    for (int i = 0; i < 64; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      payload += static_cast<char>(state >> 56);
    }
    // Half of them get past the message header.
    ExpectClosedAfter(Frame(round % 2 == 0 ? payload : CallOf("PushService:push") + payload));
    if (HasFailure()) FAIL() << "in round " << round;
  }
  ExpectServerIsWell();
}

// PushRequest with 2^31-1 profiles announced and none sent.
TEST_F(HostileInput, HugeListsAreNotBelieved) {
  const std::string request = CallOf("PushService:push") + std::string("\x1c\x1c\x00\x19\xfc", 5);
  ExpectClosedAfter(Frame(request + Varint(0x7fffffff)));
  ExpectClosedAfter(Frame(request + Varint(200'000)));
  EXPECT_TRUE(distributor.pushes.empty());
  ExpectServerIsWell();
}

// A list of empty structs takes one byte each on the wire and hundreds in memory.
TEST_F(HostileInput, ManySmallElementsAreLimited) {
  const std::string request = CallOf("PushService:push") + std::string("\x1c\x1c\x00\x19\xfc", 5);
  ExpectClosedAfter(Frame(request + Varint(1 << 20) + std::string(1 << 20, '\0') + std::string(2, '\0')));
  EXPECT_TRUE(distributor.pushes.empty());
  ExpectServerIsWell();
}

TEST_F(HostileInput, HugeStringsAreNotBelieved) {
  // The header's request_id claims 1 GB.
  ExpectClosedAfter(Frame(CallOf("PushService:push") + "\x1c\x1c\x18" + Varint(1 << 30) + "abc"));
  // The message name does.
  ExpectClosedAfter(Frame(std::string("\x82\x21\x00", 3) + Varint(1 << 30) + "abc"));
  ExpectServerIsWell();
}

TEST_F(HostileInput, DeepNestingIsCutOff) {
  // Unknown fields are skipped by recursion: 100,000 structs, and as many lists, inside each other.
  ExpectClosedAfter(Frame(CallOf("PushService:push") + std::string(100'000, '\xfc')));
  ExpectClosedAfter(Frame(CallOf("PushService:push") + "\xf9" + std::string(100'000, '\x19')));
  ExpectServerIsWell();
}

TEST_F(HostileInput, MessageMustEndWithItsFrame) {
  const std::string request = CallOf("PushService:push");
  // Two frames for one message: the second is never waited for.
  RawConnection connection(server->port());
  connection.Send(Frame(request));
  EXPECT_TRUE(connection.ReadUntilClosed(5000).closed);
  // A complete message, and bytes after it.
  ExpectClosedAfter(Frame(request + std::string(1, '\0') + "abc"));
  EXPECT_TRUE(distributor.pushes.empty());
  ExpectServerIsWell();
}

TEST_F(HostileInput, UnknownServiceIsToldSo) {
  const std::string answer = ExpectClosedAfter(Frame(CallOf("NoService:push") + std::string(1, '\0')));
  EXPECT_NE(answer.find("NoService"), std::string::npos);
  ExpectServerIsWell();
}

TEST_F(HostileInput, UnknownMethodIsToldSoAndTheConnectionStays) {
  RawConnection connection(server->port());
  connection.Send(Frame(CallOf("PushService:drop") + std::string(1, '\0')));
  connection.Send(Frame(CallOf("PushService:ready") + std::string("\x1c\x00\x00", 3)));
  const auto rest = connection.ReadUntilClosed(300);
  EXPECT_FALSE(rest.closed);
  EXPECT_NE(rest.bytes.find("Invalid method name"), std::string::npos);
  EXPECT_NE(rest.bytes.find("ready"), std::string::npos);
}

TEST_F(HostileInput, SlowFramesAreCutOff) {
  RawConnection half_header(server->port());
  half_header.Send(std::string(2, '\0'));
  RawConnection half_body(server->port());
  half_body.Send(std::string("\x00\x00\x01\x00", 4) + "abc");
  EXPECT_TRUE(half_header.ReadUntilClosed(3000).closed);
  EXPECT_TRUE(half_body.ReadUntilClosed(3000).closed);
  ExpectServerIsWell();
}

TEST_F(HostileInput, DrippingBytesDoesNotExtendTheTime) {
  RawConnection connection(server->port());
  connection.Send(std::string("\x00\x00\x01\x00", 4));
  bool closed = false;
  for (int i = 0; i < 60 && !closed; ++i) {  // a byte every 50 ms: 3 s at most
    connection.Send("x");
    closed = connection.ReadUntilClosed(50).closed;
  }
  EXPECT_TRUE(closed);
  ExpectServerIsWell();
}

TEST_F(HostileInput, AnnouncedFramesTakeNoMemory) {
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 20; ++i) {
    connections.push_back(std::make_unique<RawConnection>(server->port()));
    connections.back()->Send(std::string("\x00\xe0\x00\x00", 4) + "abc");  // 14 MiB
  }
  ExpectServerIsWell();
}

}  // namespace
}  // namespace brazier::rpc
