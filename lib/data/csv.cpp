#include "data/csv.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.hpp"
#include "data/text_input.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kMostClasses = 1'000'000;
constexpr std::string_view kHeader = "Class Index";

constexpr std::size_t kShown = 40;  // bytes of a word in a message

std::string_view trimmed(std::string_view word) {
  while (word.starts_with(' ') || word.starts_with('\t')) word.remove_prefix(1);
  while (word.ends_with(' ') || word.ends_with('\t')) word.remove_suffix(1);
  return word;
}

// The whole of `word`; a number beyond T is the nearest that T has. Nothing when it is none.
template <typename T>
std::optional<T> number(std::string_view word) {
  T value{};
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || stop != word.data() + word.size() || error == std::errc::invalid_argument)
    return std::nullopt;
  if (error == std::errc::result_out_of_range)
    return word[0] == '-' ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
  return value;
}

// "class '4.0' is not a whole number"
std::string no_class(std::string_view word) {
  return fmt::format("class '{}' is not a {}number", word.substr(0, kShown),
                     number<double>(word) ? "whole " : "");
}

// What is wrong with a record; the line is worked out only when it is reported.
struct Fault {
  std::size_t at;  // byte where the record begins
  std::string what;
};

// Walks the records of the file.
class Scanner {
 public:
  Scanner(std::string_view file, std::size_t at, int text_fields, std::int64_t classes)
      : file_(file), at_(at), text_fields_(text_fields), classes_(classes) {}

  std::size_t at() const { return at_; }

  void skip_empty_lines() {
    while (at_ < file_.size() && (file_[at_] == '\n' || file_[at_] == '\r')) ++at_;
  }

  // Reads one record and stands behind its line break. Throws Fault.
  CsvRow record() {
    start_ = at_;
    CsvRow row;
    row.label = label(raw_field(text_fields_ == 0));
    for (int i = 0; i < text_fields_; ++i) row.texts[i] = raw_field(i + 1 == text_fields_);
    return row;
  }

  // The fields of a record whose number is not known yet.
  std::vector<CsvText> fields() {
    start_ = at_;
    std::vector<CsvText> found;
    do {
      found.push_back(any_field());
    } while (!ended_ && found.size() < 64);
    return found;
  }

 private:
  // A field, and that the record ends with it exactly if it is the last.
  CsvText raw_field(bool last) {
    const CsvText text = any_field(last);
    if (ended_ && !last) fail(fmt::format("fewer than {} fields", text_fields_ + 1));
    if (!ended_ && last) fail(fmt::format("more than {} fields", text_fields_ + 1));
    return text;
  }

  CsvText any_field(bool last = false) {
    const std::size_t begin = at_;
    at_ = behind_spaces(at_);
    if (at_ < file_.size() && file_[at_] == '"') return quoted(last);
    const std::size_t most = std::min(file_.size(), begin + kLongestText + 1);
    while (at_ < most && file_[at_] != ',' && file_[at_] != '\n' && file_[at_] != '\r') ++at_;
    const std::size_t end = at_;
    at_ = line_end(at_);
    ended_ = at_ == file_.size() || file_[at_] == '\n';
    if (at_ < file_.size()) ++at_;
    return make(begin, end, false);
  }

  // Spaces before a quote are those of a writer who puts one behind each comma; before anything else they are
  // text.
  std::size_t behind_spaces(std::size_t at) const {
    while (at < file_.size() && file_[at] == ' ') ++at;
    return at;
  }

  // Where the line break is that the carriage returns at `at` belong to; `at` where there are none.
  std::size_t line_end(std::size_t at) const {
    std::size_t end = at;
    while (end < file_.size() && file_[end] == '\r') ++end;
    if (end > at && end < file_.size() && file_[end] != '\n')
      fail(
          "a carriage return that is not followed by a line feed; if lines end so, convert the file: tr "
          "'\\r' '\\n'");
    return end;
  }

  CsvText quoted(bool last) {
    const std::size_t begin = ++at_;
    bool escaped = false;
    while (true) {
      const void* quote =
          at_ < file_.size() ? std::memchr(file_.data() + at_, '"', file_.size() - at_) : nullptr;
      if (quote == nullptr) fail("a quote that is not closed");
      at_ = static_cast<std::size_t>(static_cast<const char*>(quote) - file_.data());
      const bool after_backslash = at_ > begin && file_[at_ - 1] == '\\';
      const bool doubled = at_ + 1 < file_.size() && file_[at_ + 1] == '"';
      if (doubled && !(after_backslash && ends_field(at_ + 2, last))) {
        at_ += 2;  // "", also where a backslash happens to stand before it
      } else if (after_backslash && (doubled || !ends_field(at_ + 1, last))) {
        at_ += 1;  // \"
      } else {
        break;
      }
      escaped = true;
    }
    const CsvText text = make(begin, at_++, escaped);
    end_quoted();
    return text;
  }

  // A backslash before a quote makes it text, unless the field clearly ends with that quote: the published
  // files have lines that end in \" and mean a backslash. Clearly: the line ends, or, before the last field,
  // another field begins.
  bool ends_field(std::size_t at, bool last) const {
    if (at == file_.size() || file_[at] == '\n') return true;
    if (file_[at] == '\r') return at + 1 == file_.size() || file_[at + 1] == '\n';
    if (last || file_[at] != ',') return false;
    const std::size_t next = behind_spaces(at + 1);
    return next < file_.size() && file_[next] == '"';
  }

  // What follows the closing quote: a comma, a line break or the end of the file.
  void end_quoted() {
    at_ = line_end(behind_spaces(at_));
    ended_ = at_ == file_.size() || file_[at_] == '\n';
    if (!ended_ && file_[at_] != ',')
      fail(
          "text after a closing quote: a quote inside a field must be doubled, or one before it is not "
          "closed");
    if (at_ < file_.size()) ++at_;
  }

  CsvText make(std::size_t begin, std::size_t end, bool escaped) const {
    if (end - begin > kLongestText)
      fail(fmt::format("a text of more than {} MiB, the most that is read; is a quote not closed?",
                       kLongestText >> 20));
    return {begin, static_cast<std::uint32_t>(end - begin), escaped};
  }

  std::int32_t label(const CsvText& text) const {
    const std::string_view word = trimmed(file_.substr(text.begin, text.length));
    const auto value = number<std::int64_t>(word);
    if (!value) fail(no_class(word));
    if (*value < 1 || *value > (classes_ > 0 ? classes_ : kMostClasses))
      fail(fmt::format("class {} is not between 1 and {}", word.substr(0, kShown),
                       classes_ > 0 ? classes_ : kMostClasses));
    return static_cast<std::int32_t>(*value);
  }

  [[noreturn]] void fail(std::string what) const { throw Fault{start_, std::move(what)}; }

  std::string_view file_;
  std::size_t at_, start_ = 0;
  int text_fields_;
  std::int64_t classes_;
  bool ended_ = false;  // the field read last was its record's last
};

std::int64_t count_lines(std::string_view file, std::size_t before) {
  return 1 + std::count(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(before), '\n');
}

// What most likely separates the fields of a line in which no comma does.
std::string separator_hint(std::string_view line) {
  line = line.substr(0, std::min(line.find('\n'), std::size_t{4096}));
  for (const auto& [sign, name] : {std::pair('\t', "tabs"), {';', "semicolons"}, {'|', "bars"}})
    if (line.find(sign) != std::string_view::npos)
      return fmt::format("; {} seem to separate them, and it must be commas", name);
  return {};
}

// What is wrong with the first row, which is no header; empty: nothing.
std::string first_row_fault(std::size_t fields, std::string_view first, std::string_view line) {
  const bool counted = fields == 2 || fields == 3;
  if (counted && (first == kHeader || number<std::int64_t>(first))) return {};
  std::string fault = counted ? no_class(first)
                      : fields == 1
                          ? "1 field where a class and one or two texts belong"
                          : fmt::format("{} fields where a class and one or two texts belong", fields);
  if (first.empty())  // of a column without a name, as pandas writes it
    fault += "; the first column seems to hold row numbers: write the file without (pandas: index=False)";
  else if (fields == 1)
    fault += separator_hint(line);
  else if (counted && !number<double>(first))
    fault += fmt::format("; a header must begin with '{}'", kHeader);
  return fault;
}

// How many text fields the rows have, and where the first row begins: behind a header if there is one.
int look_at_first_row(std::string_view file, const std::string& path, std::size_t& at) {
  Scanner scanner(file, at, 0, 0);
  scanner.skip_empty_lines();
  at = scanner.at();
  if (at == file.size()) throw input_error("'{}' has no rows", path);
  const auto fields = scanner.fields();
  const std::string_view first = trimmed(file.substr(fields[0].begin, fields[0].length));
  const std::string fault = first_row_fault(fields.size(), first, file.substr(at));
  if (!fault.empty()) throw input_error("{}:{}: {}", path, count_lines(file, at), fault);
  if (first == kHeader) at = scanner.at();
  return static_cast<int>(fields.size()) - 1;
}

}  // namespace

CsvTable parse_csv(std::string_view bytes, const std::string& path, std::int64_t classes) {
  CsvTable table{path, bytes, 0, {}, 0};
  require_plain_text(bytes, path);
  std::size_t at = bytes.size() - without_mark(bytes).size();
  try {
    table.text_fields = look_at_first_row(bytes, path, at);
    table.rows.reserve((bytes.size() - at) / 200 + 16);
    Scanner scanner(bytes, at, table.text_fields, classes);
    for (scanner.skip_empty_lines(); scanner.at() < bytes.size(); scanner.skip_empty_lines()) {
      table.rows.push_back(scanner.record());
      table.largest_label = std::max(table.largest_label, table.rows.back().label);
    }
  } catch (const Fault& fault) {
    throw input_error("{}:{}: {}", path, count_lines(bytes, fault.at), fault.what);
  }
  if (table.rows.empty()) throw input_error("'{}' has no rows", path);
  return table;
}

std::int64_t CsvTable::line_of(std::size_t row) const {
  // A label is a bare or quoted number at the start of its record; its text may begin lines later.
  const std::size_t text = rows[row].texts[0].begin;
  const std::size_t start =
      row == 0 ? 0 : rows[row - 1].texts[text_fields - 1].begin + rows[row - 1].texts[text_fields - 1].length;
  std::size_t at = text;
  while (at > start && bytes[at - 1] != '\n') --at;
  return count_lines(bytes, at);
}

void append_text(std::string_view file, const CsvText& text, std::string& out) {
  const std::string_view raw = file.substr(text.begin, text.length);
  if (!text.escaped) {
    out.append(raw);
    return;
  }
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const std::string_view rest = raw.substr(i);
    if (rest.starts_with(R"("")") || (rest.starts_with(R"(\")") && !rest.starts_with(R"(\"")"))) ++i;
    out.push_back(raw[i]);
  }
}

}  // namespace lockstep
