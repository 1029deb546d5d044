// The summary table as a picture.
#include <algorithm>

#include "analysis/plot/pictures.hpp"
#include "analysis/tables/summary.hpp"

namespace lockstep {

namespace {

constexpr double kPointsPerLetter = 7.4, kGap = 18, kMargin = 16;

double width_of(const std::string& text) {
  return kPointsPerLetter * static_cast<double>(display_width(text));
}

// Left edges of the columns, and the right edge of the last.
std::vector<double> edges_of(const ShownTable& table) {
  std::vector<double> edges = {0};
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    double width = width_of(table.header[c]);
    for (const ShownTable::Row& row : table.rows)
      if (c < row.cells.size()) width = std::max(width, width_of(row.cells[c]));
    edges.push_back(edges.back() + width + kGap);
  }
  return edges;
}

void add_row(Panel& panel, const std::vector<std::string>& cells, const std::vector<double>& edges,
             double y) {
  for (std::size_t c = 0; c < cells.size(); ++c) panel.words.push_back({edges[c], y, cells[c]});
}

// As booktabs has them: above, below the header, below.
void add_rule(Panel& panel, double right, double y, double thickness) {
  panel.boxes.front().boxes.push_back({0, right, y - thickness, y + thickness});
}

}  // namespace

Figure table_figure(const PictureInput& input) {
  const ShownTable table = shown(short_table(input.analysis, input.workload));
  if (table.rows.size() > 40) return {};
  const std::vector<double> edges = edges_of(table);
  const auto rows = static_cast<double>(table.rows.size());
  Panel panel;
  panel.x = {.low = -kMargin, .high = edges.back(), .hidden = true};
  panel.y = {.low = -rows - 1, .high = 1, .hidden = true};
  panel.boxes.push_back({"", kForeground, {}});
  add_rule(panel, edges.back(), 0.6, 0.02);
  add_rule(panel, edges.back(), -0.5, 0.01);
  add_rule(panel, edges.back(), -rows - 0.6, 0.02);
  add_row(panel, table.header, edges, 0);
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    std::vector<std::string> cells = table.rows[r].cells;
    if (!table.rows[r].rest.empty()) cells.push_back(table.rows[r].rest);
    add_row(panel, cells, edges, -1 - static_cast<double>(r));
  }
  Figure figure;
  figure.panels.push_back(std::move(panel));
  figure.width = static_cast<int>(edges.back() + 2 * kMargin) + 60;
  figure.height = 60 + 26 * static_cast<int>(table.rows.size() + 1);
  return figure;
}

}  // namespace lockstep
