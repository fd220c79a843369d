// Task: a callable that runs once, possibly on another thread. Unlike std::function it may own
// things that cannot be copied (frames). Destroying a task that has not run destroys what it owns.
// Movable value.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace brazier::pipeline {

class Task {
 public:
  Task() = default;
  template <typename F>
  requires(!std::is_same_v<std::decay_t<F>, Task>) Task(F&& f)
      : body_(std::make_unique<Body<std::decay_t<F>>>(std::forward<F>(f))) {}  // NOLINT
  void operator()() { body_->Run(); }

 private:
  struct BodyBase {
    virtual ~BodyBase() = default;
    virtual void Run() = 0;
  };
  template <typename F>
  struct Body final : BodyBase {
    explicit Body(F&& f) : function(std::move(f)) {}
    explicit Body(const F& f) : function(f) {}
    void Run() override { function(); }
    F function;
  };
  std::unique_ptr<BodyBase> body_;
};

}  // namespace brazier::pipeline
