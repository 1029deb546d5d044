#include "comm/comm_operation.hpp"

namespace lockstep {

CommOperation operation_of(const Work& work, int peer) {
  CommOperation operation{.name = name_of(work.kind), .sequence = work.sequence, .bytes = work.bytes};
  switch (work.kind) {
    case CollectiveKind::send:
    case CollectiveKind::reduce:
      operation.preposition = "to";
      break;
    case CollectiveKind::recv:
    case CollectiveKind::broadcast:
      operation.preposition = "from";
      break;
    case CollectiveKind::exchange:
      operation.preposition = "with";
      break;
    default:
      return operation;
  }
  operation.peer = peer;
  return operation;
}

}  // namespace lockstep
