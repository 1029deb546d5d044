// What is recorded for every step of every rank: the columns of /steps, one row of the table below each.
// Memory, the exchange between ranks, the file, its reader, the exported tables, the budget in analysis/ and
// the list in docs/run-file.md follow from it. A new column is filled where steps are recorded: times in
// record/step_columns.cpp, counts in the trainer.
#pragma once

#include <cstdint>

#include "results/matrix.hpp"

namespace lockstep {

// In which files a column is.
enum class Presence {
  required,  // in all: a reader refuses a file without it
  written,   // in all that we write; readers note its absence from other files
  optional,  // only if known; otherwise empty in memory. Earlier versions knew fewer
  extra,     // the same, but nothing is missing without it
};

// How a time contributes to the step's: wall = the parts + the rest.
enum class Budget { none, wall, part, rest };

// type, name, unit, presence, budget, about. In the order in which files have them.
#define LOCKSTEP_STEP_COLUMNS(COLUMN)                                                                     \
  COLUMN(double, start, "s", required, none, "start of the step, since the common start")                 \
  COLUMN(double, wall, "s", required, wall, "from the start of the step to the start of the next")        \
  COLUMN(double, data, "s", required, part, "waiting for the loader")                                     \
  COLUMN(double, h2d, "s", required, part, "copying the batch to the device")                             \
  COLUMN(double, forward, "s", required, part, "forward pass and loss")                                   \
  COLUMN(double, backward, "s", required, part, "backward pass, including launches of communication")     \
  COLUMN(double, comm, "s", required, none, "length of the union of the communication intervals")         \
  COLUMN(double, comm_exposed, "s", required, part, "the part of comm that no compute covers")            \
  COLUMN(double, optimizer, "s", required, part, "gradient norm, clipping and update")                    \
  COLUMN(double, bubble, "s", written, part, "a pipeline stage without input; 0 in other modes")          \
  COLUMN(double, other, "s", required, rest, "wall minus all of the above (comm counts as exposed)")      \
  COLUMN(double, wait, "s", extra, none,                                                                  \
         "from the end of the backward passes until the gradients were reduced: not a part of the "       \
         "budget, in which it counts as comm_exposed and other")                                          \
  COLUMN(std::int32_t, samples, "1", required, none, "samples the rank trained on")                       \
  COLUMN(std::int32_t, epoch, "1", required, none, "epoch, from 0")                                       \
  COLUMN(std::int32_t, loss_terms, "1", optional, none, "the rank's samples, or the tokens it predicted") \
  COLUMN(std::int32_t, tokens, "1", optional, none, "real tokens of the rank's texts; 0 for images")      \
  COLUMN(std::int32_t, padded_tokens, "1", optional, none, "padding tokens in the rank's texts")          \
  COLUMN(float, loss, "1", written, none, "mean loss over the rank's loss_terms")                         \
  COLUMN(float, grad_norm, "1", written, none, "2-norm of the reduced gradient before clipping")

// One rank's one step.
struct StepRow {
#define LOCKSTEP_COLUMN(type, name, unit, presence, budget, about) type name = 0;
  LOCKSTEP_STEP_COLUMNS(LOCKSTEP_COLUMN)
#undef LOCKSTEP_COLUMN
};

// All columns, [ranks, steps] each.
struct StepTable {
#define LOCKSTEP_COLUMN(type, name, unit, presence, budget, about) Matrix<type> name;
  LOCKSTEP_STEP_COLUMNS(LOCKSTEP_COLUMN)
#undef LOCKSTEP_COLUMN
  std::int64_t ranks() const { return wall.rows; }
  std::int64_t steps() const { return wall.columns; }
};

template <typename T>
struct StepColumn {
  const char *name, *path;  // "wall", "/steps/wall"
  Presence presence;
  Budget budget;
  Matrix<T> StepTable::*table;
  T StepRow::*row;
  // Whether it may be empty in memory and then absent from the file.
  constexpr bool may_lack() const { return presence == Presence::optional || presence == Presence::extra; }
};

// body: takes a StepColumn of any type; called in the order of the table.
template <typename Body>
constexpr void for_each_step_column(Body&& body) {
#define LOCKSTEP_COLUMN(type, name, unit, presence, budget, about)                                    \
  body(StepColumn<type>{#name, "/steps/" #name, Presence::presence, Budget::budget, &StepTable::name, \
                        &StepRow::name});
  LOCKSTEP_STEP_COLUMNS(LOCKSTEP_COLUMN)
#undef LOCKSTEP_COLUMN
}

}  // namespace lockstep
