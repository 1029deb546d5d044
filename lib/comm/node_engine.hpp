// Runs the collectives of a node in launch order, on the thread that waits for them: where ranks have a core
// each, handing them to another thread would cost more than most of them take. What nobody has waited for a
// few milliseconds after all ranks have launched it, because they compute or wait for something else, a thread
// of the engine's own runs.
#pragma once

#include <memory>
#include <thread>

#include "comm/communicator.hpp"
#include "comm/node_collectives.hpp"
#include "launch/flight_recorder.hpp"

namespace lockstep {

class NodeEngine {
 public:
  // One node. flight may be null.
  NodeEngine(std::unique_ptr<NodeCollectives> node, FlightRecorder* flight);
  // Abandons operations that have not ended: their Works fail. Never communicates.
  ~NodeEngine();
  NodeEngine(const NodeEngine&) = delete;
  NodeEngine& operator=(const NodeEngine&) = delete;

  // Throws what an earlier operation failed with. peer: as in operation_of.
  WorkPtr launch(NodeOperation operation, std::int64_t bytes, std::int64_t sequence, int peer);
  void rethrow_failure();
  NodeMemory& memory();
  // Whether the engine's thread runs operations as soon as it can, in place of whoever waits.
  void run_at_once(bool at_once);

 private:
  class State;  // shared with the Works, which may outlive the engine
  class NodeWork;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace lockstep
