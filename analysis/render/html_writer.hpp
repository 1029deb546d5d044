// Pieces of HTML: every text is escaped here and nowhere else.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/render/page_writer.hpp"

namespace lockstep {

// What is shown when the pointer rests on a number, beside the definition of its column.
struct Hovers {
  std::map<std::string, std::string> rows;  // label of a group: its runs
};

class HtmlWriter : public PageWriter {
 public:
  explicit HtmlWriter(Hovers hovers) : hovers_(std::move(hovers)) {}
  HtmlWriter& raw(const std::string& markup) {
    out_ += markup;
    return *this;
  }
  HtmlWriter& element(const std::string& name, const std::string& text, const std::string& attributes = "");
  void title(const std::string& text) override { element("h1", text); }
  // With an anchor, which is remembered for the list of contents.
  void heading(const std::string& text) override;
  void paragraph(const std::string& text) override { element("p", text); }
  void items(const std::vector<std::string>& lines) override;
  void table(const ShownTable& table) override { table_of_class(table, ""); }
  // A table of words, aligned to the left.
  void text_table(const Table& table) { table_of_class(shown(table), "text"); }
  // A page whose title unfolds it; its headings are in no list of contents.
  void folded(const Page& page);
  // A folded text, as it stands in a file.
  void folded(const std::string& summary, const std::string& text);

  struct Anchor {
    std::string id, text;
  };
  const std::vector<Anchor>& anchors() const { return anchors_; }
  const std::string& str() const { return out_; }

 private:
  void table_of_class(const ShownTable& table, const char* cell_class);
  void row(const ShownTable& table, const ShownTable::Row& row, const char* cell_class);
  std::string out_;
  std::vector<Anchor> anchors_;
  Hovers hovers_;
  bool in_folded_ = false;
};

// ` title="..."`, or nothing.
std::string title_attribute(const std::string& text);

}  // namespace lockstep
