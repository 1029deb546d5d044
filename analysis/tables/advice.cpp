#include <fmt/format.h>

#include "analysis/advice/advice.hpp"
#include "analysis/quantities/numbers.hpp"
#include "analysis/tables/group_table.hpp"
#include "analysis/tables/pages.hpp"

namespace lockstep {

Page advise_page(const Analysis& analysis, const PageOptions& options) {
  Page page{"Advice from " + size_of(analysis), {}, {}, {}};
  Table table{"advice",
              "What would help, and by how much",
              {{"group", "", ""},
               {"gain", "1", "gain"},
               {"keeps_training", "", "same training"},
               {"advice", "", "advice"},
               {"because", "", "", 1, false}},
              {}};
  for (const WorkloadSummary& workload : analysis.summaries) {
    for (Predictor& predictor : predictors_of(workload, analysis.baseline)) {
      choose_link(predictor, analysis, options);
      const std::string name = subject(analysis, workload, predictor.source().group->label);
      std::vector<Advice> all = advice_for(predictor, workload);
      for (const Advice& a : all)
        if (!a.is_gain())
          page.notes.push_back(
              fmt::format("{}: {} may gain or lose ({}), so it is not advice; more launches would decide.",
                          name, a.what, with_interval(a.gain)));
      std::erase_if(all, [](const Advice& a) { return !a.is_gain(); });
      for (std::size_t i = 0; i < all.size(); ++i) {
        const Advice& a = all[i];
        table.rows.push_back({name, a.gain, std::string(a.keeps_training ? "yes" : "no"), a.what, a.because});
        page.lead.push_back(fmt::format("{}, {}. {} (gain {}), because {}.", name, i + 1, a.what,
                                        with_interval(a.gain) + (a.gain.interval ? "" : ", single launches"),
                                        a.because));
      }
      if (all.empty()) page.lead.push_back(name + ": no known change is sure to help.");
      if (predictor.source().group->any().has("oversubscribed"))
        page.notes.push_back(
            name +
            ": more threads compute than there are cores, and ranks that share cores slow each other down "
            "the more, the larger the batch; larger batches are not considered.");
      if (predictor.has_link())
        page.notes.push_back(fmt::format("{}: link of {} GB/s and {} us, {}.", name,
                                         number(predictor.link().bandwidth / 1e9),
                                         number(predictor.link().latency * 1e6), predictor.link_from()));
      else if (predictor.source().group->any().ranks > 1 && predictor.needs_link())
        page.notes.push_back(name +
                             ": the link is unknown, so buckets, messages and batches are not considered; "
                             "give it with --link, for example 200Gb:2us, or measure it with commbench.");
    }
  }
  if (!table.rows.empty()) page.tables.push_back(std::move(table));
  page.notes.emplace_back(
      "Gain: samples per second with the change divided by those without; each change "
      "alone.");
  page.notes.emplace_back("A change of the batch changes what is learned: adjust the learning rate with it.");
  return page;
}

}  // namespace lockstep
