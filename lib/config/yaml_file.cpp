#include "config/yaml_file.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <filesystem>
#include <sstream>

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

// Many times what any configuration has: yaml-cpp takes half a kilobyte for each.
constexpr int kMostValues = 20000;

// Follows what yaml-cpp reads without keeping any of it.
class Survey : public YAML::EventHandler {
 public:
  YAML::Mark begin() const { return begin_; }  // of the last document

  void OnDocumentStart(const YAML::Mark& mark) override { begin_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { count(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { count(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string&) override {
    count(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    count(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    count(mark);
  }
  void OnMapEnd() override {}

 private:
  void count(const YAML::Mark& mark) {
    if (++values_ > kMostValues)
      throw YAML::ParserException(mark, fmt::format("more than {} values", kMostValues));
  }

  YAML::Mark begin_;
  int values_ = 0;
};

bool is_document_mark(const std::string& text, const YAML::Mark& mark) {
  std::istringstream lines(text);
  std::string line;
  for (int number = 0; number <= mark.line; ++number) std::getline(lines, line);
  return mark.column == 0 && line.starts_with("---");
}

}  // namespace

std::string read_yaml_text(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw input_error("{}: is a folder; give a YAML file", path);
  return decode_text(path, read_regular_file(path, kMostBytes));
}

// yaml-cpp's LoadAll() never comes to the end of a document that begins with a comma, and takes memory all the while:
// it leaves the comma where it is. So a second document is only looked for.
YamlDocument read_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Survey survey;
  if (!parser.HandleNextDocument(survey)) return {};
  if (!parser.HandleNextDocument(survey)) return {.root = YAML::Load(text), .count = 1, .second = {}};
  if (!is_document_mark(text, survey.begin())) throw YAML::ParserException(survey.begin(), "unexpected text");
  return {.root = {}, .count = 2, .second = survey.begin()};
}

YAML::Node parse_yaml(const std::string& path, const std::string& text) {
  try {
    const YamlDocument document = read_document(with_unix_lines(text));
    if (document.count > 1)
      throw input_error("{}:{}: a second YAML document begins; a configuration is one", path,
                        document.second.line + 1);
    return document.root;
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
