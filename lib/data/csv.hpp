// Labelled text in CSV, as AG News and its kin are published: a class number, then one or two text fields,
// each bare or in quotes. Finds the fields; does not copy, decode or tokenise them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

// A text field as it lies in the file, without its outer quotes. escaped: it holds "" or \" that stand for
// one quote.
struct CsvText {
  std::uint64_t begin = 0;
  std::uint32_t length = 0;
  bool escaped = false;
};

struct CsvRow {
  std::int32_t label = 0;  // 1-based, as in the file
  CsvText texts[2];
};

struct CsvTable {
  std::string path;        // for messages
  std::string_view bytes;  // of the whole file; the caller keeps them alive
  int text_fields = 0;     // 1 or 2
  std::vector<CsvRow> rows;
  std::int32_t largest_label = 0;

  // 1-based line on which a row begins. Counts from the start of the file: for messages.
  std::int64_t line_of(std::size_t row) const;
};

// Reads the rows. A first row whose first field is `Class Index` is a header. In quotes, "" is one quote, and
// so is \" unless the field ends there; a backslash before anything else is itself (which is how the
// published files mean it); line breaks are text.
// Empty lines are skipped, and so are spaces around quotes, and around a class. Lines end with \n or \r\n.
// Error(bad_input) naming file and line: no rows, another number of fields than the first row, a class that
// is no whole number from 1 to `classes` (0: to 1,000,000), a quote that is not closed, text after a closing
// quote, a lone \r outside of quotes, a text that is too long, another encoding (data/text_input.hpp).
CsvTable parse_csv(std::string_view bytes, const std::string& path, std::int64_t classes);

// Appends the text of a field, its quotes decoded.
void append_text(std::string_view file, const CsvText& text, std::string& out);

}  // namespace lockstep
