// WorkGate: how many pieces of work run at a time, and whose is next: the tenant's that has fewest running, of those the one that has waited
// longest. So a short query waits for a piece of a long one, not for its share of a processor among all of them. For pieces of some
// milliseconds that wait for nothing else. Thread-safe; outlives its passes.
#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <string>

namespace brazier::query_backend {

class WorkGate {
 public:
  // REQUIRES: slots > 0
  explicit WorkGate(size_t slots) : free_(slots) {}

  class Pass {
   public:
    ~Pass() { gate_.Leave(tenant_); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    friend class WorkGate;
    Pass(WorkGate& gate, const std::string& tenant) : gate_(gate), tenant_(tenant) { gate_.Enter(tenant_); }
    WorkGate& gate_;
    const std::string& tenant_;
  };
  // Pieces that wait for their turn, at the moment.
  size_t waiting() {
    std::lock_guard lock(mu_);
    return waiting_.size();
  }
  // Returns when it is this piece's turn. The text outlives the pass.
  Pass Wait(const std::string& tenant) { return {*this, tenant}; }

 private:
  struct Waiter {
    const std::string& tenant;
    std::condition_variable turn;
    bool has_turn = false;  // guarded by mu_
  };
  void Enter(const std::string& tenant);
  void Leave(const std::string& tenant);
  // REQUIRES: mu_ is held.
  void Begin(const std::string& tenant);

  std::mutex mu_;
  size_t free_;                             // guarded by mu_
  std::map<std::string, size_t> running_;   // guarded by mu_; by tenant, without those that have none
  std::list<Waiter*> waiting_;              // guarded by mu_; oldest first
};

}  // namespace brazier::query_backend
