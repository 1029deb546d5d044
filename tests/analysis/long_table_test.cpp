#include "analysis/output/long_table.hpp"

#include <cmath>
#include <sstream>

#include "analysis/import/json_value.hpp"
#include "analysis/output/run_tables.hpp"
#include "analysis/support/golden.hpp"
#include "analysis/support/pictured.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;

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
  const JsonValue rows = parse_json(table_of(run, RunTable::steps, LongFormat::json), "export");
  REQUIRE(rows.items.size() == 4);
  CHECK(rows.items[3].find("rank")->number == 1);
  CHECK(rows.items[3].find("wall")->number == Approx(run.steps.wall.at(1, 1)));
  CHECK(rows.items[3].members.size() == run_table_columns(RunTable::steps).size());
}

TEST_CASE("what a file lacks is empty, what is hostile is quoted") {
  RunData run = hostile_runs().front();
  run.steps.loss = {};
  run.audit.clear();
  const JsonValue steps = parse_json(table_of(run, RunTable::steps, LongFormat::json), "export");
  CHECK(steps.items.front().find("loss")->kind == JsonValue::Kind::null);
  CHECK(says(table_of(run, RunTable::epochs, LongFormat::csv), ",,,\n"));
  CHECK(lacks(table_of(run, RunTable::epochs, LongFormat::tex), "\\input"));
}
