// The pictures of a report: one table. A new picture is a row in pictures.cpp and a function that makes its
// figure from the data below; an empty figure means that these runs lack what it shows.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/plot/figure.hpp"
#include "analysis/plot/run_detail.hpp"

namespace lockstep {

// What a picture is drawn from: the measured groups of one workload.
struct PictureInput {
  const Analysis& analysis;
  const WorkloadSummary& workload;
  std::vector<GroupDetail> groups;  // measured ones, in the workload's order, at most kPictureGroups
  std::string left_out = {};        // a sentence for the caption where there are more; else empty
};
inline constexpr std::size_t kPictureGroups = 24;

// The groups that are drawn where there are more than `most`: those of one rank, since the others are
// compared with them, then the fastest by samples per second; in the workload's order.
std::vector<const GroupSummary*> drawn_groups(const WorkloadSummary& workload, std::size_t most);

// Without its groups, but with what is said where there are more than are drawn.
PictureInput picture_input(const Analysis& analysis, const WorkloadSummary& workload);

// Of each workload; the only place where a report reads run files again.
std::vector<PictureInput> read_picture_inputs(const Analysis& analysis);

struct Picture {
  const char* name;     // of the files
  const char* section;  // of the page; "": in files alone
  const char* title;
  const char* shows;  // the caption: what is drawn, and how it is read
  // Of all groups together, or of each by itself.
  Figure (*of_groups)(const PictureInput&) = nullptr;
  Figure (*of_group)(const PictureInput&, const GroupDetail&) = nullptr;
};
std::span<const Picture> pictures();

// A figure that is to be drawn.
struct DrawnPicture {
  std::string file;  // without ending: unique among the pictures of a report
  std::string section, title, caption;
  std::vector<std::string> uuids;  // the runs it is made of
  Figure figure;
  bool of_one_group = false;
};
std::vector<DrawnPicture> draw_pictures(const std::vector<PictureInput>& inputs);

// A file name of a-z, 0-9 and _: never empty, never with a dot.
std::string file_word(const std::string& text);

// --- what the makers of figures share ---

// Groups that differ in the number of ranks alone, in order of ranks.
struct DrawnSeries {
  std::string name;  // "ddp", "ddp overlap=false"
  std::vector<const GroupDetail*> groups;
  std::size_t look = 0;  // colour and marker: those of its first group elsewhere
};
std::vector<DrawnSeries> scaling_series(const PictureInput& input);

// Whether a group has parallel ranks.
bool is_parallel(const GroupDetail& group);

// Lanes from top to bottom, named at the left: the y axis of horizontal bars.
Axis lane_axis(const std::vector<std::string>& names);
Box lane_box(std::size_t lane, double left, double right);
inline constexpr int kLaneHeight = 34, kFrameHeight = 120;  // of a figure with lanes
std::vector<std::string> labels_of(const PictureInput& input);

// pictures_scaling.cpp
Figure total_time_figure(const PictureInput& input);
Figure speedup_figure(const PictureInput& input);
Figure efficiency_figure(const PictureInput& input);
Figure throughput_figure(const PictureInput& input);
Panel speedup_panel(const PictureInput& input);
// pictures_learning.cpp
Figure comparison_figure(const PictureInput& input);
Figure epoch_time_figure(const PictureInput& input);
Figure accuracy_figure(const PictureInput& input);
Figure accuracy_time_figure(const PictureInput& input);
Figure loss_samples_figure(const PictureInput& input);
Figure loss_time_figure(const PictureInput& input);
Figure confusion_figure(const PictureInput& input, const GroupDetail& group);
// pictures_time.cpp
Figure budget_figure(const PictureInput& input);
Figure communication_figure(const PictureInput& input);
Figure imbalance_figure(const PictureInput& input, const GroupDetail& group);
Figure timeline_figure(const PictureInput& input, const GroupDetail& group);
Figure pipeline_figure(const PictureInput& input, const GroupDetail& group);
Figure bandwidth_figure(const PictureInput& input);
// picture_table.cpp
Figure table_figure(const PictureInput& input);

}  // namespace lockstep
