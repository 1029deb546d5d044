// Files that are being written: who was killed over one has left it, and only then it may be removed.
#include "base/unfinished_file.hpp"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temporary_folder.hpp"

using namespace lockstep;
using namespace lockstep::test;

namespace {

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> names_in(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path))
    names.push_back(entry.path().filename().string());
  return names;
}

// A process that writes half of a file, says so, and waits.
struct HalfWay {
  HalfWay(const std::string& path, Writers writers)
      : child([&] {
          DurableFile file(path, writers);
          file.write("half");
          for (;;) pause();
        }) {
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    for (int i = 0; i < 5000 && unfinished.empty(); ++i) {
      usleep(1000);
      for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.file_size() == 4) unfinished = entry.path().string();
    }
  }
  void kill() {
    ::kill(child.pid(), SIGKILL);
    child.end();
  }
  Child child;
  std::string unfinished;
};

}  // namespace

TEST_CASE("What a killed process has left half written is removed, not what a living one writes") {
  for (const Writers writers : {Writers::one, Writers::several}) {
    const TemporaryFolder folder;
    HalfWay half(folder / "x.rows", writers);
    REQUIRE_FALSE(half.unfinished.empty());
    CHECK_FALSE(remove_if_abandoned(AT_FDCWD, half.unfinished));
    CHECK(text_of(half.unfinished) == "half");
    half.kill();
    CHECK(text_of(half.unfinished) == "half");
    CHECK(remove_if_abandoned(AT_FDCWD, half.unfinished));
    CHECK(names_in(folder).empty());
  }
}

TEST_CASE("A file is written over what a killed process has left of it, and not while another writes it") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  HalfWay half(path, Writers::one);
  std::string refusal;
  try {
    const DurableFile second(path);
  } catch (const Error& error) {
    refusal = error.what();
  }
  CHECK(refusal == path + ": cannot be written: " + path +
                       ".partial belongs to another process, which may "
                       "still be writing it");
  half.kill();
  DurableFile file(path);
  file.write("whole");
  CHECK(names_in(folder) == std::vector<std::string>{"x.partial"});
  file.commit();
  CHECK(names_in(folder) == std::vector<std::string>{"x"});
  CHECK(text_of(path) == "whole");
}

TEST_CASE("Several may write one file; what one gives up is gone, what one commits is there") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.rows";
  {
    DurableFile first(path, Writers::several), second(path, Writers::several), third(path, Writers::several);
    first.write("first");
    second.write("second");
    third.write("third");
    for (const std::string& name : names_in(folder)) CHECK(is_unfinished_of_several(name, ".rows"));
    CHECK(names_in(folder).size() == 3);
    second.commit();
    first.commit();
  }
  CHECK(names_in(folder) == std::vector<std::string>{"x.rows"});
  CHECK(text_of(path) == "first");
}

TEST_CASE("A copy of an open file, from its beginning, takes no name that another has") {
  const TemporaryFolder folder;
  const std::string source = folder / "source", path = folder / "file";
  const std::string text = std::string(3 << 20, 'x') + "end";  // several reads
  std::ofstream(source) << text;
  const FileDescriptor open_file(open(source.c_str(), O_RDONLY));
  REQUIRE(lseek(open_file.get(), 5, SEEK_SET) == 5);
  std::ofstream(path) << "another";
  {
    DurableFile copy(path, Writers::several);
    copy.write_all_of(open_file.get());
    CHECK_THROWS_AS(copy.commit(Existing::refuse), Error);
  }
  CHECK(text_of(path) == "another");
  CHECK(names_in(folder).size() == 2);
  DurableFile copy(path, Writers::several);
  copy.write_all_of(open_file.get());
  copy.commit();
  CHECK(text_of(path) == text);
}

TEST_CASE("Links, folders and pipes are never removed") {
  const TemporaryFolder folder;
  std::ofstream(folder / "mine") << "mine";
  std::filesystem::create_symlink("mine", folder / "link.partial");
  std::filesystem::create_directory(folder / "folder.partial");
  REQUIRE(mkfifo((folder / "pipe.partial").c_str(), 0600) == 0);
  const auto all = [](const std::string&) { return true; };
  CHECK_FALSE(remove_if_abandoned(AT_FDCWD, folder / "nothing.partial"));
  CHECK(remove_abandoned(folder.path, [](const std::string& name) { return name.ends_with(".partial"); }) ==
        0);
  CHECK(names_in(folder).size() == 4);
  CHECK(remove_abandoned(folder.path, all) == 1);
  CHECK(remove_abandoned(folder / "nowhere", all) == 0);
  CHECK(names_in(folder).size() == 3);
}

TEST_CASE("The names of unfinished files are ours alone") {
  for (const char* name : {"a.rows.0f3e2d", "a-b.rows.aZ09bc", "a.rows.QxYZbc"})
    CHECK(is_unfinished_of_several(name, ".rows"));
  for (const char* name :
       {"a.rows", "a.rows.", "a.rows.0f3e2", "a.rows.0f3e2d7", "a.rows.0f-e2d", "a.row.0f3e2d",
        ".rows.0f3e2d", "a.rows.backup~", "a.rows.backup", "a.rows.BACKUP", "a.rows.2025_1", "arows.0f3e2d"})
    CHECK_FALSE(is_unfinished_of_several(name, ".rows"));
}
