#include "comm/node_collectives.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "comm/tensor_check.hpp"
#include "launch/mpi_check.hpp"

namespace lockstep {
namespace {

// A piece stays in the caches between two ranks; two of them, so that nobody waits for the slowest reader.
constexpr std::int64_t kSlotBytes = std::int64_t{256} << 10;
// Up to here every rank adds up all of it by itself, which spares them a meeting.
constexpr std::int64_t kSmallBytes = 16 << 10;
constexpr std::size_t kPosts = NodeCollectives::kMostAnnounced;
constexpr std::int64_t kLine = 64;  // bytes: slices begin on cache lines of their own
constexpr std::int64_t kGrain = 1 << 16, kGrainBytes = 1 << 18;  // elements, bytes of a thread, at least
// One call of MPI: see MpiTransfer.
constexpr std::int64_t kAcrossBytes = std::int64_t{2} << 20;

void copy_bytes(std::byte* to, const std::byte* from, std::int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

}  // namespace

// All that must be equal on all ranks, and where the tensor lies.
struct NodeCollectives::Post {
  NodeMemory::Location location = {};
  std::int64_t elements = 0;
  CollectiveKind kind{};
  at::ScalarType dtype = at::kFloat;
  ReduceOp op{};
  int root = 0;

  bool agrees(const Post& other) const {
    return elements == other.elements && kind == other.kind && dtype == other.dtype && op == other.op &&
           root == other.root;
  }
};

struct NodeCollectives::Control {
  // How many operations this rank has announced, and done its share of; how often it has met the others.
  alignas(128) std::atomic<std::uint64_t> announced;
  std::atomic<std::uint64_t> done;
  alignas(128) std::atomic<std::uint64_t> met;
  alignas(128) Post posts[kPosts];
  alignas(128) std::byte slots[2][kSlotBytes];
};

NodeCollectives::Outcome NodeCollectives::create(MPI_Comm parent, int ranks_per_node) {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  const NodeRanks ranks = find_node_ranks(parent, ranks_per_node);
  SharedBlock::Outcome made = SharedBlock::create(ranks.node, sizeof(Control));
  // The nodes agree: what goes by shared memory on one must not go by messages on another.
  const int good = made.block ? 1 : 0;
  int all_good = 0;
  LOCKSTEP_MPI(MPI_Allreduce(&good, &all_good, 1, MPI_INT, MPI_MIN, parent));
  if (all_good == 0)
    return {nullptr, made.obstacle.empty() ? "the ranks of another node cannot share memory" : made.obstacle};
  return {std::unique_ptr<NodeCollectives>(new NodeCollectives(ranks, std::move(made.block))), {}};
}

NodeCollectives::NodeCollectives(NodeRanks ranks, std::shared_ptr<SharedBlock> control)
    : ranks_(ranks), control_(std::move(control)), memory_(ranks_), cache_bytes_(cache_bytes()) {
  parts_.resize(static_cast<std::size_t>(ranks_.size));
  sources_.resize(parts_.size());
}

NodeCollectives::Control& NodeCollectives::control(int rank) const {
  return *reinterpret_cast<Control*>(control_->part(rank));  // zeros are a Control that has not begun
}

const NodeCollectives::Post& NodeCollectives::post(int rank) const {
  return control(rank).posts[run_ % kPosts];
}

NodeCollectives::Post NodeCollectives::describe(const NodeOperation& o) const {
  Post post{.kind = o.kind, .op = o.op, .root = o.root};
  const at::Tensor& larger = o.kind == CollectiveKind::reduce_scatter ? o.input : o.output;
  if (!larger.defined()) return post;
  post.elements = larger.numel();
  post.dtype = larger.scalar_type();
  const bool gathers_in_place = o.kind == CollectiveKind::all_gather &&
                                data_of(o.input) == data_of(o.output) + ranks_.rank * bytes_of(o.input);
  if (o.kind == CollectiveKind::all_reduce || o.kind == CollectiveKind::reduce_scatter || gathers_in_place)
    post.location = memory_.find(larger);
  return post;
}

template <typename Counter>
void NodeCollectives::await_all(Counter counter, std::uint64_t value, const Pause& pause) const {
  int round = 0;
  for (int rank = 0; rank < ranks_.size; ++rank)
    while ((control(rank).*counter).load(std::memory_order_acquire) < value) pause(round++);
}

void NodeCollectives::announce(const NodeOperation& operation, const Pause& pause) {
  if (announced_ >= kPosts) await_all(&Control::done, announced_ - kPosts + 1, pause);
  Control& mine = control(ranks_.rank);
  mine.posts[announced_ % kPosts] = describe(operation);
  mine.announced.store(++announced_, std::memory_order_release);
}

bool NodeCollectives::all_announced() const {
  for (int rank = 0; rank < ranks_.size; ++rank)
    if (control(rank).announced.load(std::memory_order_acquire) <= run_) return false;
  return true;
}

void NodeCollectives::run(const NodeOperation& operation, const Pause& pause, bool several_threads) {
  if (!run_in_place(operation, pause, several_threads)) run_through_slots(operation, pause);
  ++run_;
}

void NodeCollectives::run_across(const NodeOperation& operation, const Pause& pause, bool in_place) {
  if (!in_place)
    run_through_slots(operation, pause);
  else if (!run_in_place(operation, pause, /*several_threads=*/false))
    throw run_error("{} in place of a tensor that is not in shared memory", name_of(operation.kind));
  ++run_;
}

void NodeCollectives::require_agreement(const NodeOperation& operation) const {
  const Post& mine = post(ranks_.rank);
  for (int rank = 0; rank < ranks_.size; ++rank) {
    const Post& theirs = post(rank);
    if (mine.agrees(theirs)) continue;
    throw run_error("{} of {} elements of {} meets {} of {} elements of {} on rank {} of this node",
                    name_of(operation.kind), mine.elements, c10::toString(mine.dtype), name_of(theirs.kind),
                    theirs.elements, c10::toString(theirs.dtype), rank);
  }
}

NodeCollectives::Range NodeCollectives::slice(int rank, std::int64_t elements,
                                              std::int64_t element_bytes) const {
  const std::int64_t unit = kLine / element_bytes;
  const std::int64_t even = (elements + ranks_.slices - 1) / ranks_.slices;
  const std::int64_t length = (even + unit - 1) / unit * unit;
  const auto bound = [&](std::int64_t index) { return std::min(elements, index * length); };
  return {rank < ranks_.slices ? bound(rank) : elements, rank < ranks_.slices ? bound(rank + 1) : elements};
}

// Whether all ranks have their tensor in shared memory: then parts_ and sources_ are where.
bool NodeCollectives::find_parts() {
  for (int rank = 0; rank < ranks_.size; ++rank) {
    const NodeMemory::Location theirs = post(rank).location;
    if (theirs.block < 0) return false;
    std::byte* const part = memory_.place(theirs, rank);
    if (!part) throw run_error("rank {} of this node reduces memory that this rank has freed", rank);
    parts_[static_cast<std::size_t>(rank)] = part;
  }
  std::copy(parts_.begin(), parts_.end(), sources_.begin());
  return true;
}

SliceReduction NodeCollectives::reduction_of(const NodeOperation& o) const {
  return {
      .dtype = o.output.scalar_type(), .op = o.op, .scale = o.op == ReduceOp::mean ? 1.0 / ranks_.total : 1};
}

bool NodeCollectives::run_in_place(const NodeOperation& operation, const Pause& pause, bool several_threads) {
  if (post(ranks_.rank).location.block < 0) return false;
  await_all(&Control::announced, run_ + 1, pause);
  if (!find_parts()) return false;
  require_agreement(operation);
  if (operation.kind == CollectiveKind::all_gather)
    copy_parts(operation, several_threads);
  else if (operation.kind == CollectiveKind::reduce_scatter)
    reduce_part(operation, several_threads);
  else
    reduce_in_place(operation, several_threads);
  control(ranks_.rank).done.store(run_ + 1, std::memory_order_release);
  await_all(&Control::done, run_ + 1, pause);
  return true;
}

void NodeCollectives::reduce_in_place(const NodeOperation& operation, bool several_threads) {
  const at::Tensor& tensor = operation.output;
  SliceReduction reduction = reduction_of(operation);
  reduction.past_caches = bytes_of(tensor) * ranks_.size > cache_bytes_;
  const Range mine = slice(ranks_.rank, tensor.numel(), element_bytes(tensor));
  if (ranks_.nodes == 1)
    reduce_slice(reduction, mine, several_threads);
  else if (ranks_.across != MPI_COMM_NULL)
    reduce_across(reduction, mine);
}

// This rank's part of all tensors.
void NodeCollectives::reduce_part(const NodeOperation& operation, bool several_threads) {
  std::byte* const here = data_of(operation.output);
  const std::int64_t elements = operation.output.numel();
  for (const std::byte*& source : sources_) source += ranks_.rank * bytes_of(operation.output);
  const SliceReduction reduction{.dtype = operation.output.scalar_type()};
  const auto reduce = [&](std::int64_t begin, std::int64_t end) {
    reduce_slices(reduction, sources_, {&here, 1}, begin, end);
  };
  several_threads ? at::parallel_for(0, elements, kGrain, reduce) : reduce(0, elements);
}

// The other ranks' parts, each from its own rank's tensor; not all ranks begin with the same one.
void NodeCollectives::copy_parts(const NodeOperation& operation, bool several_threads) {
  const std::int64_t part = bytes_of(operation.input);
  for (int i = 1; i < ranks_.size; ++i) {
    const int rank = (ranks_.rank + i) % ranks_.size;
    std::byte* const here = data_of(operation.output) + rank * part;
    const std::byte* const there = parts_[static_cast<std::size_t>(rank)] + rank * part;
    const auto copy = [&](std::int64_t begin, std::int64_t end) {
      copy_bytes(here + begin, there + begin, end - begin);
    };
    several_threads ? at::parallel_for(0, part, kGrainBytes, copy) : copy(0, part);
  }
}

void NodeCollectives::reduce_slice(const SliceReduction& reduction, Range slice, bool several_threads) {
  if (!several_threads) return reduce_slices(reduction, sources_, parts_, slice.begin, slice.end);
  at::parallel_for(slice.begin, slice.end, kGrain, [&](std::int64_t begin, std::int64_t end) {
    reduce_slices(reduction, sources_, parts_, begin, end);
  });
}

// Into this rank's own part first, where MPI adds the other nodes' to it; then into all parts.
void NodeCollectives::reduce_across(SliceReduction reduction, Range slice) {
  const auto mine = static_cast<std::size_t>(ranks_.rank);
  const auto element = static_cast<std::int64_t>(c10::elementSize(reduction.dtype));
  const double scale = std::exchange(reduction.scale, 1);
  const bool past_caches = std::exchange(reduction.past_caches, false);
  reduce_slices(reduction, sources_, {&parts_[mine], 1}, slice.begin, slice.end);
  const ReduceOp op = reduction.op == ReduceOp::mean ? ReduceOp::sum : reduction.op;
  for (std::int64_t begin = slice.begin; begin < slice.end; begin += kAcrossBytes / element) {
    const std::int64_t count = std::min(kAcrossBytes / element, slice.end - begin);
    LOCKSTEP_MPI(MPI_Allreduce(MPI_IN_PLACE, parts_[mine] + begin * element, static_cast<int>(count),
                               mpi_type(reduction.dtype), reductions_.get(reduction.dtype, op),
                               ranks_.across));
  }
  reduction.scale = scale;
  reduction.past_caches = past_caches;
  reduce_slices(reduction, {&sources_[mine], 1}, parts_, slice.begin, slice.end);
}

void NodeCollectives::meet(const Pause& pause) {
  control(ranks_.rank).met.store(++met_, std::memory_order_release);
  await_all(&Control::met, met_, pause);
}

// Nobody writes into a slot while another still reads the piece before the last from it: since then all have
// met, once in every piece.
void NodeCollectives::next_piece() {
  ++pieces_;
  for (int rank = 0; rank < ranks_.size; ++rank)
    parts_[static_cast<std::size_t>(rank)] = control(rank).slots[pieces_ % 2];
  std::copy(parts_.begin(), parts_.end(), sources_.begin());
}

// Calls body(begin, count), in elements of the tensor, of which `parts` pieces fit into a slot.
template <typename Body>
void NodeCollectives::in_pieces(const at::Tensor& tensor, std::int64_t parts, const Body& body) {
  const std::int64_t piece = std::max<std::int64_t>(1, kSlotBytes / element_bytes(tensor) / parts);
  for (std::int64_t begin = 0; begin < tensor.numel(); begin += piece) {
    next_piece();
    body(begin, std::min(piece, tensor.numel() - begin));
  }
}

void NodeCollectives::run_through_slots(const NodeOperation& o, const Pause& pause) {
  switch (o.kind) {
    case CollectiveKind::all_reduce:
      o.output.nbytes() <= kSmallBytes&& ranks_.nodes == 1 ? reduce_small(o, pause) : all_reduce(o, pause);
      break;
    case CollectiveKind::reduce:
      reduce(o, pause);
      break;
    case CollectiveKind::reduce_scatter:
      reduce_scatter(o, pause);
      break;
    case CollectiveKind::all_gather:
      all_gather(o, pause);
      break;
    case CollectiveKind::broadcast:
      broadcast(o, pause);
      break;
    case CollectiveKind::barrier:
      meet(pause);
      require_agreement(o);
      break;
    default:
      throw run_error("{} is not a collective", name_of(o.kind));
  }
  control(ranks_.rank).done.store(run_ + 1, std::memory_order_release);
}

void NodeCollectives::all_reduce(const NodeOperation& o, const Pause& pause) {
  const std::int64_t element = element_bytes(o.output);
  const SliceReduction reduction = reduction_of(o);
  const auto mine = static_cast<std::size_t>(ranks_.rank);
  in_pieces(o.output, 1, [&](std::int64_t begin, std::int64_t count) {
    copy_bytes(parts_[mine], data_of(o.output) + begin * element, count * element);
    meet(pause);
    require_agreement(o);
    const Range share = slice(ranks_.rank, count, element);
    if (ranks_.nodes == 1)
      reduce_slices(reduction, sources_, {&parts_[mine], 1}, share.begin, share.end);
    else if (ranks_.across != MPI_COMM_NULL)
      reduce_across(reduction, share);
    meet(pause);
    for (int rank = 0; rank < ranks_.slices; ++rank) {
      const Range theirs = slice(rank, count, element);
      copy_bytes(data_of(o.output) + (begin + theirs.begin) * element,
                 sources_[static_cast<std::size_t>(rank)] + theirs.begin * element,
                 (theirs.end - theirs.begin) * element);
    }
  });
}

void NodeCollectives::reduce_small(const NodeOperation& o, const Pause& pause) {
  const SliceReduction reduction = reduction_of(o);
  in_pieces(o.output, 1, [&](std::int64_t, std::int64_t count) {
    std::byte* const result = data_of(o.output);
    copy_bytes(parts_[static_cast<std::size_t>(ranks_.rank)], result, bytes_of(o.output));
    meet(pause);
    require_agreement(o);
    reduce_slices(reduction, sources_, {&result, 1}, 0, count);
  });
}

void NodeCollectives::reduce(const NodeOperation& o, const Pause& pause) {
  const std::int64_t element = element_bytes(o.output);
  in_pieces(o.output, 1, [&](std::int64_t begin, std::int64_t count) {
    std::byte* const here = data_of(o.output) + begin * element;
    copy_bytes(parts_[static_cast<std::size_t>(ranks_.rank)], here, count * element);
    meet(pause);
    require_agreement(o);
    if (ranks_.rank == o.root)
      reduce_slices({.dtype = o.output.scalar_type()}, sources_, {&here, 1}, 0, count);
  });
}

void NodeCollectives::reduce_scatter(const NodeOperation& o, const Pause& pause) {
  const std::int64_t element = element_bytes(o.output), part = bytes_of(o.output);
  in_pieces(o.output, ranks_.size, [&](std::int64_t begin, std::int64_t count) {
    std::byte* const slot = parts_[static_cast<std::size_t>(ranks_.rank)];
    for (int rank = 0; rank < ranks_.size; ++rank)
      copy_bytes(slot + rank * count * element, data_of(o.input) + rank * part + begin * element,
                 count * element);
    meet(pause);
    require_agreement(o);
    for (const std::byte*& source : sources_) source += ranks_.rank * count * element;
    std::byte* const here = data_of(o.output) + begin * element;
    reduce_slices({.dtype = o.output.scalar_type()}, sources_, {&here, 1}, 0, count);
  });
}

void NodeCollectives::all_gather(const NodeOperation& o, const Pause& pause) {
  const std::int64_t element = element_bytes(o.input), part = bytes_of(o.input);
  in_pieces(o.input, 1, [&](std::int64_t begin, std::int64_t count) {
    copy_bytes(parts_[static_cast<std::size_t>(ranks_.rank)], data_of(o.input) + begin * element,
               count * element);
    meet(pause);
    require_agreement(o);
    for (int rank = 0; rank < ranks_.size; ++rank)
      copy_bytes(data_of(o.output) + rank * part + begin * element, sources_[static_cast<std::size_t>(rank)],
                 count * element);
  });
}

void NodeCollectives::broadcast(const NodeOperation& o, const Pause& pause) {
  const std::int64_t element = element_bytes(o.output);
  const auto root = static_cast<std::size_t>(o.root);
  in_pieces(o.output, 1, [&](std::int64_t begin, std::int64_t count) {
    std::byte* const here = data_of(o.output) + begin * element;
    if (ranks_.rank == o.root) copy_bytes(parts_[root], here, count * element);
    meet(pause);
    require_agreement(o);
    if (ranks_.rank != o.root) copy_bytes(here, sources_[root], count * element);
  });
}

}  // namespace lockstep
