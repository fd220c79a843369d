// What an operator sees of compaction, deletions, quarantine and scrub: text for terminals, one JSON object and a line feed for
// programs. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/contract/lifecycle.h"

namespace brazier::ctl {

// "2026-11-20", "2026-11-20T23:16:05Z", or ns since the epoch. nullopt for anything else.
std::optional<int64_t> ParseTime(std::string_view text);

// "tenant a, service api, {pod="x"}, profiles from ... to ...".
std::string FilterText(const DataFilter& filter);

std::string CompactionText(const contract::CompactionOverview& overview, int64_t now_ns);
std::string CompactionJson(const contract::CompactionOverview& overview);

// A table of all.
std::string DeletionsText(const std::vector<contract::DeletionView>& deletions);
// All that is known of one, as a proof of what became of it.
std::string DeletionText(const contract::DeletionView& deletion);
std::string DeletionsJson(const std::vector<contract::DeletionView>& deletions);

std::string QuarantineText(const std::vector<contract::QuarantinedBlockView>& blocks);
std::string QuarantineJson(const std::vector<contract::QuarantinedBlockView>& blocks);

std::string ScrubText(const contract::ScrubReport& report, size_t findings_max);
std::string ScrubJson(const contract::ScrubReport& report);
// While it runs, on one line.
std::string ScrubProgressText(const contract::ScrubReport& report);
// It came to its end and found nothing wrong. Orphans are garbage, not damage.
bool IsWell(const contract::ScrubReport& report);

}  // namespace brazier::ctl
