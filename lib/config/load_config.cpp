#include "config/load_config.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdint>
#include <map>

#include "base/error.hpp"
#include "base/suggestions.hpp"
#include "base/text.hpp"
#include "config/decode_text.hpp"
#include "config/keys.hpp"
#include "config/yaml_file.hpp"

namespace lockstep {

namespace {

const std::string kFromFlag = "--set";

bool is_section(const std::string& name) {
  return std::find(sections().begin(), sections().end(), name) != sections().end();
}

// "training.optimizer" -> "name, lr, weight_decay, ...".
std::string keys_of(const std::string& section) {
  std::string names;
  for (const Key& key : keys())
    if (key.section() == section) names += (names.empty() ? "" : ", ") + key.last();
  return names;
}

// "model." and a word: which words a model knows, its registry knows.
bool may_be_hyper(const std::string& name) {
  const auto in_word = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '-');
  };
  return name.starts_with("model.") && name.size() > 6 && std::all_of(name.begin() + 6, name.end(), in_word);
}

// " (with the character U+0435)": of a word that only looks like the one that was meant.
std::string foreign_letter(const std::string& word) {
  const auto found = std::find_if(word.begin(), word.end(), [](char c) { return (c & 0x80) != 0; });
  if (found == word.end()) return "";
  const auto at = static_cast<std::size_t>(found - word.begin());
  return fmt::format(" (with the character U+{:04X})", static_cast<unsigned>(code_point(word, at)));
}

// One source of settings (the file, or one --set) applied to a configuration.
class Source {
 public:
  Source(RunConfig& config, std::string file) : config_(config), file_(std::move(file)) {}

  // Applies `node`, the value of the key `name`, or of the whole file where name is empty.
  void apply(const std::string& name, const YAML::Node& node, const Location& where) {
    if (name.empty() || is_section(name)) return apply_section(name, node, where);
    note_first_use(name, where);
    const Value value = value_of(node);
    const Key* key = find_key(name);
    if (!key || !key->is_text) refuse_octal(name, value, where);
    if (key)
      assign(*key, value, where);
    else if (may_be_hyper(name))
      assign_hyper(name, value, where);
    else
      throw unknown(name, where);
  }

 private:
  bool from_flag() const { return file_ == kFromFlag; }

  void apply_section(const std::string& name, const YAML::Node& node, const Location& where) {
    if (node.IsNull() && !from_flag()) return;  // a section whose keys are all commented out
    if (!node.IsMap()) throw not_a_map(name, node, where);
    for (const auto& entry : node) {
      const Location at{file_, from_flag() ? 0 : entry.first.Mark().line + 1};
      if (!entry.first.IsScalar())
        throw input_error("{}: a key must be a word, not a list or a map", at.text());
      const std::string& key = entry.first.Scalar();
      if (key == "<<")
        throw input_error("{}: merge keys ('<<') are not supported; write the keys out", at.text());
      apply(name.empty() ? key : fmt::format("{}.{}", name, key), entry.second, at);
    }
  }

  // 010 is ten to one reader of YAML and eight to another.
  static void refuse_octal(const std::string& name, const Value& value, const Location& where) {
    if (value.quoted) return;
    for (const std::string& item : value.items) {
      const std::string digits = item.substr(item.find_first_not_of("+-") == 1 ? 1 : 0);
      if (digits.size() < 2 || digits[0] != '0' ||
          digits.find_first_not_of("0123456789_") != std::string::npos)
        continue;
      const std::size_t first = std::min(digits.find_first_not_of("0_"), digits.size() - 1);
      throw input_error("{}: '{}' is {}, which some YAML parsers read as octal; write {}", where.text(), name,
                        item, digits.substr(first));
    }
  }

  void note_first_use(const std::string& name, const Location& where) {
    const auto [first, fresh] = seen_.emplace(name, where);
    if (!fresh)
      throw input_error("{}: duplicate key '{}'; first given at line {}", where.text(), excerpt(name),
                        first->second.line);
  }

  void assign(const Key& key, const Value& value, const Location& where) {
    if (value.form == Value::Form::empty && from_flag()) {
      key.reset(config_);
      config_.given.erase(key.name);
      return;
    }
    if (!key.set(config_, value)) throw wrong_value(key, value, where);
    config_.given[key.name] = where;
  }

  void assign_hyper(const std::string& name, const Value& value, const Location& where) {
    const std::string key = name.substr(6);
    std::erase_if(config_.model.hyper, [&](const Setting& s) { return s.key == key; });
    config_.given.erase(name);
    if (value.form == Value::Form::empty && from_flag()) return;
    if (value.form != Value::Form::scalar && value.form != Value::Form::list)
      throw input_error("{}: '{}' must be a value or a list, not {}", where.text(), name,
                        excerpt(value.shown()));
    config_.model.hyper.push_back({key, value.text(), where});
    config_.given[name] = where;
  }

  static Error unknown(const std::string& name, const Location& where) {
    std::vector<std::string> known = key_names();
    known.insert(known.end(), sections().begin(), sections().end());
    return input_error("{}: unknown key '{}'{}{}", where.text(), excerpt(name), foreign_letter(name),
                       did_you_mean(name, known));
  }

  static Error wrong_value(const Key& key, const Value& value, const Location& where) {
    const bool scalar = value.form == Value::Form::scalar;
    return input_error("{}: '{}' must be {}, not {}{}{}", where.text(), key.name, key.allowed,
                       excerpt(value.shown()), scalar ? foreign_letter(value.text()) : "",
                       scalar ? did_you_mean(value.text(), key.choices) : "");
  }

  static Error not_a_map(const std::string& name, const YAML::Node& node, const Location& where) {
    if (name.empty())
      return input_error(
          "{}: a configuration must be a map of sections (run, model, data, training, ...), not {}",
          where.text(), excerpt(value_of(node).shown()));
    return input_error("{}: '{}' must be a map with the keys {}, not {}", where.text(), name, keys_of(name),
                       excerpt(value_of(node).shown()));
  }

  RunConfig& config_;
  std::string file_;
  std::map<std::string, Location> seen_;
};

void apply_file(RunConfig& config, const std::string& path) {
  config.file = path;
  config.given_text = read_yaml_text(path);
  const YAML::Node root = parse_yaml(path, config.given_text);
  Source(config, path).apply("", root, {path, root.Mark().line + 1});
}

YAML::Node parse_set(const std::string& set, const std::string& value) {
  try {
    const YamlDocument document = read_document(value);
    if (document.count == 1) return document.root;
  } catch (const YAML::Exception& e) {
    throw input_error("{}: the value of '{}' is not YAML: {}", kFromFlag, excerpt(set), e.msg);
  }
  throw input_error("{}: the value of '{}' must be one YAML value", kFromFlag, excerpt(set));
}

// What was set, as a comment of the text as given.
std::string set_comment(const std::string& set) {
  std::string comment = fmt::format("# {} ", kFromFlag);
  for (const char c : set) comment += c == '\n' ? std::string("\n# ") : std::string(1, c);
  return comment + '\n';
}

void apply_set(RunConfig& config, const std::string& set) {
  if (invalid_utf8(set))
    throw input_error("{}: '{}' is not UTF-8; type it in a UTF-8 terminal, or give it in the file", kFromFlag,
                      excerpt(set));
  if (control_character(set))
    throw input_error("{}: '{}' contains a control character; remove it", kFromFlag, excerpt(set));
  const std::size_t equals = set.find('=');
  const std::string name = set.substr(0, equals);
  if (name.empty() || equals == std::string::npos || equals + 1 == set.size())
    throw input_error("{}: '{}' must be written key=value, for example training.epochs=3", kFromFlag,
                      excerpt(set));
  Source(config, kFromFlag).apply(name, parse_set(set, set.substr(equals + 1)), {kFromFlag, 0});
  if (!config.given_text.empty() && config.given_text.back() != '\n') config.given_text += '\n';
  config.given_text += set_comment(set);
}

}  // namespace

RunConfig load_config(const std::string& path, const std::vector<std::string>& sets) {
  RunConfig config;
  if (!path.empty()) apply_file(config, path);
  for (const std::string& set : sets) apply_set(config, set);
  validate(config);
  return config;
}

}  // namespace lockstep
