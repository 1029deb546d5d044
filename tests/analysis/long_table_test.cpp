#include "analysis/render/long_table.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "analysis/render/run_tables.hpp"
#include "analysis/support/golden.hpp"
#include "analysis/support/pictured.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
using nlohmann::json;

namespace {

std::string table_of(const RunData& run, RunTable table, LongFormat format) {
  std::ostringstream text;
  LongTable out(text, format, run_table_columns(table));
  add_run_rows(out, table, run);
  out.finish();
  return text.str();
}

RunData small_run() {
  return make_run({.mode = "ddp", .ranks = 2, .epochs = 1, .steps = 2, .transfer = 2e-3});
}

}  // namespace

TEST_CASE("long tables of a run", "[golden]") {
  check_golden(table_of(small_run(), RunTable::steps, LongFormat::csv), "export_steps.csv");
  check_golden(table_of(small_run(), RunTable::epochs, LongFormat::tex), "export_epochs.tex");
  check_golden(table_of(small_run(), RunTable::comm, LongFormat::json), "export_comm.json");
}

TEST_CASE("a row of JSON holds the run's numbers") {
  const RunData run = small_run();
  const json rows = json::parse(table_of(run, RunTable::steps, LongFormat::json));
  REQUIRE(rows.size() == 4);
  CHECK(rows[3]["rank"] == 1);
  CHECK(rows[3]["wall"].get<double>() == Approx(run.steps.wall.at(1, 1)));
  CHECK(rows[3].size() == run_table_columns(RunTable::steps).size());
}

TEST_CASE("what a file lacks is empty, what is hostile is quoted") {
  RunData run = hostile_runs().front();
  run.steps.loss = {};
  run.audit.clear();
  const json steps = json::parse(table_of(run, RunTable::steps, LongFormat::json));
  CHECK(steps.front()["loss"].is_null());
  CHECK(says(table_of(run, RunTable::epochs, LongFormat::csv), ",,,\n"));
  CHECK(lacks(table_of(run, RunTable::epochs, LongFormat::tex), "\\input"));
}

TEST_CASE("the epochs of a resumed run keep their numbers") {
  RunData run = small_run();
  run.header.resumed = {"0123abcd", "89abcdef", 3, 9};
  CHECK(json::parse(table_of(run, RunTable::epochs, LongFormat::json)).front()["epoch"] == 3);
}
