// Where outputs go: nothing is written elsewhere, all of it or an error, and whole files for whoever reads.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "analysis/support/program.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
namespace fs = std::filesystem;

TEST_CASE("a report is not written through a link in its place") {
  const Folder folder, elsewhere;
  write_usual(folder);
  fs::create_directory_symlink(elsewhere.path(), folder / "report");
  const Outcome refused = analyze(folder, folder.path());
  CHECK(refused.code == 2);
  CHECK(says(refused.err, "report: is a link, and nothing is written through one; remove it"));
  CHECK(lines_in(refused.err) == 1);
  CHECK(names_in(elsewhere.path()).empty());
  fs::remove(folder / "report");
  fs::create_symlink(elsewhere / "new", folder / "report");
  CHECK(analyze(folder, folder.path()).code == 2);
  CHECK(names_in(elsewhere.path()).empty());
}

TEST_CASE("links in the place of a report's files are replaced, not written through") {
  const Folder folder, elsewhere;
  write_usual(folder);
  REQUIRE(analyze(folder, folder.path()).code == 0);
  const std::set<std::string> files = names_in(folder / "report");
  REQUIRE(files.size() > 20);
  bool hard = false;
  for (const std::string& name : files) {
    fs::remove(folder / ("report/" + name));
    if (hard) {
      std::ofstream(elsewhere / name) << "kept";
      fs::create_hard_link(elsewhere / name, folder / ("report/" + name));
    } else {  // to a file that is there, or would be made
      if (name.size() % 2) std::ofstream(elsewhere / name) << "kept";
      fs::create_symlink(elsewhere / name, folder / ("report/" + name));
    }
    hard = !hard;
  }
  const std::set<std::string> before = names_in(elsewhere.path());
  CHECK(analyze(folder, folder.path()).code == 0);
  CHECK(names_in(elsewhere.path()) == before);
  for (const std::string& name : before) CHECK(text_of(elsewhere / name) == "kept");
  CHECK(names_in(folder / "report") == files);
  for (const std::string& name : files) {
    CAPTURE(name);
    CHECK(fs::is_regular_file(fs::symlink_status(folder / ("report/" + name))));
    CHECK(fs::file_size(folder / ("report/" + name)) > 10);
  }
}

TEST_CASE("--output replaces a link, and writes to a pipe or a descriptor as it stands") {
  const Folder folder, elsewhere;
  write_usual(folder);
  std::ofstream(elsewhere / "kept.csv") << "kept";
  for (const char* verb : {"summary", "scaling", "export csv", "diff"}) {
    fs::remove(folder / "out.csv");
    fs::create_symlink(elsewhere / "kept.csv", folder / "out.csv");
    const std::string paths =
        verb == std::string("diff") ? folder.path() + " " + folder.path() : folder.path();
    CAPTURE(verb);
    CHECK(analyze(folder, std::string(verb) + " --output " + (folder / "out.csv") + " " + paths).code == 0);
    CHECK(text_of(elsewhere / "kept.csv") == "kept");
    CHECK_FALSE(fs::is_symlink(folder / "out.csv"));
    CHECK(fs::file_size(folder / "out.csv") > 50);
  }
  const std::string whole = analyze(folder, "export csv " + folder.path()).out;
  CHECK(bash(folder, "analyze export csv --output >(cat) " + folder.path() + " | cat").out == whole);
  CHECK(analyze(folder, "export csv --output /dev/stdout " + folder.path()).out == whole);
  CHECK(analyze(folder, "export csv --output /dev/null " + folder.path()).code == 0);
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("standard output and --output on a full disk: exit code 1 and a line, for every verb") {
  const Folder folder;
  write_usual(folder);
  fs::create_directories(folder / "imported");
  std::ofstream(folder / "imported/a.csv") << "epoch,time\n1,2\n";
  const std::string paths = folder.path();
  std::vector<std::string> lines = {"--help",
                                    "--version",
                                    paths,
                                    "diff " + paths + " " + paths,
                                    "trace " + (folder / "seq1"),
                                    "export csv " + paths,
                                    "export json " + paths,
                                    "export tex " + paths};
  for (const char* format : {"table", "json", "csv", "md", "tex"}) {
    for (const char* verb : {"summary", "scaling", "validate", "budget", "overlap", "pop", "convergence",
                             "pipeline", "bandwidth", "predict", "advise"})
      lines.push_back(fmt::format("{} --format {} {}", verb, format, paths));
    lines.push_back(fmt::format("import --format {} {}", format, folder / "imported"));
  }
  for (const std::string& line : lines) {
    if (analyze(folder, line).out.empty()) continue;  // a table without rows takes no room
    const Outcome full = bash(folder, "analyze " + line + " >/dev/full");
    CAPTURE(line, full.err);
    CHECK(full.code == 1);
    CHECK(says(full.err, "stdout: No space left on device"));
    CHECK(lines_in(full.err) == 1);
    if (line.starts_with("--")) continue;
    const Outcome file = analyze(folder, line + " --output /dev/full");
    CHECK(file.code == 1);
    CHECK(says(file.err, "/dev/full: cannot be written: No space left on device"));
  }
  const Outcome closed = bash(folder, "analyze summary " + paths + " >&-");
  CHECK(closed.code == 1);
  CHECK(says(closed.err, "stdout: "));
  fs::remove_all(folder / "report");
  CHECK(bash(folder, "analyze " + paths + " >&- 2>&- <&-").code == 1);
  CHECK(text_of(folder / "report/summary.csv").substr(0, 5) ==
        analyze(folder, "summary --format csv " + paths).out.substr(0, 5));
}

TEST_CASE("a reader that has seen enough ends it quietly") {
  const Folder folder;
  write_usual(folder);
  const Outcome result = bash(folder, "analyze export csv " + folder.path() + " " + (folder / "seq1") +
                                          " | head -1; exit ${PIPESTATUS[0]}");
  CHECK(lines_in(result.out) == 1);
  CHECK(lacks(result.err, "what()"));
  CHECK(lines_in(result.err) <= 1);  // of the path that was given twice
}

TEST_CASE("a full disk in the report's folder: exit code 1, and no half file") {
  const Folder folder;
  write_usual(folder);
  const Outcome result = bash(folder, "ulimit -f 1; analyze " + folder.path());
  CHECK(result.code == 1);
  CHECK(says(result.err, "report/"));
  CHECK(says(result.err, "cannot be written: File too large"));
  CHECK(lines_in(result.err) == 1);
  for (const auto& entry : fs::directory_iterator(folder / "report"))
    CHECK(entry.path().filename().string().find(".analyze.") == std::string::npos);
}

TEST_CASE("several at once on one folder leave whole files, and a reader sees no half one") {
  const Folder folder;
  write_usual(folder);
  const Outcome result = bash(folder, "cd '" + folder.path() + R"(' && analyze . >/dev/null || exit 9
    for i in 1 2 3; do analyze . >/dev/null & pids="$pids $!"; done
    while kill -0 $pids 2>/dev/null; do
      tail -c 8 report/index.html | grep -q '</html>' || exit 8
      python3 -c 'import json; json.load(open("report/summary.json"))' 2>/dev/null || exit 7
    done
    for p in $pids; do wait $p || exit 6; done)");
  CHECK(result.code == 0);
  CHECK(result.err == "");
  for (const std::string& name : names_in(folder / "report"))
    CHECK(name.find(".analyze.") == std::string::npos);
}
