#include "analysis/import/names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>
#include <string_view>

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
     " ranks gpus ngpus numgpus gpucount worldsize nproc nprocs numprocs processes workers devices "
     "numdevices "},
    {Field::epoch, " epoch epochs epochnumber ep "},
    {Field::train_loss, " trainloss trainingloss loss trainlosses losses "},
    {Field::seconds,
     " traintime trainingtime epochtime epochtimes time times timesec times seconds duration elapsed "
     "epochseconds trainseconds traintimes epochtimesec avgepochtime meanepochtime "},
    {Field::validation_loss, " valloss validationloss testloss evalloss vallosses "},
    {Field::accuracy,
     " valacc valaccuracy validationaccuracy validationacc accuracy acc testacc testaccuracy evalacc "
     "evalaccuracy valaccs accuracies valaccuracies bestaccuracy finalaccuracy bestvalacc "},
    {Field::total_seconds,
     " totaltime totaltrainingtime totaltraintime totalseconds totalduration walltime "},
};

std::string letters_of(const std::string& name) {
  std::string out;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)))
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string lower_case(const std::string& name) {
  std::string out = name;
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

Field field_of(const std::string& name) {
  const std::string wanted = " " + letters_of(name) + " ";
  if (wanted.size() < 3) return Field::none;
  for (const Alias& alias : kAliases)
    if (std::string_view(alias.names).find(wanted) != std::string_view::npos) return alias.field;
  return Field::none;
}

std::int64_t ranks_in(const std::string& name) {
  static const std::regex number_first(R"((\d{1,5})[ _x-]*(gpu|rank|proc|node|worker|device|card))");
  static const std::regex word_first(
      R"((gpu|gpus|ranks?|procs?|np|n|x|ddp|dp|world_?size)[ _=-]*(\d{1,5})(?!\d))");
  const std::string text = lower_case(name.substr(0, 300));
  std::smatch match;
  if (std::regex_search(text, match, number_first)) return std::stoll(match[1]);
  if (std::regex_search(text, match, word_first)) return std::stoll(match[2]);
  return 0;
}

std::string mode_in(const std::string& name) {
  struct Word {
    const char* word;
    const char* mode;
  };
  constexpr Word kWords[] = {
      {"hybrid", "hybrid"},     {"pipeline", "pipe"},    {"pipe", "pipe"},        {"model_parallel", "mp"},
      {"model parallel", "mp"}, {"modelparallel", "mp"}, {"ddp", "ddp"},          {"distributed", "ddp"},
      {"data_parallel", "dp"},  {"dataparallel", "dp"},  {"data parallel", "dp"}, {"sequential", "seq"},
      {"single", "seq"},        {"serial", "seq"},       {"baseline", "seq"},     {"seq", "seq"}};
  const std::string text = lower_case(name.substr(0, 300));
  for (const Word& w : kWords)
    if (text.find(w.word) != std::string::npos) return w.mode;
  return letters_of(name) == "dp" ? "dp" : letters_of(name) == "mp" ? "mp" : "";
}

}  // namespace lockstep
