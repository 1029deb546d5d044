#include "config/key_docs.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "config/command_line.hpp"
#include "config/keys.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kColumns = 100;

std::string default_of(const Key& key) { return key.get(RunConfig()).value_or(key.unset); }

// `text` after `head`, in a column of its own that begins at `margin` and is broken at spaces.
std::string hanging(const std::string& head, const std::string& text, std::size_t margin) {
  std::string out, line = fmt::format("{:<{}}", head, margin - 1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (line.size() >= margin && line.size() + 1 + end - at > kColumns) {
      out += line + '\n';
      line = std::string(margin - 1, ' ');
    }
    line += ' ' + text.substr(at, end - at);
    at = end + 1;
  }
  return out + line + '\n';
}

// A cell of a Markdown table.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string flag_table() {
  std::string out = "## Flags of the trainers\n\n| flag | meaning |\n|---|---|\n";
  for (const FlagText& flag : trainer_flags())
    out += fmt::format("| `{}` | {} |\n", flag.usage(), cell(flag.about));
  return out + "\n";
}

std::string exit_code_table() {
  const std::pair<ExitCode, const char*> codes[] = {
      {ExitCode::done, "done"},
      {ExitCode::failed, "failed while running"},
      {ExitCode::bad_input, "wrong input; one line on stderr says what is wrong, where, and how to fix it"},
      {ExitCode::refused, "`analyze`: the runs are invalid, or a claim is refused under `--strict`"},
      {ExitCode::not_valid, "the run finished but is not valid: work audit, diverged replicas"},
  };
  std::string out = "## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const auto& [code, meaning] : codes)
    out += fmt::format("| {} | {} |\n", static_cast<int>(code), meaning);
  return out + "\n";
}

std::string section_table(const std::string& section) {
  std::string out = fmt::format("### `{}`: {}\n\n", section, section_doc(section));
  out += "| key | value | default | meaning |\n|---|---|---|---|\n";
  for (const Key& key : keys()) {
    if (key.section() != section) continue;
    const bool has_value = key.get(RunConfig()).has_value();
    out += fmt::format("| `{}` | {} | {} | {} |\n", key.last(), cell(key.allowed),
                       has_value ? fmt::format("`{}`", default_of(key)) : default_of(key), cell(key.doc));
  }
  return out + "\n";
}

std::string model_table(const ModelKeys& model) {
  const std::size_t columns = std::max<std::size_t>(model.presets.size(), 1);
  std::string head = "| key |", rule = "|---|";
  for (const std::string& preset : model.presets) {
    head += fmt::format(" `{}` |", preset);
    rule += "---|";
  }
  if (model.presets.empty()) {
    head += " default |";
    rule += "---|";
  }
  std::string out = fmt::format("### `{}`\n\n{} meaning |\n{}---|\n", model.name, head, rule);
  for (const ModelKey& key : model.keys) {
    out += fmt::format("| `model.{}` |", key.key);
    for (std::size_t i = 0; i < columns; ++i)
      out += fmt::format(" `{}` |", cell(key.defaults.at(key.defaults.size() == 1 ? 0 : i)));
    out += fmt::format(" {} |\n", cell(key.doc));
  }
  return out + "\n";
}

constexpr const char* kIntroduction = R"(# Configuration

<!-- Generated from the tables of lib/config and lib/models; the build checks that it agrees with them. -->

A run is configured by one YAML file (JSON is valid YAML) and by `--set key=value` flags, which are applied in order after
the file. A value of `--set` is a YAML scalar or list; `null` restores the default of a key:

    mpirun -np 4 train_ddp --config configs/mnist_mlp.yaml --set training.epochs=3 --set training.target='[0.95, 0.97]'

Unknown keys, values of the wrong kind, keys that occur twice, and keys that contradict each other are errors: one line, exit
code 2. Nothing is guessed:

    configs/x.yaml:12: unknown key 'training.batchsize'; did you mean 'training.global_batch'?

The file is one YAML document in UTF-8 (with or without a byte order mark; UTF-16 with one is converted), in a regular file
of at most 1 MiB. Anchors and aliases are supported, merge keys (`<<`) are not. Numbers are decimal: `010`, which some
parsers read as octal, is refused.

Every number has bounds, listed below. A configuration that needs more memory than the machine has (samples, shape, layers, widths)
is refused before anything is allocated.

Every run stores the resolved configuration, including all defaults, as `config.yaml` in its folder. The run file holds it too,
and also the file as you wrote it, both in UTF-8. `config.yaml` means the same to parsers of YAML 1.1 and YAML 1.2: texts such
as `no` and `1e3` are quoted, and numbers are written as `1.0e-08`.

)";

}  // namespace

std::string flag_help() {
  std::string out;
  for (const FlagText& flag : trainer_flags()) out += hanging("  " + flag.usage(), flag.about, 20);
  return out;
}

std::string key_help() {
  std::string out;
  for (const std::string& section : sections()) {
    out += fmt::format("\n{}: {}\n", section, section_doc(section));
    for (const Key& key : keys()) {
      if (key.section() != section) continue;
      const bool required = key.unset == kRequired;
      out += hanging("  " + key.name,
                     fmt::format("{} ({}{})", key.allowed, required ? "" : "default: ", default_of(key)), 34);
      out += hanging("", key.doc, 6);
    }
  }
  return out;
}

std::string configuration_markdown(const std::vector<ModelKeys>& models) {
  std::string out = kIntroduction + flag_table() + exit_code_table() + "## Keys\n\n";
  for (const std::string& section : sections()) out += section_table(section);
  if (models.empty()) return out.substr(0, out.size() - 1);
  out +=
      "## Keys of the models\n"
      "\n"
      "These also go below `model.`. A preset sets them all; a key that you set overrides its preset.\n"
      "\n";
  for (const ModelKeys& model : models) out += model_table(model);
  return out.substr(0, out.size() - 1);
}

}  // namespace lockstep
