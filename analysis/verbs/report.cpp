#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "analysis/render/figure_csv.hpp"
#include "analysis/render/gnuplot.hpp"
#include "analysis/render/gnuplot_script.hpp"
#include "analysis/render/html.hpp"
#include "analysis/render/output_file.hpp"
#include "analysis/render/render.hpp"
#include "analysis/tables/summary.hpp"
#include "analysis/verbs/command_line.hpp"
#include "analysis/verbs/verbs.hpp"
#include "base/durable_file.hpp"
#include "base/parallel_for.hpp"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

fs::path report_place(const AnalyzeOptions& options) { return fs::path(options.paths.front()) / "report"; }

// Error(bad_input) when the first path is no folder, or report/ below it is a link: before anything is read.
void require_place_for_report(const AnalyzeOptions& options) {
  std::error_code error;
  if (fs::exists(options.paths.front(), error) && !fs::is_directory(options.paths.front(), error))
    throw input_error("{}: a report needs a folder to be written to; use analyze summary",
                      options.paths.front());
  if (fs::is_symlink(report_place(options), error))
    throw input_error("{}: is a link, and nothing is written through one; remove it, or use analyze summary",
                      report_place(options).string());
}

OutputFolder report_folder(const AnalyzeOptions& options) {
  require_place_for_report(options);
  const fs::path folder = report_place(options);
  std::error_code error;
  fs::create_directory(folder, error);
  if (error)
    throw Error(meaning_of_write_error(error.value()),
                fmt::format("{}: cannot be made: {}; use analyze summary", folder.string(), error.message()));
  return OutputFolder(folder.string(), OutputFolder::Links::refused);
}

// A folder of our own for gnuplot, which would follow a link in the place of a picture.
class DrawingFolder {
 public:
  DrawingFolder() : path_((fs::temp_directory_path() / "analyze.XXXXXX").string()) {
    if (!mkdtemp(path_.data()))
      throw run_error("{}: cannot make a folder to draw in: {}; set TMPDIR", path_, errno_text(errno));
  }
  ~DrawingFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  DrawingFolder(const DrawingFolder&) = delete;
  DrawingFolder& operator=(const DrawingFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string text_of(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(fs::path(path_) / name, std::ios::binary).rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

// One picture for papers. Returns what went wrong, or "".
std::string draw(const OutputFolder& folder, const DrawingFolder& drawing, const DrawnPicture& picture,
                 const std::string& gnuplot, Theme theme) {
  const std::string failure =
      run_gnuplot(gnuplot, gnuplot_script(picture.figure, picture.file, theme), drawing.path());
  if (!failure.empty()) return fmt::format("{}: {}", picture.file, failure);
  const std::string pdf = drawing.text_of(picture.file + ".pdf"),
                    png = drawing.text_of(picture.file + ".png");
  if (pdf.find("%%EOF") == std::string::npos || png.find("IEND") == std::string::npos)
    return picture.file + ": gnuplot wrote no picture";
  folder.write(picture.file + ".pdf", pdf);
  folder.write(picture.file + ".png", png);
  return "";
}

// Draws with a process a picture, as many at a time as there are processors. Returns what went wrong first, or "".
std::string draw_for_papers(const OutputFolder& folder, const std::vector<DrawnPicture>& pictures,
                            Theme theme) {
  const std::string gnuplot = find_gnuplot();
  if (gnuplot.empty()) return kNoGnuplot;
  const DrawingFolder drawing;
  std::vector<std::string> failures(pictures.size());
  const int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 8U));
  parallel_for(pictures.size(), threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      failures[i] = draw(folder, drawing, pictures[i], gnuplot, theme);
  });
  for (const std::string& failure : failures)
    if (!failure.empty()) return failure;
  return "";
}

std::vector<HtmlReport::VerbPage> verb_pages(const Analysis& analysis, const AnalyzeOptions& options) {
  std::vector<HtmlReport::VerbPage> pages;
  for (const Verb& verb : verbs())
    if (verb.tables) pages.push_back({verb.name, verb.tables(analysis, options)});
  return pages;
}

}  // namespace

ExitCode run_report(const AnalyzeOptions& options) {
  require_place_for_report(options);
  const Analysis analysis = read_analysis(options.paths, options);
  const OutputFolder folder = report_folder(options);
  folder.write("summary.md", render(analysis, Format::md, options));
  folder.write("summary.json", render(analysis, Format::json, options));
  folder.write("summary.csv", render(analysis, Format::csv, options));
  folder.write("summary.tex", render_tex(short_tables(analysis)));
  const std::vector<PictureInput> inputs = read_picture_inputs(analysis);
  const std::vector<DrawnPicture> pictures = draw_pictures(inputs);
  const Theme theme = options.dark ? Theme::dark : Theme::light;
  for (const DrawnPicture& picture : pictures) {
    folder.write(picture.file + ".csv", figure_csv(picture.figure));
    folder.write(picture.file + ".svg", svg_file(picture.figure, theme));
  }
  folder.write("index.html", render_html({analysis, inputs, pictures, verb_pages(analysis, options), options,
                                          options.dark}));
  write_output(options.output, render(analysis, options.format, options));
  if (const std::string notice = draw_for_papers(folder, pictures, theme); !notice.empty()) say(notice);
  return must_refuse(analysis, options) ? ExitCode::refused : ExitCode::done;
}

}  // namespace lockstep
