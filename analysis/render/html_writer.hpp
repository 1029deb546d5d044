// Pieces of HTML: every text is escaped here and nowhere else.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/tables/document.hpp"

namespace lockstep {

// What is shown when the pointer rests on a number: by the header of its column and the label of its row.
struct Hovers {
  std::map<std::string, std::string> rows;  // label of a group: its runs
};

class HtmlWriter {
 public:
  explicit HtmlWriter(Hovers hovers) : hovers_(std::move(hovers)) {}
  HtmlWriter& raw(const std::string& markup) {
    out_ += markup;
    return *this;
  }
  HtmlWriter& element(const std::string& name, const std::string& text, const std::string& attributes = "");
  // A heading with an anchor, which is remembered for the list of contents.
  HtmlWriter& heading(const std::string& text);
  HtmlWriter& paragraph(const std::string& text) { return element("p", text); }
  HtmlWriter& items(const std::vector<std::string>& lines);
  HtmlWriter& table(const TextTable& table);
  // A table of words, aligned to the left.
  HtmlWriter& text_table(const TextTable& table);
  HtmlWriter& block(const Block& block);
  // A folded text, as it stands in a file.
  HtmlWriter& folded(const std::string& summary, const std::string& text);

  struct Anchor {
    std::string id, text;
  };
  const std::vector<Anchor>& anchors() const { return anchors_; }
  const std::string& str() const { return out_; }

 private:
  void open_table(const TextTable& table, const char* cell_class);
  void row(const TextTable& table, const TextTable::Row& row, const char* cell_class);
  std::string out_;
  std::vector<Anchor> anchors_;
  Hovers hovers_;
};

// ` title="..."`, or nothing.
std::string title_attribute(const std::string& text);

}  // namespace lockstep
