#include "app/readiness.h"

namespace brazier::app {

void Readiness::Add(std::string name, std::function<Status()> check) {
  checks_.push_back({std::move(name), std::move(check)});
}

Status Readiness::Check() const {
  if (draining_) return Unavailable("draining");
  for (const Named& named : checks_) {
    if (const Status status = named.check(); !status.ok()) {
      return Unavailable(named.name + ": " + status.message());
    }
  }
  return Status::Ok();
}

std::vector<Readiness::Part> Readiness::Parts() const {
  std::vector<Part> parts;
  for (const Named& named : checks_) parts.push_back({named.name, named.check()});
  return parts;
}

}  // namespace brazier::app
