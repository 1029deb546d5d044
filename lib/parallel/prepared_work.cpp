#include "parallel/prepared_work.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace lockstep {

namespace {

class PreparedWork final : public Work {
 public:
  PreparedWork(WorkPtr inner, SteadyTime begin, std::function<void()> unpack)
      : inner_(std::move(inner)), unpack_(std::move(unpack)), begin_(begin), end_(begin) {
    kind = inner_->kind;
    bytes = inner_->bytes;
    sequence = inner_->sequence;
  }

  void wait() override {
    inner_->wait();
    if (!unpack_) return;
    std::exchange(unpack_, nullptr)();
    end_ = steady_now();
  }
  WorkTimes times() override { return {begin_, begin_, std::max(end_, inner_->times().end)}; }

 private:
  WorkPtr inner_;
  std::function<void()> unpack_;
  SteadyTime begin_, end_;
};

}  // namespace

WorkPtr prepared(WorkPtr work, SteadyTime begin, std::function<void()> unpack) {
  return std::make_shared<PreparedWork>(std::move(work), begin, std::move(unpack));
}

}  // namespace lockstep
