// Process: the chosen roles, built, connected and started. The only place that knows all of them.
//
// Each role gets the roles it needs as references: the object itself where both live in this process, a client over
// Thrift (metastore) or ZeroMQ (segment-writers, query-backends, compaction jobs) where not. Start order, which is the order of the
// members below; Stop is its reverse:
//   1 folders and stores: object store, metastore (log, index, consensus) or its client
//   2 workers: segment-writer, query-backend, and their pipeline door; the door where compaction workers get jobs
//   3 membership: who else lives; then the compaction worker, which finds its jobs through it
//   4 front roles: distributor, query-frontend
//   5 doors: Thrift, ZeroMQ, HTTP
// A failure on the way stops what was started, in reverse, and is the answer of Start.
// Start and Stop from one thread.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/config/config.h"

namespace brazier::app {

class Process {
 public:
  // REQUIRES: config has passed config::ValidateConfig. Errors name the setting to change.
  static Result<std::unique_ptr<Process>> Start(const config::Config& config);
  ~Process();  // stops
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Not ready, told to the cluster; closes the doors and answers what came in through them; lets each role finish;
  // closes the stores. Takes about shutdown.timeout at most. Idempotent.
  void Stop();

  // What to print once the doors are open: where the web UI is, and how to send a first profile.
  std::string Greeting() const;

 private:
  class Impl;
  explicit Process(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace brazier::app
