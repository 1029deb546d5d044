// The collectives that commbench times: how each is called, and how its result is checked.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>

#include "apps/commbench/options.hpp"
#include "comm/communicator.hpp"

namespace lockstep {

// What one case works on.
struct Buffers {
  at::Tensor whole;   // [elements of the case]
  at::Tensor second;  // as Operation::second says
};
enum class Second {
  none,
  part,  // the size()-th part of the whole; the case has a whole multiple of size() elements
  copy,  // as large as the whole
};

// Between which ranks a ping-pong goes: from the first to the last, which are furthest apart.
inline int last_rank(const Communicator& communicator) { return communicator.size() - 1; }

struct Operation {
  const char* name;
  const char* redop;  // as nccl-tests prints it
  int root;           // -1: all ranks are alike
  Second second;
  bool bytes;  // it has a message

  // Runs once and returns when it has ended: the seconds that it took here, 0 for a rank that takes no part.
  // Collective: all ranks.
  double (*run)(Communicator&, const Buffers&);
  // Runs once on numbers whose result is known exactly: elements of the result that are wrong on this rank.
  // Collective: all ranks.
  std::int64_t (*check)(Communicator&, const Buffers&, const ElementType&);
};
std::span<const Operation> operations();

}  // namespace lockstep
