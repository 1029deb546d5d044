#include "config/yaml_file.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "base/regular_file.hpp"
#include "base/text.hpp"
#include "config/decode_text.hpp"

namespace lockstep {

namespace {

// No configuration is nearly as long; what is (a data set, a log) was named by mistake.
constexpr std::int64_t kMostBytes = 1 << 20;

// Lines end in "\n", so that those of a message are the editor's.
std::string with_unix_lines(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at)
    if (text[at] != '\r')
      out += text[at];
    else if (at + 1 == text.size() || text[at + 1] != '\n')
      out += '\n';
  return out;
}

}  // namespace

std::string read_yaml_text(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw input_error("{}: is a folder; give a YAML file", path);
  return decode_text(path, read_regular_file(path, kMostBytes));
}

YAML::Node parse_yaml(const std::string& path, const std::string& text) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(with_unix_lines(text));
    if (documents.size() > 1)
      throw input_error("{}:{}: a second YAML document begins; a configuration is one", path,
                        documents[1].Mark().line + 1);
    return documents.empty() ? YAML::Node() : documents.front();
  } catch (const YAML::Exception& e) {
    // What yaml-cpp says of more levels than it goes down.
    const std::string reason = e.msg == YAML::ErrorMsg::BAD_FILE ? "nested too deeply" : e.msg;
    throw input_error("{}:{}:{}: not YAML: {}", path, e.mark.line + 1, e.mark.column + 1, reason);
  }
}

Value value_of(const YAML::Node& node) {
  if (node.IsMap()) return {Value::Form::map, {}, false};
  if (node.IsScalar()) return {Value::Form::scalar, {node.Scalar()}, node.Tag() == "!"};
  if (!node.IsSequence()) return {};
  Value list{Value::Form::list, {}, false};
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return {Value::Form::nested, {}, false};  // not looked into: it may be of any depth
    list.items.push_back(item.Scalar());
  }
  return list;
}

std::string excerpt(const std::string& text) {
  constexpr std::size_t kMost = 120;
  if (text.size() <= kMost) return printable(text);
  std::size_t end = 0;
  while (end < kMost) end += std::max<std::size_t>(utf8_length(text, end), 1);
  return printable(text.substr(0, end)) + "...";
}

}  // namespace lockstep
