// What we write as YAML says the same to a reader of YAML 1.1 (PyYAML) and to one of 1.2 (yaml-cpp, ours).
#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "config/keys.hpp"
#include "given.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using given::kMinimal;
using given::load;
using namespace lockstep;
using namespace std::string_literals;

namespace {

// Every line of the second file: key, kind, value in hex. A text must be that text; anything else must be the
// number, the truth value, the list of numbers or the word that its text says.
constexpr const char* kCompare = R"(
import sys, yaml
def flat(name, node):
    if not isinstance(node, dict): return {name: node}
    return {k: v for key, value in node.items() for k, v in flat(name + "." + key if name else key, value).items()}
def number(text): return int(text) if text.lstrip("+-").isdigit() else float(text)
def means(text):
    if text.startswith("["): return [means(item) for item in text[1:-1].split(", ") if item]
    if text in ("true", "false"): return text == "true"
    try: return number(text)
    except ValueError: return text
read = flat("", yaml.safe_load(open(sys.argv[1], "rb")))
lines = [line.split("\t") for line in open(sys.argv[2]).read().splitlines()]
assert len(lines) == len(read), (sorted(read), lines)
for key, kind, value in lines:
    text = bytes.fromhex(value).decode()
    wanted = text.split(",") if kind == "texts" else text if kind == "text" else means(text)
    assert read[key] == wanted and isinstance(read[key], bool) == isinstance(wanted, bool), (key, read[key], wanted)
    assert kind == "value" or type(read[key]) == type(wanted), (key, read[key])
)";

std::string hex(const std::string& text) {
  std::string out;
  for (const char c : text) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string expectations(const RunConfig& config) {
  std::string lines;
  for (const Key& key : keys()) {
    const auto value = key.get(config);
    if (!value) continue;
    if (key.name == "data.languages")
      lines += fmt::format("{}\ttexts\t{}\n", key.name,
                           hex(config.data.languages[0] + "," + config.data.languages[1]));
    else
      lines += fmt::format("{}\t{}\t{}\n", key.name, key.is_text || !key.choices.empty() ? "text" : "value",
                           hex(*value));
  }
  for (const Setting& s : config.model.hyper)
    lines += fmt::format("model.{}\tvalue\t{}\n", s.key, hex(s.value));
  return lines;
}

std::string output_of(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
  return pclose(pipe) == 0 ? "" : "failed: " + text;
}

bool have_python() {
  if (PYTHON ""s.empty()) WARN("SKIPPED: no Python with PyYAML; set LOCKSTEP_TEST_PYTHON");
  return !PYTHON ""s.empty();
}

// Reads the resolved configuration with both, and with ours again.
void check_readers(const RunConfig& config) {
  const std::string yaml = to_yaml(config, config.model.hyper);
  const RunConfig again = load(yaml);
  CHECK(flatten(again, again.model.hyper) == flatten(config, config.model.hyper));
  CHECK(to_yaml(again, again.model.hyper) == yaml);
  const TemporaryFolder folder;
  std::ofstream(folder / "config.yaml") << yaml;
  std::ofstream(folder / "wanted") << expectations(config);
  std::ofstream(folder / "compare.py") << kCompare;
  CAPTURE(yaml);
  CHECK(output_of(PYTHON " " + (folder / "compare.py") + " " + (folder / "config.yaml") + " " +
                  (folder / "wanted")) == "");
}

const std::vector<std::string> kTexts = {
    "no",
    "No",
    "NO",
    "on",
    "off",
    "Off",
    "y",
    "Y",
    "n",
    "N",
    "yes",
    "true",
    "False",
    "null",
    "Null",
    "~",
    "1e-08",
    "1.0e-08",
    "1e8",
    "012",
    "08",
    "0x1F",
    "0xZZ",
    "0b11",
    "0o17",
    "1:30",
    "1:30:00",
    "190:20:30.15",
    ".5",
    "5.",
    "+1",
    "-1",
    "-0",
    "+",
    "-",
    ".",
    "..",
    "...",
    "---",
    "1_000",
    "685_230.15",
    "12",
    "3.14",
    ".inf",
    "-.INF",
    ".NaN",
    "inf",
    "nan",
    "2026-01-31",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43.10 -5",
    "=",
    "<<",
    "a: b",
    "a:",
    ":a",
    "a #b",
    "#a",
    "a# b",
    "\"q\"",
    "'q'",
    "it's",
    "back\\slash",
    "line\nbreak",
    "a\r\nb",
    "\n",
    " space ",
    "tab\t",
    "- x",
    "? x",
    "[x]",
    "{x}",
    "*a",
    "&a",
    "!t",
    "!!int 3",
    "@x",
    "`x",
    "%x",
    "|",
    ">",
    "x, y",
    "1f1b",
    "v1.2",
    "caf\xc3\xa9",
    "M\xc3\xbcller \xf0\x9f\x9a\x80",
    "a\x1b[31mb",
    "a\x7f"
    "b",
    "nel\xc2\x85 x",
    "c1\xc2\x9b",
    "ls\xe2\x80\xa8x",
    "ps\xe2\x80\xa9x",
    "bom\xef\xbb\xbfx",
    "\xef\xbb\xbfx",
    "fffe\xef\xbf\xbe",
    "nbsp\xc2\xa0",
    "\xef\xbf\xbd",
    std::string(3000, 'x'),
    std::string(300, ' ') + "x",
    "/data/set 1",
    ".cache/x",
    "../up",
    "~/home",
};

}  // namespace

TEST_CASE("texts are the same texts to readers of YAML 1.1 and 1.2") {
  if (!have_python()) return;
  // Three a configuration: a process of Python takes its time.
  for (std::size_t i = 0; i < kTexts.size(); i += 3) {
    RunConfig config = load(kMinimal);
    config.run.name = kTexts[i];
    config.data.path = kTexts[(i + 1) % kTexts.size()];
    config.data.cache = kTexts[(i + 2) % kTexts.size()];
    CAPTURE(config.run.name, config.data.path, config.data.cache);
    if (config.data.cache == "no" || config.data.cache == "off") continue;
    check_readers(config);
  }
}

TEST_CASE("numbers are the same numbers, and lists the same lists") {
  if (!have_python()) return;
  check_readers(load(kMinimal));
  check_readers(
      load(kMinimal,
           {"run.seed=18446744073709551615", "training.optimizer.lr=1e-8", "training.optimizer.eps=1e-30",
            "training.target=[1e-7, 1e30, -0.0, 0.8, 3]", "training.grad_clip=-0.0", "parallel.bucket_mb=1e6",
            "data.languages=[no, on]", "parallel.partition=[1, 2]", "parallel.stages=3", "measure.warmup=0",
            "training.global_batch=+64", "data.validation=.25", "parallel.schedule=1f1b"}));
  check_readers(
      load(kMinimal, {"run.seed=9223372036854775808", "data.languages=[y, no]", "model.hidden=[64, 32]",
                      "model.dropout=1.0e-05", "model.bias=false", "model.width=3"}));
}
