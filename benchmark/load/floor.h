// Floors: the least that the work can cost on this machine, measured in the same run as the server. Pure; one thread.
#pragma once

#include <string>
#include <vector>

namespace brazier::benchmark {

// CPU seconds to inflate each profile and scan its protobuf once, every varint decoded and nothing kept: mean per profile of
// the best of `passes` passes.
double InflateAndScanSeconds(const std::vector<std::string>& gzipped, int passes);

// Wall seconds for what durability costs at least: write a file of `bytes` bytes, fsync it, rename it, fsync its folder.
// Median of `count` files in `folder`.
double DurableFileSeconds(const std::string& folder, size_t bytes, int count);

}  // namespace brazier::benchmark
