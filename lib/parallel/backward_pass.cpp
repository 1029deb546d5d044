#include "parallel/backward_pass.hpp"

#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/graph_task.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

namespace lockstep {

namespace {

// How long an autograd thread may take to release its task after an exception.
constexpr auto kLongestRelease = std::chrono::milliseconds(200);

}  // namespace

// Autograd does not report when a pass begins, nests or throws. It offers only a callback at the end of the
// graph task in which it is queued. If the callback is destroyed without being called, the task threw; if it
// is called while a node is being evaluated, the task was nested in that node. Then the next node of the
// enclosing task queues another callback.
class BackwardPass::State : public std::enable_shared_from_this<BackwardPass::State> {
 public:
  explicit State(Events events) : events_(std::move(events)) {}

  Place enter() {
    const int task = torch::autograd::get_current_graph_task_id();
    const std::lock_guard lock(mutex_);
    if (open_ && !resuming_ && token_.expired()) abandon();
    if (open_ && !resuming_) return {false, task != task_};
    // Another nested task of the same node: whether it is one shows at its end.
    const bool first = !std::exchange(open_, true);
    resuming_ = false;
    watch(task);
    return {first, !first};
  }

  void settle() {
    const auto deadline = std::chrono::steady_clock::now() + kLongestRelease;
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (open_ && !resuming_ && token_.expired()) abandon();
        if (!open_ || resuming_ || std::chrono::steady_clock::now() > deadline) return;
      }
      std::this_thread::yield();
    }
  }

  // The enclosing task goes on with its next node.
  void resume() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(resuming_, false)) return;
    watch(torch::autograd::get_current_graph_task_id());
  }

 private:
  // Lives as long as the graph task that it was queued in, or until the task has ended well.
  struct Token {
    std::weak_ptr<State> state;
    bool called = false;
    explicit Token(std::weak_ptr<State> owner) : state(std::move(owner)) {}
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;
    ~Token() {
      const auto alive = called ? nullptr : state.lock();
      if (alive) alive->on_death(this);
    }
  };

  class ResumeHook final : public torch::autograd::FunctionPreHook {
   public:
    explicit ResumeHook(std::weak_ptr<State> state) : state_(std::move(state)) {}
    torch::autograd::variable_list operator()(const torch::autograd::variable_list& gradients) override {
      if (const auto alive = state_.lock()) alive->resume();
      return gradients;
    }
    bool belongs_to(const State* state) const { return state_.lock().get() == state; }

   private:
    std::weak_ptr<State> state_;
  };

  void watch(int task) {
    task_ = task;
    auto token = std::make_shared<Token>(weak_from_this());
    token_ = token;
    watched_ = token.get();
    torch::autograd::Engine::get_default_engine().queue_callback([token = std::move(token)] {
      token->called = true;
      if (const auto alive = token->state.lock()) alive->on_task_end();
    });
  }

  void on_task_end() {
    if (const auto enclosing = torch::autograd::get_current_node()) return hand_on(*enclosing);
    {
      const std::lock_guard lock(mutex_);
      open_ = false;
    }
    events_.ended();
  }

  void hand_on(torch::autograd::Node& enclosing) {
    const std::lock_guard lock(mutex_);
    resuming_ = true;
    for (const torch::autograd::Edge& edge : enclosing.next_edges())
      if (edge.function && !has_hook(*edge.function))
        edge.function->add_pre_hook(std::make_unique<ResumeHook>(weak_from_this()));
  }

  bool has_hook(torch::autograd::Node& node) const {
    for (const auto& hook : node.pre_hooks())
      if (const auto* ours = dynamic_cast<const ResumeHook*>(hook.get()); ours && ours->belongs_to(this))
        return true;
    return false;
  }

  void on_death(const Token* token) {
    const std::lock_guard lock(mutex_);
    if (open_ && !resuming_ && token == watched_) abandon();
  }

  void abandon() {
    open_ = false;
    events_.abandoned();
  }

  Events events_;
  std::mutex mutex_;  // of what follows; hooks, callbacks and the user may be on different threads
  bool open_ = false;
  bool resuming_ = false;  // a nested task has ended, and the enclosing one not yet gone on
  int task_ = -1;
  std::weak_ptr<Token> token_;
  const Token* watched_ = nullptr;
};

BackwardPass::BackwardPass(Events events) : state_(std::make_shared<State>(std::move(events))) {}
BackwardPass::~BackwardPass() = default;
BackwardPass::Place BackwardPass::enter() { return state_->enter(); }
void BackwardPass::settle() { state_->settle(); }

}  // namespace lockstep
