#include "config/sweep_file.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>

#include "base/error.hpp"
#include "base/suggestions.hpp"
#include "config/run_config.hpp"
#include "config/yaml_file.hpp"

namespace lockstep {

namespace {

// A node and where it stands.
struct Entry {
  std::string key;
  YAML::Node node;
  std::string place;  // "sweep.yaml:3: 'repeats.most'"
};

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  SweepFile read() {
    sweep_.name = std::filesystem::path(path_).stem().string();
    const YAML::Node root = parse_yaml(path_, read_yaml_text(path_));
    for (const Entry& entry : entries_of(root, path_, "")) read_key(entry);
    check();
    return std::move(sweep_);
  }

 private:
  using Keys = std::vector<std::pair<std::string, std::function<void(const Entry&)>>>;

  void read_key(const Entry& entry) {
    dispatch(entry, {{"config", [this](const Entry& e) { sweep_.config = text(e); }},
                     {"set", [this](const Entry& e) { read_sets(e); }},
                     {"axes", [this](const Entry& e) { read_axes(e); }},
                     {"exclude", [this](const Entry& e) { read_exclusions(e); }},
                     {"repeats", [this](const Entry& e) { read_repeats(e); }},
                     {"launcher", [this](const Entry& e) { sweep_.launcher = template_of(e); }},
                     {"launcher_seq", [this](const Entry& e) { sweep_.launcher_seq = template_of(e); }},
                     {"time_limit_s", [this](const Entry& e) { sweep_.time_limit_s = number(e, 0, 1e9); }},
                     {"seed", [this](const Entry& e) {
                        sweep_.seed = static_cast<std::uint64_t>(whole(e, 0, std::int64_t{1} << 53));
                      }}});
  }

  static void dispatch(const Entry& entry, const Keys& keys) {
    std::vector<std::string> known;
    for (const auto& [key, read] : keys) {
      if (key == entry.key) return read(entry);
      known.push_back(key);
    }
    throw input_error("{}: unknown key{}", entry.place, did_you_mean(entry.key, known));
  }

  // Of a map, each key once. section: what the keys' names begin with.
  std::vector<Entry> entries_of(const YAML::Node& map, const std::string& place,
                                const std::string& section) const {
    if (!map.IsMap()) throw input_error("{}: must be a map, not {}", place, excerpt(value_of(map).shown()));
    std::vector<Entry> entries;
    std::set<std::string> seen;
    for (const auto& pair : map) {
      const int line = pair.first.Mark().line + 1;
      if (!pair.first.IsScalar())
        throw input_error("{}:{}: a key must be a word, not a list or a map", path_, line);
      const std::string key = pair.first.Scalar();
      const std::string where = fmt::format("{}:{}: '{}{}'", path_, line, section, excerpt(key));
      if (!seen.insert(key).second) throw input_error("{}: the key is given twice", where);
      entries.push_back({key, pair.second, where});
    }
    return entries;
  }

  static std::string text(const Entry& e) {
    const Value value = value_of(e.node);
    if (value.form != Value::Form::scalar || value.text().empty())
      throw input_error("{}: must be a text, not {}", e.place, excerpt(value.shown()));
    return value.text();
  }

  static double number(const Entry& e, double least, double most) {
    return number_in(e, text(e), least, most);
  }

  static double number_in(const Entry& e, const std::string& digits, double least, double most) {
    double value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || stop != end || !(value >= least && value <= most))
      throw input_error("{}: must be a number from {} to {}, not {}", e.place, least, most, excerpt(digits));
    return value;
  }

  static std::int64_t whole(const Entry& e, std::int64_t least, std::int64_t most) {
    const double value = number(e, static_cast<double>(least), static_cast<double>(most));
    if (value != std::floor(value)) throw input_error("{}: must be a whole number, not {}", e.place, value);
    return static_cast<std::int64_t>(value);
  }

  // One value or a list of them, as YAML text. A value may itself be a list.
  static std::vector<std::string> values_of(const Entry& e) {
    std::vector<std::string> values;
    const auto add = [&](const YAML::Node& node) {
      const Value value = value_of(node);
      if (value.form != Value::Form::scalar && value.form != Value::Form::list)
        throw input_error("{}: a value must be a text, a number or a list, not {}", e.place,
                          excerpt(value.shown()));
      values.push_back(value.form == Value::Form::scalar && value.quoted ? yaml_scalar(value.text())
                                                                         : value.text());
    };
    if (e.node.IsSequence())
      for (const YAML::Node& item : e.node) add(item);
    else
      add(e.node);
    for (auto value = values.begin(); value != values.end(); ++value)
      if (std::find(values.begin(), value, *value) != value)
        throw input_error("{}: {} is listed twice", e.place, excerpt(*value));
    if (values.empty()) throw input_error("{}: the list is empty", e.place);
    return values;
  }

  void read_sets(const Entry& e) {
    for (const Entry& set : entries_of(e.node, e.place, "set.")) {
      const std::string value = set.node.IsNull()       ? "null"  // back to the default
                                : set.node.IsSequence() ? value_of(set.node).text()
                                                        : values_of(set).front();
      sweep_.sets.push_back(set.key + '=' + value);
    }
  }

  void read_axes(const Entry& e) {
    for (const Entry& axis : entries_of(e.node, e.place, "axes.")) {
      sweep_.axes.push_back({axis.key, values_of(axis)});
      for (const std::string& value : sweep_.axes.back().values) check_axis_value(axis, value);
    }
  }

  static void check_axis_value(const Entry& axis, const std::string& value) {
    if (axis.key == "mode") sweep_mode(value, axis.place);
    if (axis.key == "ranks" && value.find_first_not_of("0123456789") != std::string::npos)
      throw input_error("{}: must be whole numbers, not {}", axis.place, excerpt(value));
    if (axis.key == "ranks") number_in(axis, value, 1, 65536);
  }

  void read_exclusions(const Entry& e) {
    if (!e.node.IsSequence())
      throw input_error("{}: must be a list of maps, for example [{{mode: mp, ranks: 1}}]", e.place);
    for (const YAML::Node& item : e.node) {
      std::map<std::string, std::vector<std::string>> exclusion;
      const std::string place = fmt::format("{}:{}: 'exclude'", path_, item.Mark().line + 1);
      for (const Entry& entry : entries_of(item, place, "exclude.")) {
        exclusion[entry.key] = values_of(entry);
        exclusions_.push_back(entry);
      }
      if (exclusion.empty()) throw input_error("{}: an entry is empty; it would exclude every run", place);
      sweep_.exclude.push_back(std::move(exclusion));
    }
  }

  void read_repeats(const Entry& e) {
    SweepRepeats& repeats = sweep_.repeats;
    if (e.node.IsScalar()) {
      repeats.least = repeats.most = static_cast<int>(whole(e, 1, 1000));
      return;
    }
    bool most_given = false;
    for (const Entry& entry : entries_of(e.node, e.place, "repeats."))
      dispatch(entry,
               {{"least", [&](const Entry& x) { repeats.least = static_cast<int>(whole(x, 1, 1000)); }},
                {"most",
                 [&](const Entry& x) {
                   repeats.most = static_cast<int>(whole(x, 1, 1000));
                   most_given = true;
                 }},
                {"until", [&](const Entry& x) { repeats.until = percentage(x); }}});
    if (repeats.until > 0 && !most_given) repeats.most = 10;
    if (repeats.most < repeats.least)
      throw input_error("{}: most ({}) is less than least ({})", e.place, repeats.most, repeats.least);
    if (repeats.until > 0 && repeats.least < 2)
      throw input_error("{}: an interval needs at least 2 launches; set least to 2 or more", e.place);
  }

  // "5 %" or 0.05.
  static double percentage(const Entry& e) {
    std::string digits = text(e);
    const bool percent = digits.ends_with('%');
    if (percent) digits.erase(digits.find_last_not_of("% ") + 1);
    const double value = number_in(e, digits, 0, percent ? 100 : 1);
    return percent ? value / 100 : value;
  }

  static std::string template_of(const Entry& e) {
    std::string words = text(e);
    for (std::size_t open = words.find('{'); open != std::string::npos; open = words.find('{', open + 1)) {
      const std::size_t close = words.find('}', open);
      const std::string name = words.substr(open + 1, close == std::string::npos ? close : close - open - 1);
      if (close == std::string::npos || (name != "ranks" && name != "command" && name != "output"))
        throw input_error("{}: '{{{}}}' is not known; known are {{ranks}}, {{command}} and {{output}}",
                          e.place, excerpt(name));
    }
    if (words.find("{command}") == std::string::npos)
      throw input_error("{}: lacks {{command}}, the program with its flags", e.place);
    return words;
  }

  void check() const {
    if (sweep_.axes.empty())
      throw input_error(
          "{}: 'axes' is missing; list what varies, for example axes: {{mode: [seq, ddp], ranks: [2]}}",
          path_);
    const auto has = [&](const std::string& key) {
      return std::any_of(sweep_.axes.begin(), sweep_.axes.end(),
                         [&](const SweepAxis& axis) { return axis.key == key; });
    };
    if (has("config") == !sweep_.config.empty())
      throw input_error("{}: give the configuration once: as 'config', or as an axis of that name", path_);
    for (const Entry& entry : exclusions_)
      if (!has(entry.key))
        throw input_error("{}: no axis has this name; exclusions can only name axes", entry.place);
  }

  std::string path_;
  SweepFile sweep_;
  std::vector<Entry> exclusions_;
};

}  // namespace

SweepFile load_sweep(const std::string& path) { return Reader(path).read(); }

const std::vector<SweepMode>& sweep_modes() {
  static const std::vector<SweepMode> modes = {
      {"seq", "train_seq", {}, 1, 1, 1},
      {"ddp", "train_ddp", {}, 1, 0, 1},
      {"ps", "train_ddp", {"parallel.algorithm=parameter_server"}, 2, 0, 1},
      {"mp", "train_mp", {}, 2, 0, 1},
      {"hybrid", "train_mp", {"parallel.stages=2"}, 4, 0, 2},
  };
  return modes;
}

const SweepMode& sweep_mode(const std::string& name, const std::string& place) {
  std::vector<std::string> known;
  for (const SweepMode& mode : sweep_modes()) {
    if (mode.name == name) return mode;
    known.push_back(mode.name);
  }
  throw input_error("{}: unknown mode {}{}; known are {}", place, excerpt(name), did_you_mean(name, known),
                    fmt::join(known, ", "));
}

}  // namespace lockstep
