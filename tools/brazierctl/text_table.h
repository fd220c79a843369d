// TableText: rows of cells as lines for a terminal, each column as wide as its widest cell. Pure function.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace brazier::ctl {

// Right-aligned columns are for numbers; a last column that is not is not padded.
inline std::string TableText(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right_aligned) {
  std::vector<size_t> widths(right_aligned.size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - row[i].size(), ' ');
      const bool last = i + 1 == row.size();
      out += right_aligned[i] ? pad + row[i] : last ? row[i] : row[i] + pad;
      out += last ? "\n" : "  ";
    }
  }
  return out;
}

}  // namespace brazier::ctl
