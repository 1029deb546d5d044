// Pieces of HTML: every text is escaped here and nowhere else.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "analysis/render/page_writer.hpp"
#include "analysis/render/svg.hpp"

namespace lockstep {

class HtmlWriter : public PageWriter {
 public:
  explicit HtmlWriter(GroupNumbers groups) : groups_(std::move(groups)) {}
  HtmlWriter& raw(const std::string& markup) {
    out_ += markup;
    return *this;
  }
  HtmlWriter& element(const std::string& name, const std::string& text, const std::string& attributes = "");
  void title(const std::string& text) override { element("h1", text); }
  void heading(const std::string& text) override;
  void paragraph(const std::string& text) override { raw("<p>" + linked(text) + "</p>\n"); }
  void items(const std::vector<std::string>& lines) override;
  void table(const ShownTable& table) override { table_of_class(table, ""); }
  // A table of words, aligned to the left.
  void text_table(const Table& table) { table_of_class(shown(table), "text"); }
  // A page whose title unfolds it.
  void folded(const Page& page);
  // A folded text, as it stands in a file.
  void folded(const std::string& summary, const std::string& text);

  // Escaped; the first of the page that names a term of the glossary (R, POP, Karp-Flatt) links to it.
  std::string linked(const std::string& text);
  // ` data-g="3"` of a group's label; "" for what is none.
  std::string group_attribute(const std::string& label) const;
  const GroupNumbers& groups() const { return groups_; }
  const std::string& str() const { return out_; }

 private:
  std::string link_beside(const std::string& header);
  void table_of_class(const ShownTable& table, const char* cell_class);
  void row(const ShownTable& table, const ShownTable::Row& row, const char* cell_class);
  std::string out_;
  std::set<std::string> linked_;
  GroupNumbers groups_;
};

// ` title="..."`, or nothing.
std::string title_attribute(const std::string& text);

// The terms that are linked, with the metric whose definition they lead to: the id is "def-" and that.
struct GlossaryTerm {
  const char *word, *metric;
};
inline constexpr GlossaryTerm kGlossary[] = {{"R", "compute_comm_ratio_total"},
                                             {"POP", "pop_parallel_efficiency"},
                                             {"Karp-Flatt", "karp_flatt"},
                                             {"Karp and Flatt", "karp_flatt"},
                                             {"Amdahl", "amdahl_parallel_share"}};

}  // namespace lockstep
