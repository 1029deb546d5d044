// The top of the page: does it pay, why, what next, and the one table.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analysis/advice/headline.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/render/escape.hpp"
#include "analysis/render/html_parts.hpp"
#include "analysis/render/svg_paint.hpp"
#include "analysis/tables/definitions.hpp"
#include "analysis/tables/group_table.hpp"

namespace lockstep {

namespace {

constexpr double kBarWidth = 130, kBarHeight = 16;  // points

// Parts of the lost time, in the colours that phases have in the pictures.
struct LossLook {
  LossPart part;
  const char* name;
  Colour colour;
};
constexpr std::array kLosses = {LossLook{LossPart::compute, "slower computing", kBlue},
                                LossLook{LossPart::comm_transfer, "exposed communication", kVermillion},
                                LossLook{LossPart::comm_wait, "waiting for late ranks", kLightGrey},
                                LossLook{LossPart::bubble, "pipeline bubble", kPurple},
                                LossLook{LossPart::optimizer, "optimizer", kGreen},
                                LossLook{LossPart::data, "loader", kYellow},
                                LossLook{LossPart::h2d, "copies to the device", kOrange},
                                LossLook{LossPart::other, "in no phase", kDarkGrey}};

const SvgPaint kPaint{true, Theme::light, nullptr};

std::string bar(const std::string& label, const std::string& content) {
  return fmt::format("<svg class=\"bar\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>",
                     kBarWidth, kBarHeight, html_escaped(label), content);
}

std::string rectangle(double left, double right, double top, double bottom, Colour colour,
                      const std::string& title) {
  return fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\">{}</rect>",
                     svg_number(left), top, svg_number(std::max(0.5, right - left)), bottom - top,
                     kPaint.colour(colour), svg_title(kPaint, title));
}

std::string upright(double x, double top, double bottom, Colour colour, const char* dashes) {
  return fmt::format(
      "<path d=\"M{0} {1}V{2}\" stroke=\"{3}\" stroke-width=\"1.5\" stroke-dasharray=\"{4}\"/>",
      svg_number(x), top, bottom, kPaint.colour(colour), dashes);
}

// What the bars of one table have in common: the speedup at their right end.
double widest_speedup(const Overview& overview) {
  double most = 1;
  for (const OverviewRow& row : overview.rows) {
    if (!row.speedup) continue;
    most = std::max({most, static_cast<double>(row.group->group->any().ranks), row.speedup->value});
    if (row.speedup->interval) most = std::max(most, row.speedup->interval->high);
  }
  return 1.04 * most;
}

// The speedup with its interval; a full line at 1, a dashed one at the ideal.
std::string speedup_bar(const OverviewRow& row, double most) {
  const Estimate& s = *row.speedup;
  const double ideal = static_cast<double>(row.group->group->any().ranks);
  const auto x = [&](double speedup) { return kBarWidth * speedup / most; };
  const std::string said =
      fmt::format("{} times as fast{}, ideally {:.0f}", number(s.value),
                  s.interval ? " (95 % interval " + bounds_of(s, *s.interval) + ")" : "", ideal);
  std::string content = rectangle(0, x(s.value), 3, 13, s.value < 1 ? kVermillion : kBlue, said);
  content += upright(x(1), 0, kBarHeight, kForeground, "none") +
             upright(x(ideal), 0, kBarHeight, kForeground, "2 2");
  if (s.interval)
    content += fmt::format(
        "<path d=\"M{0} 8H{1}M{0} 5V11M{1} 5V11\" stroke=\"{2}\" stroke-width=\"1.5\" fill=\"none\"/>",
        svg_number(x(s.interval->low)), svg_number(x(s.interval->high)), kPaint.colour(kForeground));
  return bar(said, content);
}

// The parts that cost something, end to end.
std::string loss_bar(const Lost& lost) {
  double all = 0;
  for (const LossLook& look : kLosses) all += std::max(0.0, lost.time.of(look.part));
  std::string content, said = fmt::format("lost {} ms of a step", milliseconds(lost.time.total));
  double left = 0;
  for (const LossLook& look : kLosses) {
    const double seconds = lost.time.of(look.part), width = kBarWidth * std::max(0.0, seconds) / all;
    if (!(width > 0.2)) continue;
    const std::string share =
        lost.time.has_shares() ? fmt::format(", {:.0f} % of the lost time", 100 * seconds / lost.time.total)
                               : "";
    const std::string part = fmt::format("{}: {} ms{}", look.name, milliseconds(seconds), share);
    content += rectangle(left, left + width, 2, 14, look.colour, part);
    said += "; " + part;
    left += width;
  }
  return bar(said, content);
}

std::string loss_cell(const OverviewRow& row) {
  if (!row.lost) return "";
  const LostTime::Part* most = largest_loss(*row.lost);
  if (!most) return row.lost->time.total <= 0 ? "nothing" : loss_bar(*row.lost);
  const auto look =
      std::find_if(kLosses.begin(), kLosses.end(), [&](const LossLook& l) { return most->part == l.part; });
  return loss_bar(*row.lost) +
         fmt::format("<small>{:.0f} % {}</small>", 100 * most->seconds / row.lost->time.total, look->name);
}

std::string refusal_text(const Finding& finding) {
  return fmt::format("{} [{}]", in_short(finding), finding.rule->code);
}

struct HeaderCell {
  const char *text, *metric;
};
constexpr HeaderCell kHeader[] = {{"Configuration", ""},
                                  {"Verdict", ""},
                                  {"Step", "step_seconds"},
                                  {"Speedup", "speedup"},
                                  {"Efficiency", "efficiency"},
                                  {"Where the lost time goes", ""},
                                  {"What next", ""}};

std::string cell(std::size_t column, const std::string& content, const std::string& more = "") {
  return fmt::format("<td data-h=\"{}\"{}>{}</td>", kHeader[column].text, more, content);
}

class AnswerTable {
 public:
  AnswerTable(HtmlWriter& html, const Overview& overview, const std::string& id, const Analysis& analysis)
      : html_(html), overview_(overview), id_(id), analysis_(analysis), most_(widest_speedup(overview)) {}

  void add() {
    html_.raw("<table class=\"overview\"><thead><tr>");
    for (const HeaderCell& h : kHeader)
      html_.raw(fmt::format("<th scope=\"col\"{}><button type=\"button\">{}</button></th>",
                            title_attribute(*h.metric ? definition_of(h.metric) : ""), h.text));
    html_.raw("</tr></thead>\n<tbody>\n");
    for (const OverviewRow& row : overview_.rows) add(row);
    html_.raw("</tbody></table>\n");
    add_key();
  }

 private:
  void add(const OverviewRow& row) {
    const std::string id = fmt::format("{}-{}", id_, ++number_);
    const GroupSummary& group = *row.group;
    const std::string name = html_escaped(one_line(group.group->label, 80));
    const std::string word = row.verdict;
    html_.raw(fmt::format("<tr class=\"row\"{}>", html_.group_attribute(subject(
                                                      analysis_, *overview_.workload, group.group->label))));
    html_.raw(
        row.sentences.empty()
            ? fmt::format("<th scope=\"row\">{}</th>", name)
            : fmt::format("<th scope=\"row\"><button type=\"button\" class=\"fold\" aria-expanded=\"false\" "
                          "aria-controls=\"{}\">{}</button></th>",
                          id, name));
    html_.raw(
        cell(1, fmt::format("<span class=\"word {}\">{}</span>", word.substr(0, word.find(' ')), word)));
    html_.raw(cell(2, group.measured() ? milliseconds(group.step_seconds.value) + " ms" : "-"));
    add_claims(row);
    html_.raw("</tr>\n");
    if (row.sentences.empty()) return;
    html_.raw(fmt::format("<tr class=\"more\" id=\"{}\" hidden><td colspan=\"7\">", id));
    for (const std::string& sentence : row.sentences) html_.paragraph(sentence);
    if (row.advice) html_.paragraph(fmt::format("{}: because {}.", row.advice->what, row.advice->because));
    html_.raw("</td></tr>\n");
  }

  void add_claims(const OverviewRow& row) {
    if (row.refusal) {
      html_.raw(fmt::format("<td class=\"text\" colspan=\"4\" data-h=\"Refused\">{}</td>",
                            html_escaped(refusal_text(*row.refusal))));
      return;
    }
    if (!row.speedup) {
      html_.raw(fmt::format("<td class=\"text\" colspan=\"4\">{}</td>",
                            row.group->group->any().ranks > 1 ? "no run to compare with" : ""));
      return;
    }
    const Estimate& s = *row.speedup;
    const std::string interval = s.interval
                                     ? fmt::format(" <small>({})</small>", bounds_of(s, *s.interval, 1, "-"))
                                     : " <small>single</small>";
    html_.raw(cell(3, speedup_bar(row, most_) + fmt::format("<span>{}x{}</span>", number(s.value), interval),
                   fmt::format(" data-v=\"{}\"", s.value)));
    html_.raw(cell(4, fmt::format("{:.0f} %", 100 * row.efficiency->value)));
    html_.raw(cell(5, loss_cell(row)));
    html_.raw(cell(6, html_sentence(row.next), " class=\"text\""));
  }

  void add_key() {
    const auto any = [&](auto has) { return std::any_of(overview_.rows.begin(), overview_.rows.end(), has); };
    if (!any([](const OverviewRow& row) { return row.speedup.has_value(); })) return;
    html_.raw(
        "<p class=\"note key-line\">Speedup: bar with its 95 % interval; line at 1, dashed at the ideal.");
    if (any([](const OverviewRow& row) { return row.lost.has_value(); })) html_.raw(" Lost time: ");
    for (const LossLook& look : kLosses)
      if (any([&](const OverviewRow& row) { return row.lost && row.lost->time.of(look.part) > 0; }))
        html_.raw(fmt::format(
            "<span class=\"sign\"><svg viewBox=\"0 0 10 10\"><rect width=\"10\" height=\"10\" fill=\"{}\"/></svg>{}</span> ",
            kPaint.colour(look.colour), look.name));
    html_.raw("</p>\n");
  }

  HtmlWriter& html_;
  const Overview& overview_;
  std::string id_;
  const Analysis& analysis_;
  double most_;
  int number_ = 0;
};

void add_line(HtmlWriter& html, const char* name, const std::string& text) {
  if (!text.empty())
    html.raw(fmt::format("<p class=\"answer\"><b>{}</b><span>{}</span></p>\n", name, html.linked(text)));
}

void add_overview(HtmlWriter& html, const Overview& overview, const Analysis& analysis, std::size_t number,
                  bool several) {
  if (several) {
    html.element("h2", subject(analysis, *overview.workload, overview.headline),
                 fmt::format(" id=\"workload-{}\"", number));
  }
  add_line(html, "Why", overview.why);
  add_line(html, "Next", overview.next);
  AnswerTable(html, overview, fmt::format("w{}", number), analysis).add();
}

void add_findings(HtmlWriter& html, const Page& summary) {
  for (const Lines& lines : summary.more) {
    if (lines.lines.empty()) continue;
    html.raw("<details class=\"findings\"><summary>")
        .raw(html_escaped(fmt::format("{} ({})", lines.heading, lines.lines.size())));
    html.raw("</summary>\n").items(lines.lines);
    html.raw("</details>\n");
  }
}

}  // namespace

void add_answer(HtmlWriter& html, const HtmlReport& report, const std::vector<Overview>& overviews,
                const Page& summary) {
  const Analysis& analysis = report.analysis;
  html.title(summary.title);
  std::string facts = summary.answer.empty() ? "" : summary.answer.front();
  if (overviews.size() == 1) facts = workload_facts(*overviews.front().workload) + ". " + facts;
  html.element("p", facts, " class=\"meta\"");
  for (std::size_t i = 0; i < overviews.size(); ++i)
    add_overview(html, overviews[i], analysis, i + 1, overviews.size() > 1);
  add_findings(html, summary);
}

}  // namespace lockstep
