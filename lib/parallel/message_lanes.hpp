// Message lanes: which communicator carries which message between the stages of a pipeline, and when a stage
// asks for what it reads, where operations occupy the device (Communicator::occupies_device). Pure.
//
// There an operation takes the stream of its communicator from when it is enqueued until its peer has come,
// and the passes enqueued behind it may have to wait for it, however little they need it: a kernel that is
// loaded at its first launch, and memory that the driver takes or gives back, wait until the whole device is
// idle. A pipeline cannot hang all the same when
//  * no message stands behind one of the other direction: on a lane a stage only sends to one neighbour, or
//  only
//    receives from one. Two stages with "send, then receive" on one stream would wait for each other for
//    ever;
//  * every stage enqueues its passes and messages in the order of one timeline that all share: that of the
//  schedule
//    with passes of equal length, where a message travels at the end of the pass that makes it. Of all passes
//    and messages that are left, the earliest then needs nothing but earlier ones. A receive that is asked
//    for sooner may wait for a message whose sender waits for the very pass behind the receive; one that is
//    asked for later, only when its turn has come, keeps the sender's device busy while the receiver may need
//    its next message first.
// tests/parallel/message_lanes_test.cpp goes through all schedules at the worst that a device does, and
// through what becomes of them without either rule. NCCL itself keeps them only while its connections are
// made before: the first message between two ranks waits on the host (train/pipeline_setup.hpp).
#pragma once

#include <cstddef>
#include <vector>

#include "parallel/schedule.hpp"

namespace lockstep {

// Lanes of one kind of message (activations, or gradients). chunks_per_stage: with more than one the last
// stage has messages for the first.
int lane_count(int stages, int chunks_per_stage);

// The lane, 0 .. lanes - 1, of messages between `stage` and the stage after it (after the last one: the
// first), either way. lanes: lane_count's answer, or 1 where one communicator carries all.
int lane_of(int stage, int stages, int lanes);

// For each action of the stage: the index of the one before which what it reads is to be asked for, its own
// at the latest. Ascends along the forward passes, and along the backward passes. Of no consequence for an
// action that reads no message.
std::vector<std::size_t> receive_turns(const StageActions& schedule, int stage);

}  // namespace lockstep
