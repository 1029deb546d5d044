// Measures of files that we have not written, or not lately.
#include <hdf5.h>

#include "base/error.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// name: of the one measure that /epochs says it has; empty: it says nothing.
void rename_measure(const std::string& path, const std::string& name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  REQUIRE(H5Adelete_by_name(file, "/epochs", "measures", H5P_DEFAULT) >= 0);
  if (!name.empty()) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, name.size());
    const hsize_t one = 1;
    const hid_t space = H5Screate_simple(1, &one, nullptr);
    const hid_t made =
        H5Acreate_by_name(file, "/epochs", "measures", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(H5Awrite(made, type, name.data()) >= 0);
    H5Aclose(made);
    H5Sclose(space);
    H5Tclose(type);
  }
  H5Fclose(file);
}

}  // namespace

TEST_CASE("a file that does not list its measures has those of earlier versions") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  write_sample(path);
  rename_measure(path, "");
  const RunData run = read_run(path);
  CHECK((run.measures == sample_start().measures));
  CHECK(run.epochs[1].more == std::map<std::string, double>{{"test_bleu", 2.5}});
}

TEST_CASE("a measure that the file lists and does not have is none") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  write_sample(path);
  rename_measure(path, "chrf");
  CHECK(read_run(path).measures.empty());
}

TEST_CASE("a name that is no name is refused") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  for (const char* name : {"../bleu", "a/b", "BLEU", "b leu"}) {
    write_sample(path);
    rename_measure(path, name);
    CHECK_THROWS_WITH(
        read_run(path),
        path + ": '/epochs@measures' names a measure in other than small letters, digits and _");
    std::remove(path.c_str());
  }
}
