#include "common/codec/compression.h"

#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace brazier::codec {
namespace {

struct FreeDeflate {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};
struct FreeCompress {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};
struct FreeDecompress {
  void operator()(ZSTD_DCtx* d) const { ZSTD_freeDCtx(d); }
};

// Contexts are costly to make and cheap to keep: one per thread that uses them.
libdeflate_decompressor* Inflater() {
  thread_local std::unique_ptr<libdeflate_decompressor, FreeDeflate> inflater(
      libdeflate_alloc_decompressor());
  return inflater.get();
}

// The smallest gzip member: a 10-byte header, an empty deflate block, an 8-byte trailer.
constexpr size_t kGzipBytesMin = 20;
// First guess of the output where the trailer gives none: profiles inflate 2-4 times.
constexpr size_t kInflateGuess = 4;

}  // namespace

bool IsGzip(Bytes data) { return data.size() >= 2 && data[0] == 0x1F && data[1] == 0x8B; }

Status Gunzip(Bytes data, size_t bytes_max, std::string* out) {
  out->clear();
  if (!IsGzip(data) || data.size() < kGzipBytesMin) {
    return InvalidArgument("gzip: truncated header").WithReason("malformed_profile");
  }
  // The last member's size modulo 2^32; a hint only, so never trusted beyond the bound.
  uint32_t size_hint;
  std::memcpy(&size_hint, data.data() + data.size() - 4, 4);
  size_t capacity = std::min<size_t>(bytes_max, std::max<size_t>(size_hint, 64));
  if (size_hint > data.size() * 1100) capacity = std::min(bytes_max, data.size() * kInflateGuess);
  size_t used = 0;
  Bytes rest = data;
  while (!rest.empty()) {
    if (used > 0 && !IsGzip(rest)) break;  // trailing padding, as gzip itself tolerates
    out->resize(capacity);
    size_t in_size = 0;
    size_t out_size = 0;
    const libdeflate_result result = libdeflate_gzip_decompress_ex(
        Inflater(), rest.data(), rest.size(), out->data() + used, capacity - used, &in_size,
        &out_size);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
      if (capacity >= bytes_max) {
        out->clear();
        return ResourceExhausted("profile inflates to more than the limit of " +
                                 std::to_string(bytes_max) + " bytes (max-profile-bytes)")
            .WithReason("profile_size_limit");
      }
      capacity = std::min(bytes_max, capacity * 2 + 4096);
      continue;
    }
    if (result != LIBDEFLATE_SUCCESS) {
      out->clear();
      return InvalidArgument("gzip: the stream is corrupt or truncated")
          .WithReason("malformed_profile");
    }
    used += out_size;
    rest = rest.subspan(in_size);
  }
  out->resize(used);
  return Status::Ok();
}

namespace {

using CompressContext = std::unique_ptr<ZSTD_CCtx, FreeCompress>;

CompressContext MakeCompressContext(int level) {
  CompressContext context(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  // The table of contents knows the size, and sections have their own checksum.
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 0);
  return context;
}

void Compress(ZSTD_CCtx* context, Bytes data, std::string* out) {
  const size_t begin = out->size();
  out->resize(begin + ZSTD_compressBound(data.size()));
  const size_t n = ZSTD_compress2(context, out->data() + begin, out->size() - begin, data.data(), data.size());
  CHECK(!ZSTD_isError(n));
  out->resize(begin + n);
}

// The more negative, the fewer places are searched for repetitions: short ones cost stack columns more bytes than they
// save. Below this nothing changes any more, but that long ones are missed as well.
constexpr int kNumbersLevel = -300;

// Negative levels leave literals as they are unless told otherwise. The parameter's own name is for static linking only;
// a library that does not know it gets level 1.
CompressContext MakeNumbersContext() {
  CompressContext context = MakeCompressContext(kNumbersLevel);
  constexpr ZSTD_cParameter kLiteralCompressionMode = ZSTD_c_experimentalParam5;
  constexpr int kHuffman = 1;
  if (ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), kLiteralCompressionMode, kHuffman))) {
    return MakeCompressContext(1);
  }
  return context;
}

}  // namespace

void ZstdCompress(Bytes data, int level, std::string* out) {
  thread_local const CompressContext context = MakeCompressContext(level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  Compress(context.get(), data, out);
}

void ZstdCompressNumbers(Bytes data, std::string* out) {
  thread_local const CompressContext context = MakeNumbersContext();
  Compress(context.get(), data, out);
}

Status ZstdDecompress(Bytes data, size_t raw_size, std::string* out) {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeDecompress> context(ZSTD_createDCtx());
  out->resize(raw_size);
  const size_t n =
      ZSTD_decompressDCtx(context.get(), out->data(), raw_size, data.data(), data.size());
  if (ZSTD_isError(n) || n != raw_size) {
    return Corruption("zstd: the frame is corrupt or does not have its recorded size of " +
                      std::to_string(raw_size) + " bytes");
  }
  return Status::Ok();
}

}  // namespace brazier::codec
