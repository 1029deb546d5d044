// docs/metrics.md has a row for every rule and for every metric, with its unit, and for none that does not
// exist.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "analysis/checks/rules.hpp"
#include "analysis/tables/group_columns.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// First cells of the tables' rows, which are in back quotes, with their second cells.
std::set<std::pair<std::string, std::string>> documented(const std::string& heading) {
  std::ifstream file(LOCKSTEP_SOURCE_DIR "/docs/metrics.md");
  REQUIRE(file);
  std::set<std::pair<std::string, std::string>> rows;
  bool inside = false;
  const std::regex row(R"(\| `([^`]+)` \| ([^|]*) \|.*)");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line == "## " + heading;
    std::smatch match;
    if (inside && std::regex_match(line, match, row)) rows.emplace(match[1], match[2]);
  }
  return rows;
}

}  // namespace

TEST_CASE("the refusals are documented") {
  std::set<std::pair<std::string, std::string>> known;
  for (const Rule& rule : rules()) {
    constexpr const char* kRefuses[] = {"warning",          "the whole run",   "the speedup", "the budget",
                                        "the Amdahl share", "the scaling law", "waiting"};
    known.emplace(rule.code, kRefuses[static_cast<std::size_t>(rule.refuses)]);
  }
  CHECK(known.size() == rules().size());
  CHECK(documented("Refusals") == known);
}

TEST_CASE("the metrics are documented with their units") {
  std::set<std::pair<std::string, std::string>> known;
  for (const GroupColumn& column : group_columns())
    known.emplace(column.column.key, column.column.unit.empty() ? "text" : column.column.unit);
  CHECK(documented("Keys of the JSON, columns of the CSV") == known);
}
