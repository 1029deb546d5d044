#include "record/run_folder.hpp"

#include <filesystem>
#include <regex>
#include <set>

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;
namespace fs = std::filesystem;

TEST_CASE("identifiers are version 4 and differ") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = new_uuid();
    CHECK(std::regex_match(
        uuid, std::regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")));
    seen.insert(uuid);
  }
  CHECK(seen.size() == 100);
}

TEST_CASE(
    "a run's folder says when, how, what and on how many ranks; an unusable place is the user's error") {
  const fs::path base = fs::temp_directory_path() / ("lockstep_" + new_uuid());
  const fs::path folder = create_run_folder((base / "out").string(), "ddp", "mlp", 2, "0123abcd-ffff");
  CHECK(fs::is_directory(folder));
  CHECK(std::regex_match(folder.filename().string(), std::regex("[0-9]{8}-[0-9]{6}_ddp_mlp_2r_0123abcd")));
  write_text_file((base / "file").string(), "x");
  try {
    create_run_folder((base / "file").string(), "ddp", "mlp", 2, "0123abcd-ffff");
    FAIL("a file was taken for a folder");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_input);
    CHECK(std::string(error.what()).find("--output") != std::string::npos);
  }
  fs::remove_all(base);
}
