#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "analysis/output/html.hpp"
#include "analysis/output/summary_table.hpp"
#include "analysis/output/tex.hpp"
#include "analysis/output/write_file.hpp"
#include "analysis/plot/gnuplot.hpp"
#include "analysis/plot/gnuplot_script.hpp"
#include "analysis/verbs/pages.hpp"
#include "analysis/verbs/verbs.hpp"
#include "base/error.hpp"
#include "base/parallel_for.hpp"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

fs::path report_folder(const AnalyzeOptions& options) {
  fs::path folder = fs::path(options.paths.front()) / "report";
  std::error_code error;
  if (!fs::is_directory(options.paths.front(), error))
    throw input_error("{}: a report needs a folder to be written to; use analyze summary",
                      options.paths.front());
  fs::create_directory(folder, error);
  if (error)
    throw input_error("{}: cannot be made: {}; use analyze summary", folder.string(), error.message());
  return folder;
}

void write_in(const fs::path& folder, const std::string& name, const std::string& text) {
  write_file((folder / name).string(), text);
}

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// One picture: its files, and what the page shows of it. Returns what went wrong, or "".
std::string draw(const fs::path& folder, const DrawnPicture& picture, const std::string& gnuplot, Theme theme,
                 HtmlPicture& shown) {
  const std::string failure =
      run_gnuplot(gnuplot, gnuplot_script(picture.figure, picture.file, theme), folder.string());
  if (!failure.empty()) return fmt::format("{}: {}", picture.file, failure);
  const std::string svg = text_of(folder / (picture.file + ".svg"));
  if (svg.find("</svg>") == std::string::npos) return picture.file + ".svg: gnuplot wrote no picture";
  write_in(folder, picture.file + ".svg", themed_svg(svg, theme));
  shown.svg = inline_svg(svg, picture.file);
  return "";
}

// Draws with a process a picture, as many at a time as there are processors.
std::vector<HtmlPicture> draw_all(const fs::path& folder, const std::vector<DrawnPicture>& pictures,
                                  const AnalyzeOptions& options, std::string& notice) {
  const std::string gnuplot = find_gnuplot();
  if (gnuplot.empty()) {
    notice = kNoGnuplot;
    return {};
  }
  std::vector<HtmlPicture> shown(pictures.size());
  std::vector<std::string> failures(pictures.size());
  const int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 8U));
  parallel_for(pictures.size(), threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      shown[i] = {pictures[i].file, pictures[i].title, pictures[i].caption, pictures[i].uuids, ""};
      failures[i] = draw(folder, pictures[i], gnuplot, options.dark ? Theme::dark : Theme::light, shown[i]);
    }
  });
  for (const std::string& failure : failures)
    if (notice.empty()) notice = failure;
  std::erase_if(shown, [](const HtmlPicture& p) { return p.svg.empty(); });
  return shown;
}

}  // namespace

void run_report(const Analysis& analysis, const AnalyzeOptions& options) {
  const fs::path folder = report_folder(options);
  write_in(folder, "summary.md", render(analysis, Format::md));
  write_in(folder, "summary.json", render(analysis, Format::json));
  write_in(folder, "summary.csv", render(analysis, Format::csv));
  write_in(folder, "summary.tex", render_tex(summary_tables(analysis)));
  const std::vector<PictureInput> inputs = read_picture_inputs(analysis);
  const std::vector<DrawnPicture> pictures = draw_pictures(inputs);
  for (const DrawnPicture& picture : pictures)
    write_in(folder, picture.file + ".csv", figure_csv(picture.figure));
  std::string notice;
  std::vector<HtmlPicture> shown = draw_all(folder, pictures, options, notice);
  if (!notice.empty()) fmt::print(stderr, "analyze: {}\n", notice);
  std::vector<Document> pages;
  for (const VerbPage& page : verb_pages()) pages.push_back(document_of(page.page(analysis, options)));
  write_in(folder, "index.html",
           render_html({analysis, inputs, std::move(pages), std::move(shown), notice, options.dark}));
  run_summary(analysis, options);
}

}  // namespace lockstep
