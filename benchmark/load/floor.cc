#include "benchmark/load/floor.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace brazier::benchmark {
namespace {

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

uint64_t ReadVarint(const uint8_t*& at, const uint8_t* end) {
  uint64_t value = 0;
  for (int shift = 0; at < end && shift < 64; shift += 7) {
    const uint8_t byte = *at++;
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) break;
  }
  return value;
}

// Which length-delimited fields of a pprof message hold messages, and which packed numbers.
enum class Level { kProfile, kSample, kLocation, kLeaf };

// Adds up every number in the message, so that no decoding can be optimised away.
uint64_t Scan(const uint8_t* at, const uint8_t* end, Level level) {
  uint64_t sum = 0;
  while (at < end) {
    const uint64_t tag = ReadVarint(at, end);
    const uint64_t field = tag >> 3;
    if ((tag & 7) == 0) {
      sum += ReadVarint(at, end);
      continue;
    }
    const uint64_t size = std::min<uint64_t>(ReadVarint(at, end), static_cast<uint64_t>(end - at));
    const uint8_t* const next = at + size;
    if (level == Level::kProfile && field == 6) {
      sum += size;  // a string: its bytes need no decoding
    } else if (level == Level::kProfile) {
      sum += Scan(at, next, field == 2 ? Level::kSample : field == 4 ? Level::kLocation : Level::kLeaf);
    } else if (level == Level::kSample && field != 3) {
      while (at < next) sum += ReadVarint(at, next);
    } else {
      sum += Scan(at, next, Level::kLeaf);
    }
    at = next;
  }
  return sum;
}

}  // namespace

double InflateAndScanSeconds(const std::vector<std::string>& gzipped, int passes) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  std::vector<uint8_t> buffer(1 << 20);
  volatile uint64_t sink = 0;
  double best = 1e9;
  for (int pass = 0; pass < passes; ++pass) {
    const double started = ThreadCpuSeconds();
    for (const std::string& profile : gzipped) {
      size_t size = 0;
      while (libdeflate_gzip_decompress(decompressor.get(), profile.data(), profile.size(), buffer.data(), buffer.size(),
                                        &size) == LIBDEFLATE_INSUFFICIENT_SPACE) {
        buffer.resize(buffer.size() * 2);
      }
      sink = sink + Scan(buffer.data(), buffer.data() + size, Level::kProfile);
    }
    best = std::min(best, ThreadCpuSeconds() - started);
  }
  return best / static_cast<double>(gzipped.size());
}

double DurableFileSeconds(const std::string& folder, size_t bytes, int count) {
  std::filesystem::create_directories(folder);
  const std::string content(bytes, 'x');
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const std::string temporary = folder + "/floor.tmp";
    const std::string final_name = folder + "/floor." + std::to_string(i);
    const auto started = std::chrono::steady_clock::now();
    const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0 || write(file, content.data(), bytes) != static_cast<ssize_t>(bytes)) std::perror("floor: write");
    fsync(file);
    close(file);
    std::rename(temporary.c_str(), final_name.c_str());
    const int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fsync(directory);
    close(directory);
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  }
  for (int i = 0; i < count; ++i) std::filesystem::remove(folder + "/floor." + std::to_string(i));
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}  // namespace brazier::benchmark
