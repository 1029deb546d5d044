#include "analysis/plot/pictures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace lockstep {

namespace {

constexpr Picture kPictures[] = {
    {"table", "", "Summary", "Medians over the launches; in brackets the 95 % interval.", table_figure},
    {"comparison", "", "Comparison",
     "Training loss, validation metric and training time of each epoch, and the speedup against train_seq. "
     "Curves are medians over the launches, bars the range of the launches, for the speedup its 95 % "
     "interval.",
     comparison_figure},
    {"total_time", "scaling", "Training time",
     "All steady steps of a launch, without evaluation; median over launches with its 95 % interval.",
     total_time_figure},
    {"speedup", "scaling", "Speedup",
     "How many times as fast as train_seq, with the 95 % interval. The dashed line is the ideal, the number "
     "of ranks. A refused speedup is not drawn.",
     speedup_figure},
    {"efficiency", "scaling", "Efficiency",
     "Speedup divided by ranks, with the 95 % interval. The dashed line is the ideal.", efficiency_figure},
    {"throughput", "scaling", "Throughput",
     "Samples per second over all ranks, with the 95 % interval. The dashed line is train_seq times the "
     "number of ranks.",
     throughput_figure},
    {"epoch_time", "time", "Time of an epoch",
     "Training time of each epoch, without evaluation: median and range of the launches.", epoch_time_figure},
    {"accuracy", "learning", "Validation metric", "After each epoch: median and range of the launches.",
     accuracy_figure},
    {"accuracy_time", "learning", "Validation metric against time",
     "The same against the training time so far: medians over the launches. Further left is faster.",
     accuracy_time_figure},
    {"loss_samples", "learning", "Loss against samples",
     "Training loss against samples trained on, of the launch with the median time; means of successive "
     "steps. Curves that coincide learn equally much per sample.",
     loss_samples_figure},
    {"loss_time", "learning", "Loss against time",
     "The same against the time since the first step, evaluation between the epochs included.",
     loss_time_figure},
    {"budget", "time", "Where a step's time goes",
     "The mean steady step by phase, mean over ranks. The phases add up to the wall time of the step. "
     "Communication hidden by computation is not part of it.",
     budget_figure},
    {"communication", "communication", "Communication, exposed and overlapped",
     "Time of a step in collectives: exposed, which lengthens the step, and overlapped, which computation "
     "hides.",
     communication_figure},
    {"bandwidth", "communication", "Bandwidth against message size",
     "Bus bandwidth of the all-reduces in training, by message size: median transfer time of the fastest "
     "rank, of the launch with the median time; also those of commbench on this hardware, if there are any.",
     bandwidth_figure},
    {"imbalance", "ranks", "The ranks",
     "Mean steady step of each rank, of the launch with the median time. A rank that computes or loads "
     "longer makes the others communicate longer: they wait for it.",
     nullptr, imbalance_figure},
    {"timeline", "ranks", "A step",
     "The steady step with the median wall time. Above, the phases of the rank, end to end, with the time "
     "that no phase accounts for last; below, the collectives as recorded, with colours alternating by "
     "bucket. An arrow leads from the first rank of a collective to the last.",
     nullptr, timeline_figure},
    {"pipeline", "pipeline", "A step of the pipeline",
     "The passes of the micro-batches through each rank's stages, as recorded, in the steady step with the "
     "median wall time. Gaps are the bubble, communication and the optimizer.",
     nullptr, pipeline_figure},
    {"confusion", "learning", "Confusion matrix",
     "Of the validation split after the last epoch, of the launch with the median time. Rows are the "
     "true class; the colour is the share of the row.",
     nullptr, confusion_figure},
};

bool is_measured(const GroupSummary& s) { return s.measured(); }

void add_uuids(std::vector<std::string>& uuids, const GroupDetail& group) {
  for (const Launch* launch : group.summary->group->launches) uuids.push_back(launch->header.uuid);
}

// Makes a picture's figures and names their files.
class Gallery {
 public:
  explicit Gallery(bool several_workloads) : several_(several_workloads) {}

  void add(const Picture& picture, const PictureInput& input) {
    if (picture.of_groups) {
      Figure figure = picture.of_groups(input);
      if (figure.empty()) return;
      DrawnPicture& next = begin(picture, input, "", std::move(figure));
      for (const GroupDetail& group : input.groups) add_uuids(next.uuids, group);
      return;
    }
    for (const GroupDetail& group : input.groups) {
      Figure figure = picture.of_group(input, group);
      if (figure.empty()) continue;
      add_uuids(begin(picture, input, group.summary->group->label, std::move(figure)).uuids, group);
    }
  }
  std::vector<DrawnPicture> drawn;

 private:
  DrawnPicture& begin(const Picture& picture, const PictureInput& input, const std::string& label,
                      Figure figure) {
    const Workload& work = *input.workload.workload;
    DrawnPicture next{picture.name, picture.section,   picture.title, picture.shows,
                      {},           std::move(figure), !label.empty()};
    if (several_) {
      next.file += "_" + file_word(work.model + "_" + work.data);
      next.title = fmt::format("{} on {}: {}", work.model, work.data, next.title);
    }
    if (!label.empty()) {
      next.file += "_" + file_word(label);
      next.title += ": " + label;
    }
    if (!input.left_out.empty()) next.caption += " " + input.left_out;
    if (!next.figure.note.empty()) next.caption += " " + next.figure.note;
    next.file = unique(next.file);
    drawn.push_back(std::move(next));
    return drawn.back();
  }

  std::string unique(const std::string& file) const {
    std::string name = file;
    const auto taken = [&] {
      return std::any_of(drawn.begin(), drawn.end(), [&](const DrawnPicture& d) { return d.file == name; });
    };
    for (int i = 2; taken(); ++i) name = fmt::format("{}_{}", file, i);
    return name;
  }

  bool several_;
};

// "ddp x2 overlap=false" without its number of ranks.
std::string without_ranks(const LaunchGroup& group) {
  std::string label = group.label;
  const std::string ranks = fmt::format(" x{}", group.any().ranks);
  if (const std::size_t at = label.find(ranks); at != std::string::npos) label.erase(at, ranks.size());
  return label;
}

}  // namespace

std::span<const Picture> pictures() { return kPictures; }

std::vector<const GroupSummary*> drawn_groups(const WorkloadSummary& workload, std::size_t most) {
  std::vector<const GroupSummary*> groups;
  for (const GroupSummary& summary : workload.groups)
    if (summary.measured()) groups.push_back(&summary);
  if (groups.size() <= most) return groups;
  std::stable_sort(groups.begin(), groups.end(), [](const GroupSummary* a, const GroupSummary* b) {
    const bool one = a->group->any().ranks == 1, other = b->group->any().ranks == 1;
    return one != other ? one : a->throughput.value > b->throughput.value;
  });
  groups.resize(most);
  std::sort(groups.begin(), groups.end());  // as they lie in the workload
  return groups;
}

PictureInput picture_input(const Analysis& analysis, const WorkloadSummary& workload) {
  PictureInput input{analysis, workload, {}};
  const auto measured = std::count_if(workload.groups.begin(), workload.groups.end(), is_measured);
  if (measured > static_cast<std::ptrdiff_t>(kPictureGroups))
    input.left_out = fmt::format("{} of {} configurations are drawn: those of one rank, then the fastest.",
                                 kPictureGroups, measured);
  return input;
}

std::vector<PictureInput> read_picture_inputs(const Analysis& analysis) {
  std::size_t all = 0;
  for (const WorkloadSummary& w : analysis.summaries)
    all += static_cast<std::size_t>(std::count_if(w.groups.begin(), w.groups.end(), is_measured));
  const std::size_t most = std::clamp<std::size_t>(kDetailRuns / std::max<std::size_t>(all, 1), 1, 8);
  std::vector<PictureInput> inputs;
  for (const WorkloadSummary& workload : analysis.summaries) {
    PictureInput& input = inputs.emplace_back(picture_input(analysis, workload));
    for (const GroupSummary* summary : drawn_groups(workload, kPictureGroups))
      input.groups.push_back(read_group_detail(*summary, most));
  }
  return inputs;
}

std::vector<DrawnPicture> draw_pictures(const std::vector<PictureInput>& inputs) {
  Gallery gallery(inputs.size() > 1);
  for (const PictureInput& input : inputs)
    for (const Picture& picture : pictures()) gallery.add(picture, input);
  return std::move(gallery.drawn);
}

std::string file_word(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 60)) {
    if (std::isalnum(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 0x80)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!out.empty() && out.back() != '_')
      out += '_';
  }
  return out.empty() ? "x" : out;
}

std::vector<DrawnSeries> scaling_series(const PictureInput& input) {
  std::vector<DrawnSeries> all;
  for (const GroupDetail& group : input.groups) {
    if (group.summary->group->any().is_sequential()) continue;
    const std::string name = without_ranks(*group.summary->group);
    auto found = std::find_if(all.begin(), all.end(), [&](const DrawnSeries& s) { return s.name == name; });
    if (found == all.end())
      found = all.insert(all.end(),
                         DrawnSeries{name, {}, static_cast<std::size_t>(&group - input.groups.data())});
    found->groups.push_back(&group);
  }
  for (DrawnSeries& series : all)
    std::stable_sort(series.groups.begin(), series.groups.end(), [](const auto* a, const auto* b) {
      return a->summary->group->any().ranks < b->summary->group->any().ranks;
    });
  return all;
}

bool is_parallel(const GroupDetail& group) { return group.summary->group->any().ranks > 1; }

Axis lane_axis(const std::vector<std::string>& names) {
  Axis axis;
  axis.low = -static_cast<double>(names.size());
  axis.high = 0;
  for (std::size_t i = 0; i < names.size(); ++i)
    axis.tics.emplace_back(-0.5 - static_cast<double>(i), names[i]);
  return axis;
}

Box lane_box(std::size_t lane, double left, double right) {
  const double middle = -0.5 - static_cast<double>(lane);
  return {left, right, middle - 0.34, middle + 0.34};
}

std::vector<std::string> labels_of(const PictureInput& input) {
  std::vector<std::string> labels;
  for (const GroupDetail& group : input.groups) labels.push_back(group.summary->group->label);
  return labels;
}

}  // namespace lockstep
