#include "analysis/import/csv_records.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kMostFields = 4096;

char separator_of(std::string_view header) {
  char best = ',';
  for (const char c : {';', '\t'})
    if (std::count(header.begin(), header.end(), c) > std::count(header.begin(), header.end(), best))
      best = c;
  return best;
}

bool ends_line(char c) { return c == '\n' || c == '\r'; }

}  // namespace

CsvRecords::CsvRecords(std::string_view text, std::string source)
    : text_(text),
      source_(std::move(source)),
      separator_(separator_of(text.substr(0, text.find_first_of("\r\n")))) {}

bool CsvRecords::next(std::vector<std::string>& fields) {
  if (at_ >= text_.size()) return false;
  line_ = next_line_;
  fields.assign(1, "");
  while (at_ < text_.size() && take(text_[at_], fields)) ++at_;
  if (quoted_) throw input_error("{}:{}: an unclosed quote", source_, line_);
  end_line();
  return true;
}

// Whether the record goes on. A quote opens at the begin of a field, and may be doubled within quotes.
bool CsvRecords::take(char c, std::vector<std::string>& fields) {
  if (!quoted_ && ends_line(c)) return false;
  if (c == '"' && quoted_ && text_.substr(at_ + 1, 1) == "\"") {
    fields.back() += text_[++at_];
  } else if (c == '"' && (quoted_ || fields.back().empty())) {
    quoted_ = !quoted_;
  } else if (c == separator_ && !quoted_) {
    if (fields.size() == kMostFields)
      throw input_error("{}:{}: more than {} fields; not a table of epochs", source_, line_, kMostFields);
    fields.emplace_back();
  } else {
    next_line_ += c == '\n' ? 1 : 0;
    fields.back() += c;
  }
  return true;
}

void CsvRecords::end_line() {
  if (text_.substr(at_, 2) == "\r\n") ++at_;
  ++at_;
  ++next_line_;
}

}  // namespace lockstep
