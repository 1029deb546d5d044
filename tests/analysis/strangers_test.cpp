// Folders that somebody else has made: nothing runs, no run is lost for what lies beside it, and no string
// steers what shows it.
#include <fmt/format.h>
#include <hdf5.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "analysis/support/program.hpp"
#include "support/catch.hpp"

using namespace lockstep;
using namespace lockstep::test;
namespace fs = std::filesystem;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // takes several times the memory
#else
constexpr bool kSanitized = false;
#endif

constexpr const char* kTwo = "4 runs of 2 configurations";

void make_socket(const std::string& path) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  REQUIRE(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  close(descriptor);
}

// Strings as bad as they can be, in every place that a run file has for one.
RunData hostile_run(const SyntheticRun& like) {
  const std::string text =
      "=cmd|' /C calc'!A0 \x1b]0;owned\x07\xc2\x9b"
      "31m\xe2\x80\xae'\"`touch pwned`\n\xff</script>"
      "<img src=x>$(touch pwned)\\input{x}{/=40 big}%s|\r@home";
  RunData run = one_epoch(like);
  run.model.name = run.data.name = run.metric = run.fingerprint = text;
  run.header.started = text;
  run.header.invalid_reasons = {text};
  for (const char* key : {"training.precision", "parallel.backend", "run.seed", "model.name"})
    run.settings[key] = text;
  run.settings[text.substr(0, 20)] = text;
  run.environment[text.substr(0, 20)] = run.environment["libtorch"] = text;
  run.config_given = run.config_resolved = text;
  for (RankEnvironment& rank : run.ranks) rank.host = rank.cpu = rank.device = rank.driver = text;
  for (std::string& kind : run.comm.kind) kind = text;
  for (std::string& parameter : run.buckets.first_parameter) parameter = text;
  return run;
}

// No byte, and no sequence of bytes, that a terminal obeys. Tabs are gnuplot's, in its SVG.
bool is_plain(const std::string& text) {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) return false;
  for (const char* bad : {"\xc2\x9b", "\xe2\x80\xae", "\xff"})
    if (text.find(bad) != std::string::npos) return false;
  return true;
}

}  // namespace

TEST_CASE("what is no run file costs no other run, and is said in one line") {
  const Folder folder;
  write_usual(folder);
  for (const char* name : {"pipe", "socket", "folder", "broken", "loop", "zero"})
    fs::create_directories(folder / name);
  REQUIRE(mkfifo((folder / "pipe/run.h5").c_str(), 0600) == 0);
  make_socket(folder / "socket/run.h5");
  fs::create_directory(folder / "folder/run.h5");
  fs::create_symlink("nowhere", folder / "broken/run.h5");
  fs::create_symlink("run.h5", folder / "loop/run.h5");
  fs::create_symlink("/dev/zero", folder / "zero/run.h5");
  fs::create_symlink("gone", folder / "broken_folder");
  fs::create_directory_symlink("..", folder / "nested/up");
  fs::create_directory_symlink("/", folder / "nested/root");
  const Outcome result = analyze(folder, "summary " + folder.path());
  CHECK(result.code == 0);
  CHECK(says(result.out, kTwo));
  for (const char* said :
       {"pipe/run.h5: is a named pipe", "socket/run.h5: is a socket", "folder/run.h5: a folder",
        "broken/run.h5: a link that leads nowhere", "loop/run.h5: a link that leads nowhere: Too many levels",
        "zero/run.h5: is a character device", "broken_folder: a link that leads nowhere",
        "nested/root and 1 more: in a link to a folder only the folder itself is searched"}) {
    CAPTURE(said);
    CHECK(says(result.err, said));
  }
  CAPTURE(result.err);
  CHECK(lines_in(result.err) == 8);
  CHECK(analyze(folder, "validate " + folder.path()).code == 0);
  CHECK(analyze(folder, "export csv " + folder.path()).code == 0);
  const Outcome alone = analyze(folder, "summary " + (folder / "pipe/run.h5"));
  CHECK(alone.code == 2);
  CHECK(says(alone.err, "is a named pipe; give a regular file"));
  CHECK(
      says(analyze(folder, "summary " + (folder / "broken")).err, "left out: " + (folder / "broken/run.h5")));
}

TEST_CASE("a folder that cannot be searched, or lies deeper than a path can say, costs no other run") {
  const Folder folder;
  write_usual(folder);
  fs::create_directories(folder / "shut");
  fs::permissions(folder / "shut", fs::perms::none);
  const std::string line = "summary " + folder.path();
  const Outcome shut =
      geteuid() == 0
          ? bash(folder, "setpriv --reuid=65534 --regid=65534 --clear-groups " ANALYZE_PROGRAM " " + line)
          : analyze(folder, line);
  CHECK(shut.code == 0);
  CHECK(says(shut.out, kTwo));
  CHECK(says(shut.err, "shut: cannot be searched: Permission denied"));
  CHECK(lines_in(shut.err) == 1);
  fs::permissions(folder / "shut", fs::perms::owner_all);

  REQUIRE(
      bash(folder,
           "cd '" + folder.path() +
               "' && for i in {1..30}; do d=$(printf 'd%.0s' {1..200}); mkdir $d && cd -P $d || exit 1; done")
          .code == 0);
  const Outcome deep = analyze(folder, line);
  CHECK(deep.code == 0);
  CHECK(says(deep.out, kTwo));
  CHECK(says(deep.err, "cannot be searched: File name too long"));
  CHECK(lines_in(deep.err) == 1);
  REQUIRE(bash(folder, "rm -rf '" + folder.path() + "'/ddd*").code == 0);
}

TEST_CASE("each run counts once, whatever names it has") {
  const Folder folder;
  write_usual(folder);
  const std::string seq1 = folder / "seq1";
  const auto summary = [&](const std::string& paths) { return analyze(folder, "summary " + paths); };
  const std::string tree = folder / "tree";
  fs::create_directories(tree);
  // A tree of links alone is as good as the runs that they lead to.
  for (const char* run : {"seq1", "seq2", "nested/deeper/ddp1", "nested/deeper/ddp2"})
    fs::create_directory_symlink(folder / run, tree + "/" + fs::path(run).filename().string());
  const Outcome links = summary(tree);
  CHECK(says(links.out, kTwo));
  CHECK(links.err == "");
  const Outcome both = summary(folder.path());
  CHECK(says(both.out, kTwo));
  CHECK(lacks(both.out, "duplicate-run"));
  CHECK(says(both.err, "tree/ddp1/run.h5 is " + (folder / "nested/deeper/ddp1/run.h5") +
                           " by another name, and counts once; so do 3 more"));
  CHECK(lines_in(both.err) == 1);
  fs::remove_all(tree);

  CHECK(
      says(summary(seq1 + " " + folder.path()).err, "seq1/run.h5 was given more than once, and counts once"));
  fs::create_directories(folder / "hard");
  fs::create_hard_link(seq1 + "/run.h5", folder / "hard/run.h5");
  CHECK(says(summary(folder.path()).out, kTwo));
  CHECK(says(summary(folder.path()).err, "by another name"));
  fs::remove_all(folder / "hard");

  fs::rename(seq1, folder / "my run");
  CHECK(says(summary("'" + folder.path() + "'").out, kTwo));
  fs::copy(folder / "my run", folder / "copy", fs::copy_options::recursive);
  const Outcome copied = summary("--format md " + folder.path());
  CHECK(says(copied.out, "duplicate-run"));
  CHECK(says(analyze(folder, "export csv " + folder.path()).err, "is a copy of a run above it"));
  CHECK(lines_in(analyze(folder, "export csv " + folder.path()).out) == 1 + 2 * 40 + 2 * 2 * 40);
}

TEST_CASE("a copy of a run that went on does not take the run's place") {
  const Folder folder;
  write_usual(folder);
  RunData early = one_epoch(usual_seq(1));
  early.header.status = "running";
  write_run(folder / "a_copy", early);
  const Outcome result = analyze(folder, "summary --format json " + folder.path());
  CHECK(lacks(result.out, "duplicate-run"));
  CHECK(says(result.out, "incomplete-run"));
}

TEST_CASE("strings of files steer no terminal and run in no spreadsheet, page or script") {
  const Folder folder;
  for (int seed = 1; seed <= 2; ++seed) {
    write_run(folder / ("seq" + std::to_string(seed)), hostile_run(usual_seq(seed)));
    write_run(folder / ("it's \"ddp\" \x1b[31m" + std::to_string(seed)), hostile_run(usual_ddp(seed)));
  }
  for (const char* verb : {"summary", "scaling", "budget", "overlap", "pop", "convergence", "pipeline",
                           "validate", "predict", "advise"})
    for (const char* format : {"table", "json", "csv", "md", "tex"}) {
      const Outcome result = analyze(folder, std::string(verb) + " --format " + format + " " + folder.path());
      CAPTURE(verb, format, result.err);
      CHECK(result.code == 0);
      CHECK(is_plain(result.out));
      CHECK(is_plain(result.err));
      if (std::string(format) == "csv") CHECK(("," + result.out).find(",=cmd") == std::string::npos);
    }
  for (const char* table : {"steps", "epochs", "comm"})
    for (const char* format : {"csv", "json", "tex"})
      CHECK(is_plain(
          analyze(folder, fmt::format("export {} --table {} {}", format, table, folder.path())).out));
  CHECK(is_plain(analyze(folder, "trace " + (folder / "seq1")).out));
  const Outcome report = bash(folder, "cd '" + folder.path() + "' && analyze .");
  CHECK(report.code == 0);
  CHECK(report.err == "");  // every picture was drawn, or gnuplot would have been named
  for (const std::string& name : names_in(folder / "report")) {
    CAPTURE(name);
    if (!name.ends_with(".png") && !name.ends_with(".pdf"))
      CHECK(is_plain(text_of(folder / ("report/" + name)).substr(0, 1 << 20)));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string::npos);
  }
  CHECK(lacks(text_of(folder / "report/index.html"), "<img"));
  CHECK_FALSE(fs::exists(folder / "pwned"));
  CHECK_FALSE(fs::exists(folder / "report/pwned"));
}

TEST_CASE("a name in an error is shown, not obeyed") {
  const Folder folder;
  const Outcome result = analyze(folder, "summary '" + (folder / "no\x1b[31m\nsuch") + "'");
  CHECK(result.code == 2);
  CHECK(says(result.err, "no\\x1b[31m\\nsuch: no such file or folder"));
  CHECK(lines_in(result.err) == 1);
}

TEST_CASE("a filter that a file names is not loaded") {
  const Folder folder;
  write_usual(folder);
  // As a plugin's would be, its number is known where the file is made, and nowhere else.
  const auto nothing = [](unsigned, std::size_t, const unsigned*, std::size_t bytes, std::size_t*,
                          void**) -> std::size_t { return bytes; };
  const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, 31999, 1, 1, "strange", nullptr, nullptr, nothing};
  REQUIRE(H5Zregister(&filter) >= 0);
  const hid_t file = H5Fopen((folder / "seq1/run.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hsize_t extent[] = {1, 40};
  const hid_t space = H5Screate_simple(2, extent, nullptr), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, extent);
  H5Pset_filter(creation, 31999, H5Z_FLAG_MANDATORY, 0, nullptr);
  H5Ldelete(file, "/steps/wall", H5P_DEFAULT);
  const hid_t wall =
      H5Dcreate2(file, "/steps/wall", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  const std::vector<double> values(40, 0.03);
  REQUIRE(H5Dwrite(wall, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
  H5Dclose(wall);
  H5Pclose(creation);
  H5Sclose(space);
  H5Fclose(file);
  H5Zunregister(31999);
  const Outcome result =
      bash(folder, "export LOCKSTEP_HOSTILE_TRACE='" + (folder / "pwned") +
                       "' HDF5_PLUGIN_PATH=" + fs::path(HOSTILE_PLUGIN).parent_path().string() +
                       "; analyze summary " + folder.path());
  CHECK(result.code == 0);
  CHECK(says(result.err, "'/steps/wall' is packed by a filter that is not read here"));
  CHECK_FALSE(fs::exists(folder / "pwned"));
}

TEST_CASE("import: what is no file of results is refused by name, within bounds") {
  const Folder folder;
  const auto put = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder / name, std::ios::binary) << text;
  };
  const auto repeated = [](const std::string& what, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += what;
    return text;
  };
  put("good.csv",
      "\xEF\xBB\xBF"
      "epoch,time\r1,2\r");
  put("good.json",
      "\xEF\xBB\xBF"
      R"({"epoch_times": [1, NaN, -Infinity, 3]})");
  put("number.json", "{\"epoch_times\":\n[1, 1e999]}");
  put("twice.json", R"([{"a": {"epoch_times": [1], "mode": "x", "mode": "y"}}])");
  put("deep.json", repeated("[", 1'000'000));
  put("wide.json", "[" + repeated("[],", 3'000'000) + "[]]");
  put("utf16.csv", std::string("\xFF\xFE"
                               "e\0p\0",
                               6));
  put("utf16.json", std::string("[\0]\0", 4));
  put("fields.csv", "epoch,time" + repeated(",", 20'000'000));
  put("rows.csv", "epoch,time\n" + repeated("1,2\n", 2'000'000));
  put("runs.csv", [] {
    std::string text = "epoch,run,time\n";
    for (int i = 0; i < 300'000; ++i) text += fmt::format("1,r{},2\n", i);
    return text;
  }());
  REQUIRE(mkfifo((folder / "pipe.csv").c_str(), 0600) == 0);
  put("huge.json", "[");
  fs::resize_file(folder / "huge.json", std::uintmax_t{1} << 30);
  fs::create_symlink("/dev/zero", folder / "zero.json");
  const Outcome result = analyze(folder, "import " + folder.path());
  CHECK(result.code == 0);
  CHECK(says(result.out, "2 imported runs"));
  for (const char* said : {"number.json:2: not JSON: number overflow parsing '1e999'",
                           "twice.json: /0/a: the key 'mode' occurs twice in one object", "deep.json: /0/0/0",
                           "nested too deeply; 64 levels", "wide.json: has more than 2000000 values",
                           "utf16.csv: is UTF-16; save it as UTF-8", "utf16.json: is UTF-16",
                           "fields.csv:1: more than 4096 fields", "rows.csv: has more than 1000000 rows",
                           "runs.csv: has more than 100000 runs", "pipe.csv: is a named pipe",
                           "huge.json: is larger than 67108864", "zero.json: is a character device"}) {
    CAPTURE(said);
    CHECK(says(result.err, said));
  }
  CHECK(lines_in(result.err) == 12);
  if (kSanitized) return;
  CHECK(result.peak_kib < 512 << 10);
  CHECK(result.cpu_seconds < 60);
}

TEST_CASE("import: time grows with the number of files") {
  const Folder folder;
  const auto seconds = [&](int from, int to) {
    for (int i = from; i < to; ++i)
      std::ofstream(folder / fmt::format("run{}_{}gpu.csv", i, 1 + i % 4)) << "epoch,time\n1,2\n2,2\n";
    return analyze(folder, "import --format json " + folder.path()).cpu_seconds;
  };
  seconds(0, 1000);
  const double few = seconds(1000, 2000), many = seconds(2000, 16000);
  CAPTURE(few, many);
  CHECK(many < 8 * 4 * few);  // eight times as many; one by one it was 64 times as long
}
