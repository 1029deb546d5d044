// The pieces of a page that each format writes, in order.
#pragma once

#include <string>
#include <vector>

#include "analysis/tables/table.hpp"

namespace lockstep {

class PageWriter {
 public:
  virtual ~PageWriter() = default;
  void page(const Page& page);                 // all of it
  void body(const Page& page);                 // without title, answer, lead and the lead's heading
  void tables(const std::vector<Table>& all);  // with their headings

  virtual void title(const std::string& text) = 0;
  virtual void heading(const std::string& text) = 0;
  virtual void paragraph(const std::string& text) = 0;
  virtual void items(const std::vector<std::string>& lines) = 0;
  virtual void table(const ShownTable& table) = 0;
};

}  // namespace lockstep
