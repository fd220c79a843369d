#include "common/pipeline/append_receipt.h"

#include "common/codec/msgpack_io.h"

namespace brazier::pipeline {

std::string EncodeAppendReceipt(const contract::AppendReceipt& receipt) {
  codec::MsgpackWriter out;
  out.Array(3);
  out.Uint(receipt.segment.bits.high);
  out.Uint(receipt.segment.bits.low);
  out.Uint(receipt.duplicates);
  return out.Take();
}

Result<contract::AppendReceipt> DecodeAppendReceipt(Bytes bytes) {
  codec::MsgpackReader in(bytes, "append receipt");
  contract::AppendReceipt receipt;
  const size_t fields = in.Array();
  if (in.ok() && fields < 3) in.Fail("fewer than 3 fields");
  receipt.segment.bits.high = in.Uint();
  receipt.segment.bits.low = in.Uint();
  receipt.duplicates = in.Uint32();
  for (size_t i = 3; i < fields && in.ok(); ++i) in.Skip();
  RETURN_IF_ERROR(in.Finish());
  return receipt;
}

}  // namespace brazier::pipeline
