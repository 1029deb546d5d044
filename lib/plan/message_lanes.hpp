// Message lanes: which communicator carries which message between the stages of a pipeline, and when a stage
// asks for what it reads, where operations occupy the device (Communicator::occupies_device). Pure.
//
// There an operation takes the stream of its communicator from when it is enqueued until its peer has come,
// and the passes enqueued behind it may have to wait for it, however little they need it: a kernel that is
// loaded at its first launch, and memory that the driver takes or gives back, wait until the whole device is
// idle. A pipeline cannot hang all the same when every stage enqueues its passes and messages in the order of
// one timeline that all share: that of the schedule with passes of equal length, where a message travels at
// the end of the pass that makes it, and those that travel at once have an order too. Of all passes and
// messages that are left, the earliest then needs nothing but earlier ones. A receive that is asked for
// sooner may wait for a message whose sender waits for the very pass behind the receive. One that is asked
// for later, only when its turn has come, keeps the sender waiting, whose next message the receiver may need
// first.
//
// That suffices even where the device has a single queue for all streams. Lanes let messages overlap: on each
// a stage only sends to one neighbour, or only receives from one, so that none stands behind one that goes
// the other way.
//
// tests/plan/message_lanes_test.cpp goes through all schedules at the worst that a device does, and
// through what becomes of them at other times. It holds for NCCL while connections are made before the first
// step: the first message between two ranks waits on the host (train/pipeline_setup.hpp).
#pragma once

#include <cstddef>
#include <vector>

#include "plan/schedule.hpp"

namespace lockstep {

// Lanes of one kind of message (activations, or gradients). chunks_per_stage: with more than one the last
// stage has messages for the first.
int lane_count(int stages, int chunks_per_stage);

// The lane, 0 .. lanes - 1, of messages between `stage` and the stage after it (after the last one: the
// first), either way. lanes: lane_count's answer, or 1 where one communicator carries all.
int lane_of(int stage, int stages, int lanes);

// When a stage asks for what an action of it reads.
struct Receive {
  std::size_t action;  // its index
  // 2 i: before the pass of action i, its own at the latest; 2 i + 1: between the pass of action i and the
  // send of what that has made.
  std::size_t point;
  bool operator==(const Receive&) const = default;
};

// Of all actions of the stage that read a message, in the order in which they are to be asked for.
std::vector<Receive> receives_in_order(const StageActions& schedule, int stage);

}  // namespace lockstep
