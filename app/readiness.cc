#include "app/readiness.h"

namespace brazier::app {

void Readiness::Add(std::string name, std::function<Status()> check) {
  checks_.emplace_back(std::move(name), std::move(check));
}

Status Readiness::Check() const {
  if (draining_) return Unavailable("draining");
  for (const auto& [name, check] : checks_) {
    if (const Status status = check(); !status.ok()) {
      return Unavailable(name + ": " + status.message());
    }
  }
  return Status::Ok();
}

std::vector<Readiness::Part> Readiness::Parts() const {
  std::vector<Part> parts;
  for (const auto& [name, check] : checks_) parts.push_back({name, check()});
  return parts;
}

}  // namespace brazier::app
