// The report as one HTML file that needs nothing else: no network, no second file.
#pragma once

#include <string>
#include <vector>

#include "analysis/plot/pictures.hpp"
#include "analysis/tables/table.hpp"

namespace lockstep {

struct HtmlPicture {
  std::string file, title, caption;
  std::vector<std::string> uuids;
  std::string svg;  // as inline_svg gives it
};

struct HtmlReport {
  const Analysis& analysis;
  const std::vector<PictureInput>& inputs;
  std::vector<Page> pages;  // of the verbs, after the summary
  std::vector<HtmlPicture> pictures;
  std::string notice;  // why there are no pictures, or ""
  bool dark = false;   // otherwise as the reader's system has it
};

// Text of run files is escaped; numbers have their definition and their runs as titles.
std::string render_html(const HtmlReport& report);

}  // namespace lockstep
