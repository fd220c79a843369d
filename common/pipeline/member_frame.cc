#include "common/pipeline/member_frame.h"

#include <algorithm>

#include "common/base/crc32c.h"

namespace brazier::pipeline {
namespace {

constexpr char kMagic[3] = {'b', 'r', 'm'};
constexpr size_t kVersionAt = sizeof kMagic;
constexpr size_t kGroupAt = 4;
constexpr size_t kFromAt = 12;
constexpr size_t kToAt = 20;
constexpr size_t kAddressSizeAt = 28;
constexpr size_t kFixedBytes = kAddressSizeAt + 1 + sizeof(uint32_t);  // with an empty address

template <typename T>
void PutNumber(T value, std::string& out) {
  for (size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename T>
T NumberAt(Bytes bytes, size_t offset) {
  T value = 0;
  for (size_t i = 0; i < sizeof value; ++i) value |= static_cast<T>(bytes[offset + i]) << (8 * i);
  return value;
}

Status Unreadable(std::string_view reason, std::string message) {
  return InvalidArgument("message between members: " + std::move(message)).WithReason(reason);
}

}  // namespace

std::string EncodeMemberHeader(const MemberHeader& header, Bytes message) {
  const bool has_address = header.address.size() <= MemberHeader::kAddressBytesMax;
  const std::string_view address = has_address ? std::string_view(header.address) : "";
  std::string out;
  out.reserve(kFixedBytes + address.size());
  out.append(kMagic, sizeof kMagic);
  PutNumber(MemberHeader::kVersion, out);
  PutNumber(header.group_id, out);
  PutNumber(header.from, out);
  PutNumber(header.to, out);
  PutNumber(static_cast<uint8_t>(address.size()), out);
  out += address;
  PutNumber(Crc32c(message, Crc32c(AsBytes(out))), out);
  return out;
}

Result<MemberHeader> DecodeMemberHeader(Bytes header, Bytes message) {
  if (header.size() <= kVersionAt || !std::equal(kMagic, kMagic + sizeof kMagic, header.begin())) {
    return Unreadable("unreadable", "the header does not begin as one");
  }
  if (header[kVersionAt] != MemberHeader::kVersion) {
    return Unreadable("version", "version " + std::to_string(header[kVersionAt]) +
                                     ", this program reads version " +
                                     std::to_string(MemberHeader::kVersion));
  }
  if (header.size() < kFixedBytes || header.size() != kFixedBytes + header[kAddressSizeAt]) {
    return Unreadable("unreadable", "the header's " + std::to_string(header.size()) +
                                        " bytes do not fit its address");
  }
  const size_t crc_at = header.size() - sizeof(uint32_t);
  if (NumberAt<uint32_t>(header, crc_at) != Crc32c(message, Crc32c(header.first(crc_at)))) {
    return Unreadable("checksum", "the checksum does not fit the bytes");
  }
  return MemberHeader{NumberAt<uint64_t>(header, kGroupAt), NumberAt<uint64_t>(header, kFromAt),
                      NumberAt<uint64_t>(header, kToAt),
                      std::string(AsString(header.subspan(
                          kAddressSizeAt + 1, crc_at - kAddressSizeAt - 1)))};
}

}  // namespace brazier::pipeline
