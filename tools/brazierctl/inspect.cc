#include "store/block/block_inspect.h"
#include "tools/brazierctl/commands.h"
#include "tools/brazierctl/read_file.h"

namespace brazier::ctl {

Status Inspect(const std::string& file, std::ostream& out) {
  ASSIGN_OR_RETURN(const std::string data, ReadFile(file));
  size_t damaged = 0;
  auto text = block::InspectObject(AsBytes(data), &damaged);
  if (!text.ok()) return text.status().Annotate(file);
  out << *text;
  if (damaged > 0) {
    return Corruption(file + ": " + std::to_string(damaged) + " sections fail their checksum");
  }
  return Status::Ok();
}

}  // namespace brazier::ctl
