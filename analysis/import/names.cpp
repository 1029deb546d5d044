#include "analysis/import/names.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <regex>
#include <string_view>
#include <vector>

namespace lockstep {

namespace {

struct Alias {
  Field field;
  const char* names;  // between spaces, letters and digits alone
};
constexpr Alias kAliases[] = {
    {Field::name, " run runname name experiment config configuration label "},
    {Field::mode, " mode strategy method parallelism approach type "},
    {Field::ranks,
     " ranks gpus ngpus numgpus gpucount worldsize nproc nprocs numprocs processes devices numdevices "
     "numranks nranks "},
    {Field::rank, " rank globalrank rankid "},
    {Field::epoch, " epoch epochnumber ep "},
    {Field::epoch_count, " epochs numepochs nepochs totalepochs epochcount "},
    {Field::train_loss, " trainloss trainingloss loss trainlosses losses "},
    {Field::epoch_seconds,
     " epochtime epochtimes epochseconds epochtimesec epochduration timeperepoch secondsperepoch avgepochtime "
     "meanepochtime "},
    {Field::seconds, " traintime trainingtime traintimes time times timesec seconds duration trainseconds "},
    {Field::elapsed,
     " elapsed elapsedtime timeelapsed elapsedseconds cumulativetime cumtime walltime timestamp "},
    {Field::total_seconds,
     " totaltime totaltrainingtime totaltraintime totalseconds totalduration trainruntime "},
    {Field::validation_loss, " valloss validationloss testloss evalloss vallosses "},
    {Field::accuracy,
     " valacc valaccuracy validationaccuracy validationacc accuracy acc testacc testaccuracy evalacc "
     "evalaccuracy valaccs accuracies valaccuracies bestaccuracy finalaccuracy bestvalacc "},
};

constexpr std::string_view kGeneric =
    " metrics results result history loghistory log logs data runs epochs train training trainerstate stats "
    "summary trainlog traininglog progress trainresults evalresults allresults ";

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower_case(const std::string& name) {
  std::string out = name.substr(0, 300);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string letters_of(const std::string& name) {
  std::string out;
  for (const char c : lower_case(name))
    if (is_letter(c) || is_digit(c)) out += c;
  return out;
}

bool is_among(std::string_view names, const std::string& word) {
  return !word.empty() && names.find(" " + word + " ") != std::string_view::npos;
}

// "results_2gpu-run1" is results, 2, gpu, run, 1; a word or number that touches its neighbour is said so.
struct Part {
  std::string text;
  bool touches = false;  // the one before
};

std::vector<Part> parts_of(const std::string& name) {
  std::vector<Part> parts;
  bool apart = true;
  for (const char c : lower_case(name)) {
    if (!is_letter(c) && !is_digit(c)) {
      apart = true;
      continue;
    }
    if (apart || parts.empty() || is_digit(parts.back().text.back()) != is_digit(c))
      parts.push_back({"", !apart && !parts.empty()});
    parts.back().text += c;
    apart = false;
  }
  return parts;
}

std::int64_t number_in(const Part& part) {
  std::int64_t value = 0;
  if (part.text.size() <= 6 && is_digit(part.text[0]))
    std::from_chars(part.text.data(), part.text.data() + part.text.size(), value);
  return value;
}

// One device by its number is "gpu0" and "rank3": before a number, only words for several count.
constexpr std::string_view kAfter = " gpu gpus ranks proc procs process processes device devices card cards ";
constexpr std::string_view kBefore =
    " gpus ngpu ngpus ranks nranks nproc nprocs np procs processes devices ws size ";

// Of a number that touches a word before it, as in "resnet18", the word after it says nothing, unless the one
// before is a mode: "ddp2gpu".
bool stands_alone(const std::vector<Part>& parts, std::size_t i) {
  if (i > 0 &&
      is_among(" seed run trial fold rep repeat epoch exp experiment version v part ", parts[i - 1].text))
    return false;
  return !parts[i].touches || i == 0 || is_among(" ddp dp mp pp fsdp x ", parts[i - 1].text);
}

}  // namespace

Field field_of(const std::string& name) {
  const std::string wanted = letters_of(name);
  for (const Alias& alias : kAliases)
    if (is_among(alias.names, wanted)) return alias.field;
  return Field::none;
}

bool is_time(Field field) {
  return field == Field::epoch_seconds || field == Field::seconds || field == Field::elapsed ||
         field == Field::total_seconds;
}

std::int64_t ranks_in(const std::string& name) {
  const std::vector<Part> parts = parts_of(name);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::int64_t number = number_in(parts[i]);
    if (number == 0) continue;
    if (i + 1 < parts.size() && is_among(kAfter, parts[i + 1].text) && stands_alone(parts, i)) return number;
    if (i + 1 < parts.size() && parts[i + 1].touches && parts[i + 1].text == "rank" && stands_alone(parts, i))
      return number;
    if (i == 0 || !is_among(kBefore, parts[i - 1].text)) continue;
    // "size" is that of the world alone.
    if (parts[i - 1].text != "size" || (i > 1 && parts[i - 2].text == "world")) return number;
  }
  return 0;
}

namespace {

// "single" and "seq" as words of their own, but not of "single_node", "seq2seq" and "seq_len".
bool means_one_device(const std::vector<Part>& parts, std::size_t i) {
  if (!is_among(" single seq serial baseline sequential ", parts[i].text)) return false;
  const auto at = [&](std::size_t k) { return k < parts.size() ? parts[k].text : std::string(); };
  if (is_among(" node machine host server precision epoch len length ", at(i + 1))) return false;
  return !(at(i) == "seq" && (at(i + 2) == "seq" || (i > 1 && at(i - 2) == "seq")));
}

}  // namespace

std::string mode_in(const std::string& name) {
  struct Word {
    const char* word;
    const char* mode;
  };
  constexpr Word kWords[] = {{"hybrid", "hybrid"}, {"pipeline", "pipe"},   {"modelparallel", "mp"},
                             {"ddp", "ddp"},       {"distributed", "ddp"}, {"dataparallel", "dp"}};
  const std::string letters = letters_of(name);
  for (const Word& w : kWords)
    if (letters.find(w.word) != std::string::npos) return w.mode;
  const std::vector<Part> parts = parts_of(name);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].text == "pipe" || parts[i].text == "dp") return parts[i].text;
    if (means_one_device(parts, i)) return "seq";
  }
  return letters == "mp" ? "mp" : "";
}

namespace {

const std::regex& rank_pattern() {
  static const std::regex pattern(R"([-_. ]?(?:local|global)?[-_]?rank[-_ =]?(\d{1,6})(?!\d))",
                                  std::regex::icase);
  return pattern;
}

}  // namespace

std::int64_t rank_in(const std::string& name) {
  const std::string text = name.substr(0, 300);
  std::smatch match;
  return std::regex_search(text, match, rank_pattern()) ? std::stoll(match[1]) : -1;
}

std::string without_rank(const std::string& name) {
  return std::regex_replace(name.substr(0, 300), rank_pattern(), "");
}

bool is_summary(const std::string& name) {
  return is_among(" summary overall total totals average averages mean means comparison speedup speedups ",
                  letters_of(name));
}

bool is_generic(const std::string& name) {
  const std::string letters = letters_of(name);
  return letters.empty() || is_among(kGeneric, letters);
}

}  // namespace lockstep
