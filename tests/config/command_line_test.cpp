#include "config/command_line.hpp"

#include <sstream>

#include "base/error.hpp"
#include "config/key_docs.hpp"
#include "config/keys.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

CommandLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "train_ddp");
  return parse_command_line(static_cast<int>(words.size()), words.data(), "train_ddp");
}

std::string refusal(const std::vector<const char*>& words) {
  try {
    parse(words);
  } catch (const Error& e) {
    return e.code() == ExitCode::bad_input ? e.what() : "another exit code";
  }
  return "accepted";
}

std::size_t longest_line(const std::string& text) {
  std::istringstream in(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(in, line);) longest = std::max(longest, line.size());
  return longest;
}

}  // namespace

TEST_CASE("all flags") {
  const CommandLine c = parse({"--config", "x.yaml", "--set", "a=1", "--set=b=[1, 2]", "--output", "out",
                               "--dry-run", "--resume", "out/run", "--quiet"});
  CHECK(c.config == "x.yaml");
  CHECK(c.sets == std::vector<std::string>{"a=1", "b=[1, 2]"});
  CHECK(c.output == "out");
  CHECK(c.resume == "out/run");
  CHECK(c.dry_run);
  CHECK(c.quiet);
  CHECK_FALSE(c.help);
  CHECK_FALSE(c.version);
}

TEST_CASE("flags of a dry run") {
  const CommandLine c = parse({"--config=x.yaml", "--dry-run", "--ranks", "32", "--svg=out.svg"});
  CHECK(c.ranks == 32);
  CHECK(c.svg == "out.svg");
  CHECK(refusal({"--config=x.yaml", "--ranks=2"}) ==
        "--ranks only applies to a dry run; add --dry-run, or remove it");
  CHECK(refusal({"--config=x.yaml", "--svg=x"}) ==
        "--svg only applies to a dry run; add --dry-run, or remove it");
  CHECK(refusal({"--config=x.yaml", "--dry-run", "--ranks=-1"}) ==
        "--ranks -1: not a whole number from 1 to 65536");
  CHECK(refusal({"--config=x.yaml", "--dry-run", "--ranks=100000000"}) ==
        "--ranks 100000000: not a whole number from 1 to 65536");
  CHECK(refusal({"--config=x.yaml", "--dry-run", "--ranks=1e3"}).find("--ranks") != std::string::npos);
}

TEST_CASE("defaults, and what needs no configuration") {
  const CommandLine c = parse({"--config=x.yaml"});
  CHECK(c.output == "experiments");
  CHECK(c.sets.empty());
  CHECK_FALSE(c.dry_run);
  CHECK(parse({"--help"}).help);
  CHECK(parse({"--version"}).version);
  CHECK(parse({"--resume", "d"}).resume == "d");
}

TEST_CASE("wrong command lines") {
  CHECK(refusal({"--confg", "x.yaml"}) == "unknown flag '--confg'; did you mean '--config'?");
  CHECK(refusal({"--dry_run"}) == "unknown flag '--dry_run'; did you mean '--dry-run'?");
  CHECK(refusal({"--conf", "x.yaml"}) == "unknown flag '--conf'; did you mean '--config'?");
  CHECK(refusal({"--banana"}) == "unknown flag '--banana'; see train_ddp --help");
  CHECK(refusal({"-c", "x.yaml"}) == "unknown flag '-c'; see train_ddp --help");
  CHECK(refusal({"x.yaml"}) ==
        "'x.yaml' is not a flag; give the configuration with --config FILE (see train_ddp --help)");
  CHECK(refusal({"--config"}) == "--config needs a value: configuration of the run, YAML or JSON");
  CHECK(refusal({"--config", "a", "--config", "b"}) == "--config is given twice");
  CHECK(refusal({"--quiet=1"}) == "--quiet takes no value");
  CHECK(refusal({}) == "no configuration; give one with --config FILE (see train_ddp --help)");
}

TEST_CASE("--help has every flag and every key with its default, on 100 columns") {
  const std::string help = help_text("train_ddp", "data-parallel training on 1..N ranks");
  CHECK(longest_line(help) <= 100);
  CHECK(help.starts_with("train_ddp: data-parallel training on 1..N ranks\n"));
  for (const FlagText& flag : trainer_flags()) CHECK(help.find("\n  " + flag.usage()) != std::string::npos);
  for (const Key& key : keys()) {
    CAPTURE(key.name);
    CHECK(help.find("\n  " + key.name + " ") != std::string::npos);
    CHECK((key.get(RunConfig()).has_value() || !key.unset.empty()));
  }
  CHECK(help.find("training.optimizer.lr           a number from 1e-30 to 1000000 (default: 0.001)\n") !=
        std::string::npos);
}

TEST_CASE("the configuration page has every key, flag, exit code and the models' keys") {
  const std::string page = configuration_markdown(
      {{"mlp", {}, {{"hidden", {"[250, 100]"}, "widths"}}},
       {"cnn", {"mnist", "cifar10"}, {{"width", {"1", "2|3"}, "channels"}, {"norm", {"on"}, "?"}}}});
  for (const Key& key : keys()) CHECK(page.find("| `" + key.last() + "` | ") != std::string::npos);
  for (const std::string& section : sections())
    CHECK(page.find("### `" + section + "`: ") != std::string::npos);
  for (const FlagText& flag : trainer_flags())
    CHECK(page.find("| `" + flag.usage() + "` | ") != std::string::npos);
  CHECK(page.find("\n| 4 | ") != std::string::npos);
  CHECK(page.find("### `mlp`\n\n| key | default | meaning |\n|---|---|---|\n| `model.hidden` | `[250, 100]` "
                  "| widths |\n") != std::string::npos);
  CHECK(page.find("| key | `mnist` | `cifar10` | meaning |\n|---|---|---|---|\n| `model.width` | `1` | "
                  "`2\\|3` | channels |\n| `model.norm` | `on` | `on` | ? |\n") != std::string::npos);
  CHECK(page.ends_with("|\n"));
}
