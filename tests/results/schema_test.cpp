// The document lists what the schema lists, and real readers read what we write.
#include "results/schema.hpp"

#include <hdf5.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

TEST_CASE("every path of the schema is in docs/run-file.md with its unit and meaning") {
  std::ostringstream text;
  text << std::ifstream(std::string(LOCKSTEP_SOURCE_DIR) + "/docs/run-file.md").rdbuf();
  for (const SchemaEntry& entry : schema()) {
    const std::string row = std::string("| `") + entry.path + "` | " + entry.shape + " | " + entry.type +
                            " | " + entry.unit + " | " + entry.about + " |";
    INFO(row);
    CHECK(text.str().find(row) != std::string::npos);
  }
}

TEST_CASE("docs/run-file.md lists no column of /steps that files do not have") {
  std::ifstream document(std::string(LOCKSTEP_SOURCE_DIR) + "/docs/run-file.md");
  std::vector<std::string> listed, known;
  for (std::string line; std::getline(document, line);)
    if (line.starts_with("| `/steps/")) listed.push_back(line.substr(3, line.find('`', 3) - 3));
  for_each_step_column([&](const auto& column) { known.emplace_back(column.path); });
  std::sort(listed.begin(), listed.end());
  std::sort(known.begin(), known.end());
  CHECK(listed == known);
}

TEST_CASE("the columns of /steps add up: one whole, one rest, and parts that are times") {
  int wholes = 0, rests = 0;
  for_each_step_column([&]<typename T>(const StepColumn<T>& column) {
    INFO(column.name);
    wholes += column.budget == Budget::wall;
    rests += column.budget == Budget::rest;
    if (column.budget != Budget::none) CHECK(schema_entry(column.path).unit == std::string("s"));
    if (column.budget != Budget::none) CHECK(std::is_same_v<T, double>);
  });
  CHECK(wholes == 1);
  CHECK(rests == 1);
}

TEST_CASE("paths are unique, and an unknown one is an error") {
  std::set<std::string> seen;
  for (const SchemaEntry& entry : schema()) CHECK(seen.insert(entry.path).second);
  CHECK_THROWS_AS(schema_entry("/steps/wal"), Error);
}

TEST_CASE("every dataset of a written file is in the schema and carries its unit and meaning") {
  const TemporaryFolder folder;
  write_sample(folder / "run.h5");
  const hid_t file = H5Fopen((folder / "run.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  std::vector<std::string> datasets;
  const auto visit = [](hid_t, const char* name, const H5O_info_t* info, void* into) -> herr_t {
    if (info->type == H5O_TYPE_DATASET)
      static_cast<std::vector<std::string>*>(into)->push_back(std::string("/") + name);
    return 0;
  };
#if H5_VERSION_GE(1, 12, 0)
  const auto visit3 = [](hid_t, const char* name, const H5O_info2_t* info, void* into) -> herr_t {
    if (info->type == H5O_TYPE_DATASET)
      static_cast<std::vector<std::string>*>(into)->push_back(std::string("/") + name);
    return 0;
  };
  static_cast<void>(visit);
  H5Ovisit3(file, H5_INDEX_NAME, H5_ITER_INC, visit3, &datasets, H5O_INFO_BASIC);
#else
  H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, visit, &datasets, H5O_INFO_BASIC);
#endif
  CHECK(datasets.size() > 40);
  for (const std::string& path : datasets) {
    INFO(path);
    if (path != "/epochs/test_bleu") CHECK_NOTHROW(schema_entry(path));  // which the task declares
    for (const char* attribute : {"unit", "about"})
      CHECK(H5Aexists_by_name(file, path.c_str(), attribute, H5P_DEFAULT) > 0);
  }
  H5Fclose(file);
}

TEST_CASE("h5dump reads it") {
  const TemporaryFolder folder;
  write_sample(folder / "run.h5");
  if (std::system("h5dump --version > /dev/null 2>&1") != 0) {
    WARN("skipped: h5dump is not installed (package hdf5-tools)");
    return;
  }
  CHECK(std::system(("h5dump '" + (folder / "run.h5") + "' > /dev/null 2>&1").c_str()) == 0);
}
