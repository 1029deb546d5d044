#include "record/step_columns.hpp"

#include "comm/staged_times.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// data [0,1) h2d [1,2) forward [2,5) backward [5,10) wait [10,12) optimizer [12,13) other [13,13.5)
StepSpans spans() {
  return {{0, 13.5},
          {{Phase::data, {0, 1}},
           {Phase::h2d, {1, 2}},
           {Phase::forward, {2, 5}},
           {Phase::backward, {5, 10}},
           {Phase::wait, {10, 12}},
           {Phase::optimizer, {12, 13}},
           {Phase::other, {13, 13.5}}}};
}

SteadyTime at(double seconds) {
  return SteadyTime() +
         std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(seconds));
}

// An operation on device tensors over mpi, its moments in seconds.
CommInterval staged(double called, double taken, double ended, double stored, double went_on) {
  const WorkTimes times =
      staged_times({at(called), at(taken), at(ended), at(stored), went_on > 0 ? at(went_on) : SteadyTime()});
  const auto seconds = [](SteadyTime time) { return seconds_between(SteadyTime(), time); };
  return {.ready = seconds(times.ready), .start = seconds(times.start), .end = seconds(times.end)};
}

constexpr bool kHost = false, kDevice = true;

double sum(const StepRow& r) {
  return r.data + r.h2d + r.forward + r.backward + r.comm_exposed + r.optimizer + r.bubble + r.other;
}

}  // namespace

TEST_CASE("communication under backward is overlapped, the rest exposed, and the budget closes") {
  const StepRow row = step_row(
      spans(),
      {{.bucket = 0, .ready = 6, .start = 6, .end = 8}, {.bucket = 1, .ready = 9, .start = 9, .end = 11.5}},
      kHost);
  CHECK(row.comm == Approx(4.5));
  CHECK(row.comm_exposed == Approx(1.5));
  CHECK(row.backward == Approx(5));
  CHECK(row.wait == Approx(2));
  CHECK(row.other == Approx(1.0));  // the wait's end, and the gap after the step
  CHECK(sum(row) == Approx(row.wall));
}

TEST_CASE("compute that stands still for a blocking collective is not compute") {
  const StepRow row = step_row(spans(), {{.ready = 3, .start = 3.2, .end = 4, .blocking = true}}, kHost);
  CHECK(row.forward == Approx(2));
  CHECK(row.comm_exposed == Approx(0.8));
  CHECK(sum(row) == Approx(row.wall));
}

TEST_CASE("on a device what precedes a blocking collective is a part of the waiting for it") {
  const StepRow row = step_row(spans(), {{.ready = 3, .start = 3.2, .end = 4, .blocking = true}}, kDevice);
  CHECK(row.forward == Approx(2));
  CHECK(row.comm_exposed == Approx(1 + 2));  // and the phase wait
  CHECK(row.other == Approx(0.5));
  CHECK(sum(row) == Approx(row.wall));
}

TEST_CASE("overlapping transfers count once, and what ends after the step is clipped") {
  const StepRow row = step_row(spans(), {{.start = 10, .end = 11}, {.start = 10.5, .end = 99}}, kHost);
  CHECK(row.comm == Approx(3.5));
  CHECK(row.comm_exposed == Approx(2.5));
}

TEST_CASE("a message that travels while the batch is fetched and copied hides nothing, and counts once") {
  const StepRow row = step_row(spans(), {{.start = 0.5, .end = 1.5}, {.start = -3, .end = 0.25}}, kDevice);
  CHECK(row.data == Approx(1));
  CHECK(row.h2d == Approx(1));
  CHECK(row.comm == Approx(1.25 + 2));  // and the phase wait
  CHECK(row.comm_exposed == Approx(2));
  CHECK(row.other == Approx(0.5));
  CHECK(sum(row) == Approx(row.wall));
}

TEST_CASE("without communication there is none") {
  const StepRow row = step_row(spans(), {}, kHost);
  CHECK(row.comm == 0);
  CHECK(row.comm_exposed == 0);
  CHECK(row.other == Approx(2.5));
}

// The device computes until 10 and then has nothing to do until the host, which waits for the second bucket,
// is awake at 11.9 and marks the optimizer at 12.
TEST_CASE("over mpi on a device, copies and the host's waiting are exposed communication") {
  // Taken up when the device came to it; copied to the host, summed by 9, back on the device at 9.5.
  const CommInterval first = staged(/*called=*/7, /*taken=*/6.5, /*ended=*/9, /*stored=*/9.5, 0);
  CHECK(first.ready == Approx(7));
  CHECK(first.start == Approx(7));
  CHECK(first.end == Approx(9.5));
  // The last gradient is ready as backward ends; summed at 11.2, copied by 11.5.
  const CommInterval last =
      staged(/*called=*/10, /*taken=*/9.8, /*ended=*/11.2, /*stored=*/11.5, /*went_on=*/11.9);
  const StepRow row = step_row(spans(), {first, last}, kDevice);
  CHECK(row.comm == Approx(2.5 + 2));
  CHECK(row.comm_exposed == Approx(2));  // until the device has come to the mark, too
  CHECK(row.backward == Approx(5));
  CHECK(row.other == Approx(0.5));  // the gap after the step
  CHECK(sum(row) == Approx(row.wall));
}

TEST_CASE("over mpi on a device, a thread that is late and a copy that is long belong to the operation") {
  const CommInterval queued =
      staged(/*called=*/10, /*taken=*/10.4, /*ended=*/10.6, /*stored=*/12, /*went_on=*/10.7);
  CHECK(queued.ready == Approx(10));
  CHECK(queued.start == Approx(10.4));  // what it waited for is the operation before it
  CHECK(queued.end == Approx(12));      // the stream waits for the copy
  const StepRow row = step_row(spans(), {staged(9, 9, 10.2, 10.4, 0), queued}, kDevice);
  CHECK(row.comm_exposed == Approx(2));
  CHECK(row.other == Approx(0.5));
}

// A stage: stall [2,4), forward [4,6), stall [6,9), backward [9,11), stall [11,12) for the norm, optimizer.
TEST_CASE("a stage of a pipeline on a device: transfers are exposed, the rest of a stall is bubble") {
  const StepSpans stage{{0, 13.5},
                        {{Phase::data, {0, 1}},
                         {Phase::h2d, {1, 2}},
                         {Phase::stall, {2, 4}},
                         {Phase::forward, {4, 6}},
                         {Phase::stall, {6, 9}},
                         {Phase::backward, {9, 11}},
                         {Phase::wait, {11, 11}},
                         {Phase::stall, {11, 12}},
                         {Phase::optimizer, {12, 13}},
                         {Phase::other, {13, 13.5}}}};
  // Its input was sent at 3.2 only, and lies on the device at 3.8; the host went on at 3.9.
  CommInterval input = staged(/*called=*/1.5, /*taken=*/1.5, /*ended=*/3.7, /*stored=*/3.8, /*went_on=*/3.9);
  input.start = 3.2;  // as align_messages finds it: the other end began later
  // What it sends is ready as its forward pass ends, and the gradient comes back at 8.9.
  const CommInterval output = staged(/*called=*/6, /*taken=*/5.9, /*ended=*/6.5, /*stored=*/6.5, 0),
                     gradient = staged(/*called=*/8.5, /*taken=*/8.5, /*ended=*/8.8, /*stored=*/8.9, 0),
                     norm = staged(/*called=*/11, /*taken=*/11.05, /*ended=*/11.8, /*stored=*/11.85,
                                   /*went_on=*/11.95);
  const StepRow row = step_row(stage, {input, output, gradient, norm}, kDevice);
  CHECK(row.comm_exposed == Approx(0.7 + 0.5 + 0.4 + 0.9));
  CHECK(row.bubble == Approx(2 - 0.7 + 3 - 0.9 + 1 - 0.9));
  CHECK(row.other == Approx(0.5));
  CHECK(sum(row) == Approx(row.wall));
}

TEST_CASE(
    "on a device the phase wait is communication where there is some, and nothing where there is none") {
  // NCCL: the stream is ordered after an operation that ends shortly before the mark, and begins late.
  const CommInterval kernel = {.bucket = 0, .ready = 9, .start = 10.2, .end = 11.8};
  const StepRow row = step_row(spans(), {kernel}, kDevice);
  CHECK(row.comm == Approx(2));
  CHECK(row.comm_exposed == Approx(2));
  CHECK(row.other == Approx(0.5));
  CHECK(step_row(spans(), {kernel}, kHost).comm_exposed == Approx(1.6));  // a thread does other things there
  CHECK(step_row(spans(), {}, kDevice).comm_exposed == 0);
  CHECK(step_row(spans(), {}, kDevice).other == Approx(2.5));
}
