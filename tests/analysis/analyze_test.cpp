// The program from end to end: run files written by RunWriter, exit codes, what it says and what it writes.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "analysis/support/program.hpp"
#include "analysis/support/synthetic_bench.hpp"
#include "results/comm_bench.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
namespace fs = std::filesystem;

TEST_CASE("a report is printed, and written below the first path") {
  const Folder folder;
  write_usual(folder);
  const Outcome result = analyze(folder, folder.path());
  CHECK(result.code == 0);
  CHECK(result.err == "");
  CHECK(says(result.out, "4 runs of 2 configurations"));
  CHECK(result.out.starts_with("ddp x2 pays: 1.6"));
  for (const char* name : {"summary.md", "summary.json", "summary.csv"})
    CHECK(fs::file_size(folder / (std::string("report/") + name)) > 500);
  CHECK(says(text_of(folder / "report/summary.json"), "\"speedup\": 1.6"));
  CHECK(analyze(folder, folder.path()).out == result.out);  // its own report is no run, and nothing is random
}

TEST_CASE("a report has page, tables and data; files that are not its own stay") {
  const Folder folder;
  write_usual(folder);
  fs::create_directories(folder / "report");
  std::ofstream(folder / "report/speedup_mine.png") << "mine";
  const Outcome result = analyze(folder, folder.path());
  CHECK(result.code == 0);
  for (const char* name : {"index.html", "summary.tex", "speedup.csv", "timeline_ddp_x2.csv"})
    CHECK(fs::exists(folder / (std::string("report/") + name)));
  CHECK(text_of(folder / "report/speedup_mine.png") == "mine");
  const std::string page = text_of(folder / "report/index.html");
  CHECK(says(page, "seq-1-1"));
  for (const char* name : {"speedup.svg", "confusion_seq.svg", "table.svg"})
    CHECK(fs::file_size(folder / (std::string("report/") + name)) > 1000);
  CHECK(says(page, "<svg class=\"picture\""));
  CHECK(says(page, "fill=\"var(--text)\""));
  CHECK(says(text_of(folder / "report/speedup.svg"), "#ffffff"));
  CHECK(lacks(text_of(folder / "report/speedup.svg"), "var("));
  CHECK(analyze(folder, "--dark " + folder.path()).code == 0);
  CHECK(lacks(text_of(folder / "report/speedup.svg"), "#ffffff"));
  if (result.err != "") return;  // without gnuplot: the next test
  for (const char* name : {"speedup.png", "speedup.pdf", "table.png"})
    CHECK(fs::file_size(folder / (std::string("report/") + name)) > 1000);
}

TEST_CASE("without gnuplot: the whole page, and one line that says what is missing and how to get it") {
  const Folder folder;
  write_usual(folder);
  const Outcome result = analyze(folder, folder.path(), "PATH='" + (folder / "no_programs") + "' ");
  CHECK(result.code == 0);
  CHECK(says(result.err, "apt-get install gnuplot-nox"));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK_FALSE(fs::exists(folder / "report/speedup.png"));
  CHECK(fs::exists(folder / "report/speedup.csv"));
  CHECK(says(text_of(folder / "report/index.html"), "aria-label=\"Speedup\""));
}

TEST_CASE("--full prints what the answer leaves out, in the same order") {
  const Folder folder;
  write_usual(folder);
  const std::string answer = analyze(folder, "summary " + folder.path()).out,
                    full = analyze(folder, "summary --full " + folder.path()).out;
  CHECK(answer.starts_with("ddp x2 pays: 1.6"));
  CHECK(answer.substr(0, answer.find("--full")).size() > 300);
  CHECK(full.starts_with(answer.substr(0, answer.find("\n  --full"))));
  CHECK(says(full, "times as fast as seq (95 % interval"));
  CHECK(says(full, "Time budget of a step"));
}

TEST_CASE("--watch: the answer anew when a run grows and when it ends, until it is interrupted") {
  const Folder folder;
  write_usual(folder);
  RunData run = one_epoch(usual_seq(9));
  run.settings["training.epochs"] = "4";
  fs::create_directories(folder / "running");
  {
    RunWriter writer(folder / "running/run.h5", run);
    const Outcome before = bash(folder, "timeout -s INT 1.5 " ANALYZE_PROGRAM " --watch " + folder.path());
    CHECK(before.code == 124);  // timeout's own
    CHECK(says(before.out, "Running\n"));
    CHECK(says(before.out, "epoch 0 of 4"));
    CHECK(says(before.out, "4 runs of 2 configurations"));
    writer.append_epoch(run.steps, run.comm, {}, run.epochs.front(), run.audit.front());
    const Outcome grown = bash(folder, "timeout -s INT 1.5 " ANALYZE_PROGRAM " --watch " + folder.path());
    CHECK(says(grown.out, "epoch 1 of 4"));
    CHECK_FALSE(fs::exists(folder / "report"));
  }
  // The run ends while it is watched.
  const std::string ending =
      bash(folder, "(sleep 1.5; cp -r '" + (folder / "seq1") + "' '" + (folder / "new") +
                       "') & timeout -s TERM 6 " ANALYZE_PROGRAM " --watch " + folder.path())
          .out;
  CHECK(std::count(ending.begin(), ending.end(), '=') > 20);
  CHECK(says(ending.substr(ending.find("Ctrl-C ends it.")), "5 runs of"));
  CHECK(analyze(folder, "--watch --format json " + folder.path()).code == 2);
  CHECK(analyze(folder, "scaling --watch " + folder.path()).code == 2);
  CHECK(says(analyze(folder, "--watch --output x " + folder.path()).err, "leave out --output"));
  CHECK(analyze(folder, "--watch " + (folder / "nowhere")).code == 2);
}

TEST_CASE("--watch waits for the first run, and ends with 0") {
  const Folder folder;
  const Outcome result =
      bash(folder, "said=$(mktemp); " ANALYZE_PROGRAM " --watch " + folder.path() +
                       " >$said & until grep -q Waiting $said; do sleep 0.1; done; kill -TERM $!; wait $!; "
                       "code=$?; cat $said; rm $said; exit $code");
  CHECK(result.code == 0);
  CHECK(says(result.out, "Waiting for the first run below"));
}

TEST_CASE("a report that cannot be written is one line") {
  const Folder folder;
  write_usual(folder);
  std::ofstream(folder / "report") << "a file in its place";
  const Outcome result = analyze(folder, folder.path());
  CHECK(result.code == 2);
  CHECK(says(result.err, "report: "));
  CHECK(says(result.err, "use analyze summary"));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
}

TEST_CASE("trace and export work on run files") {
  const Folder folder;
  write_usual(folder);
  CHECK(says(analyze(folder, "trace " + folder.path()).err, "4 runs below it, and a trace shows one"));
  const Outcome trace = analyze(folder, "trace --steps 5:7 " + (folder / "nested/deeper/ddp1"));
  CHECK(trace.code == 0);
  CHECK(says(trace.out, "\"steps\":\"5:7\""));
  CHECK(says(analyze(folder, "trace --steps 7:5 " + (folder / "seq1")).err, "two whole numbers A:B"));
  CHECK(says(analyze(folder, "trace --steps 100: " + (folder / "seq1")).err, "the run has 40 steps"));
  CHECK(analyze(folder, "trace --output " + (folder / "missing/x") + " " + (folder / "seq1")).code == 2);
  const Outcome rows = analyze(folder, "export csv --table comm " + folder.path());
  CHECK(rows.code == 0);
  CHECK(std::count(rows.out.begin(), rows.out.end(), '\n') == 1 + 2 * 2 * 40);
  CHECK(says(rows.out, "run,mode,ranks,rank,step,bucket,sequence,bytes,kind,ready,start,end"));
  CHECK(analyze(folder, "export md " + folder.path()).code == 2);
}

TEST_CASE("import says what other projects' files cannot carry") {
  const Folder folder;
  std::ofstream(folder / "single.csv") << "epoch,train_time\n1,10\n";
  std::ofstream(folder / "ddp_4gpu.csv") << "epoch,train_time\n1,20\n";
  std::ofstream(folder / "broken.json") << "{";
  const Outcome result = analyze(folder, "import " + folder.path());
  CHECK(result.code == 0);
  CHECK(says(result.out, "refused [amdahl-slowdown]"));
  CHECK(says(result.err, "broken.json:1: not JSON"));
  CHECK(analyze(folder, "import --strict " + folder.path()).code == 3);
  CHECK(says(analyze(folder, "import --format json " + folder.path()).out, "\"apparent_speedup\": 0.5"));
  CHECK(says(analyze(folder, "import --format csv " + folder.path()).out, "ddp_4gpu,ddp,4,1,,20,,"));
  CHECK(analyze(folder, "import " + (folder / "nowhere")).code == 2);
}

TEST_CASE("a summary writes nothing, and goes where --output says") {
  const Folder folder;
  write_usual(folder);
  const Outcome printed = analyze(folder, "summary --format csv " + folder.path());
  CHECK(printed.code == 0);
  CHECK_FALSE(fs::exists(folder / "report"));
  const Outcome written =
      analyze(folder, folder.path() + " summary --format=csv --output " + (folder / "x.csv"));
  CHECK(written.out == "");
  CHECK(text_of(folder / "x.csv") == printed.out);
}

TEST_CASE("files of commbench are found beside runs, and alone") {
  const Folder folder;
  fs::create_directories(folder / "bench");
  const CommBench bench = make_bench({});
  {
    CommBenchWriter writer(folder / "bench/commbench.h5", bench);
    for (const CommBenchCase& one : bench.cases) writer.append(one);
    writer.finish(true, {}, 1);
  }
  const std::string link = "all-reduces, as rings show a link of 20.0";
  for (const std::string& path : {folder.path(), folder / "bench", folder / "bench/commbench.h5"}) {
    CAPTURE(path);
    const Outcome alone = analyze(folder, "bandwidth " + path);
    CHECK(alone.code == 0);
    CHECK(alone.err == "");
    CHECK(says(alone.out, link));
  }
  const Outcome summary = analyze(folder, "summary " + folder.path());
  CHECK(summary.code == 0);
  CHECK(says(summary.out, "0 runs"));
  CHECK(says(summary.out, link));
  CHECK(analyze(folder, folder.path()).code == 0);
  CHECK(says(text_of(folder / "report/index.html"), link));

  write_usual(folder);
  CHECK(says(analyze(folder, folder.path()).out, "4 runs of 2 configurations"));
  CHECK(says(analyze(folder, "bandwidth " + folder.path()).out, link));
  CHECK(says(analyze(folder, "trace " + (folder / "bench")).err, "no run below it"));
  fs::resize_file(folder / "bench/commbench.h5", 100);
  const Outcome cut = analyze(folder, "summary " + folder.path());
  CHECK(cut.code == 0);
  CHECK(says(cut.err, "left out: "));
  CHECK(says(cut.err, "commbench.h5: damaged: the file is cut short"));
}

TEST_CASE("a run may be given by its file, its folder, or both") {
  const Folder folder;
  write_usual(folder);
  CHECK(says(analyze(folder, "summary " + (folder / "seq1/run.h5")).out, "1 run of 1 configuration."));
  const Outcome both = analyze(folder, "summary " + (folder / "seq1") + " " + folder.path());
  CHECK(says(both.out, "4 runs of 2 configurations"));
  CHECK(lacks(both.out, "duplicate-run"));
}

TEST_CASE("broken files among good ones are named, one line each, and the good ones used") {
  const Folder folder;
  write_usual(folder);
  fs::create_directories(folder / "empty");
  fs::create_directories(folder / "text");
  std::ofstream(folder / "text/run.h5") << "this is no run file\n";
  fs::create_directories(folder / "short");
  fs::copy_file(folder / "seq1/run.h5", folder / "short/run.h5");
  fs::resize_file(folder / "short/run.h5", fs::file_size(folder / "short/run.h5") / 2);
  const Outcome result = analyze(folder, "summary " + folder.path());
  CHECK(result.code == 0);
  CHECK(says(result.out, "4 runs of 2 configurations"));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 2);
  CHECK(says(result.err, "text/run.h5"));
  CHECK(says(result.err, "short/run.h5"));
}

TEST_CASE("exit code 2: nothing to read, or not understood") {
  const Folder folder;
  CHECK(analyze(folder, folder.path()).code == 2);
  CHECK(says(analyze(folder, folder.path()).err, "no run below it; a run is a folder with a run.h5"));
  CHECK(says(analyze(folder, folder / "nowhere").err, "nowhere: no such file or folder"));
  CHECK(analyze(folder, "--frobnicate").code == 2);
  std::ofstream(folder / "run.h5") << "x";
  const Outcome none = analyze(folder, folder.path());
  CHECK(none.code == 2);
  CHECK(says(none.err, "none of 1 run files can be read"));
  CHECK(std::count(none.err.begin(), none.err.end(), '\n') == 1);
  write_run(folder / "good", one_epoch({}));
  CHECK(says(analyze(folder, folder / "good/run.h5").err, "a report needs a folder"));
  CHECK(analyze(folder, "summary --output " + (folder / "missing/x") + " " + (folder / "good")).code == 2);
}

TEST_CASE("exit code 3: a refused claim under --strict, an invalid run always") {
  const Folder folder;
  write_usual(folder);
  CHECK(analyze(folder, "summary --strict " + folder.path()).code == 0);
  RunData elsewhere = one_epoch(usual_ddp(1, 4));
  elsewhere.fingerprint = "ffffffffffffffff";
  write_run(folder / "elsewhere", elsewhere);
  const Outcome lenient = analyze(folder, "summary " + folder.path());
  CHECK(lenient.code == 0);
  CHECK(says(lenient.out, "[cross-hardware] the two ran on different hardware"));
  CHECK(analyze(folder, "summary --strict " + folder.path()).code == 3);

  fs::remove_all(folder / "elsewhere");
  RunData invalid = one_epoch(usual_ddp(3));
  invalid.header.valid = false;
  invalid.header.invalid_reasons = {"epoch 0: 64 rows were trained on twice"};
  write_run(folder / "invalid", invalid);
  const Outcome result = analyze(folder, "summary --format md " + folder.path());
  CHECK(result.code == 3);
  CHECK(says(result.out, "refused [invalid-run]"));
  CHECK(says(result.out, "epoch 0: 64 rows were trained on twice"));
}

TEST_CASE("a run that is still running, or was killed, is incomplete") {
  const Folder folder;
  write_usual(folder);
  RunData running = one_epoch(usual_seq(7));
  running.header.status = "running";
  write_run(folder / "killed", running);
  REQUIRE(fs::exists(folder / "killed/run.h5.partial"));
  const Outcome result = analyze(folder, "summary --format md " + folder.path());
  CHECK(result.code == 0);
  CHECK(says(result.out, "refused [incomplete-run]"));
  CHECK(says(result.out, "status running, 40 steps recorded"));
  CHECK(analyze(folder, "summary --strict " + folder.path()).code == 3);
}

TEST_CASE("every verb answers from files, in every format") {
  const Folder folder;
  write_usual(folder);
  for (const char* verb :
       {"scaling", "budget", "overlap", "pop", "convergence", "pipeline", "validate", "predict", "advise"})
    for (const char* format : {"table", "json", "csv", "md"}) {
      const Outcome result = analyze(folder, std::string(verb) + " --format " + format + " " + folder.path());
      CAPTURE(verb, format, result.err);
      CHECK(result.code == 0);
      CHECK((result.out.size() > 20 || std::string(format) == "csv"));
      CHECK(result.err.empty());
    }
  CHECK_FALSE(fs::exists(folder / "report"));
}

TEST_CASE("diff: exit code 3 for a regression, which --threshold defines") {
  const Folder folder;
  const auto write_launch = [&](int seed) {
    SyntheticRun slower = usual_ddp(seed);
    slower.data += 4e-3;
    const std::string name = "/ddp" + std::to_string(seed);
    write_run(folder / ("before" + name), one_epoch(usual_ddp(seed)));
    write_run(folder / ("after" + name), one_epoch(slower));
  };
  write_launch(1);
  const Outcome single = analyze(folder, "diff " + (folder / "before") + " " + (folder / "after"));
  CHECK(single.code == 0);
  CHECK(says(single.out, "whether the step has changed cannot be said"));
  write_launch(2);
  const std::string before = folder / "before", after = folder / "after";
  const Outcome regression = analyze(folder, "diff " + before + " " + after);
  CHECK(regression.code == 3);
  CHECK(says(regression.out, "a regression of more than 5.00 %"));
  CHECK(analyze(folder, "diff " + after + " " + before).code == 0);
  CHECK(analyze(folder, "diff --threshold 50 " + before + " " + after).code == 0);
  CHECK(analyze(folder, "diff " + before).code == 2);
}

TEST_CASE("--help and --version") {
  const Folder folder;
  CHECK(says(analyze(folder, "--help").out, "Usage: analyze [verb] PATH... [flags]"));
  CHECK(says(analyze(folder, "--version").out, "analyze "));
  CHECK(analyze(folder, "--help").code == 0);
}
