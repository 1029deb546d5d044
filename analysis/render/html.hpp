// The report as one self-contained HTML file: no network, no second file, no program to draw it.
#pragma once

#include <string>
#include <vector>

#include "analysis/plot/pictures.hpp"
#include "analysis/tables/page_options.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

struct HtmlReport {
  struct VerbPage {
    std::string verb;
    Page page;
  };
  const Analysis& analysis;
  const std::vector<PictureInput>& inputs;
  const std::vector<DrawnPicture>& pictures;
  std::vector<VerbPage> pages;  // of the verbs that show tables
  PageOptions options = {};
  bool dark = false;  // otherwise as the reader's system has it
};

// The answer, then sections that can be linked to. Text of run files is escaped; columns have their definitions as
// titles, and every row and shape of a group the group's number, by which the script finds its runs.
std::string render_html(const HtmlReport& report);

}  // namespace lockstep
