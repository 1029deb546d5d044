#include "analysis/tables/definitions.hpp"

#include <fmt/format.h>

#include <map>
#include <sstream>

namespace lockstep {

extern const char* const kMetricsPage;

namespace {

// Rows "| `name` | unit | meaning |" of the page's section on keys.
std::map<std::string, std::string> read_page() {
  std::map<std::string, std::string> definitions;
  std::istringstream page(kMetricsPage);
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) inside = line.starts_with("## Keys");
    const std::size_t name_end = line.find("` | ");
    if (!inside || !line.starts_with("| `") || name_end == std::string::npos) continue;
    const std::size_t unit = name_end + 4, unit_end = line.find(" | ", unit), end = line.rfind(" |");
    if (unit_end == std::string::npos || end <= unit_end) continue;
    const std::string name = line.substr(3, name_end - 3), word = line.substr(unit, unit_end - unit);
    const std::string suffix = word == "1" || word == "text" ? "" : ", in " + word;
    definitions[name] = line.substr(unit_end + 3, end - unit_end - 3) + suffix;
  }
  return definitions;
}

}  // namespace

std::string meaning_of(const std::string& metric) {
  static const std::map<std::string, std::string> definitions = read_page();
  if (const auto found = definitions.find(metric); found != definitions.end()) return found->second;
  for (const std::string bound : {"_low", "_high"})
    if (metric.ends_with(bound))
      if (const std::string of = metric.substr(0, metric.size() - bound.size()); definitions.contains(of))
        return fmt::format("{} bound of the 95 % interval of {}", bound == "_low" ? "lower" : "upper", of);
  return "";
}

std::string definition_of(const std::string& metric) {
  const std::string meaning = meaning_of(metric);
  return meaning.empty() ? "" : fmt::format("{}: {}", metric, meaning);
}

}  // namespace lockstep
