// A file written by another program, with other types: as good as ours. Missing, odd or hostile parts: said
// by name.
#include <hdf5.h>

#include <limits>

#include "base/error.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

constexpr hsize_t kRanks = 2, kSteps = 4;

void text_attribute(hid_t file, const char* name, const std::string& value) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, value.size() + 3);  // fixed length, padded
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  std::string padded = value;
  padded.resize(value.size() + 3, '\0');
  H5Awrite(attribute, type, padded.data());
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

void matrix(hid_t file, const std::string& path, hid_t type, hsize_t steps, float value) {
  const hsize_t dims[] = {kRanks, steps};
  const hid_t space = H5Screate_simple(2, dims, nullptr), links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  const hid_t dataset = H5Dcreate2(file, path.c_str(), type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  const std::vector<float> values(kRanks * steps, value);
  H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(dataset);
  H5Pclose(links);
  H5Sclose(space);
}

struct Foreign {
  std::string skip = "", nan = "", odd = "";  // a column to leave out, to spoil, to make too short
  std::int32_t schema = 1;
};

std::string write_foreign(const TemporaryFolder& folder, const Foreign& how) {
  const std::string path = folder / "foreign.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t schema = H5Acreate2(file, "schema", H5T_STD_I16BE, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(schema, H5T_NATIVE_INT32, &how.schema);
  H5Aclose(schema);
  H5Sclose(space);
  text_attribute(file, "uuid", "u");
  text_attribute(file, "mode", "seq");
  text_attribute(file, "status", "complete");
  for (const char* column : {"start", "wall", "data", "h2d", "forward", "backward", "comm", "comm_exposed",
                             "optimizer", "other", "samples", "epoch"}) {
    if (how.skip == column) continue;
    const bool count = std::string(column) == "samples" || std::string(column) == "epoch";
    matrix(file, std::string("/steps/") + column, count ? H5T_STD_U8LE : H5T_IEEE_F32BE,
           how.odd == column ? 3 : kSteps,
           how.nan == column ? std::numeric_limits<float>::quiet_NaN() : 2.0f);
  }
  H5Fclose(file);
  return path;
}

std::string refusal(const Foreign& how) {
  const TemporaryFolder folder;
  try {
    read_run(write_foreign(folder, how));
  } catch (const Error& error) {
    return error.what();
  }
  return "read";
}

}  // namespace

TEST_CASE("single precision, big-endian, small integers and fixed strings are converted") {
  const TemporaryFolder folder;
  const RunData run = read_run(write_foreign(folder, {}));
  CHECK(run.header.mode == "seq");
  CHECK(run.steps.wall.at(1, 3) == 2.0);
  CHECK(run.steps.samples.at(0, 0) == 2);
  CHECK(run.steps.bubble.at(1, 3) == 0);
  CHECK(run.comm.size() == 0);
  CHECK(std::find(run.absent.begin(), run.absent.end(), "/comm/rank") != run.absent.end());
}

TEST_CASE("what is wrong is named") {
  CHECK(refusal({.skip = "forward"}).find("'/steps/forward' is missing") != std::string::npos);
  CHECK(refusal({.nan = "wall"}).find("'/steps/wall' holds a time that is not a number") !=
        std::string::npos);
  CHECK(refusal({.odd = "data"}).find("'/steps/data' is 2 x 3, its neighbours are 2 x 4") !=
        std::string::npos);
  CHECK(refusal({.schema = 9}).find("schema version 9") != std::string::npos);
}

TEST_CASE("a dataset that claims more than a file can hold is refused before memory is asked for") {
  const TemporaryFolder folder;
  const std::string path = write_foreign(folder, {.skip = "wall"});
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hsize_t dims[] = {kRanks, hsize_t{1} << 40}, chunk[] = {1, 1024};
  const hid_t space = H5Screate_simple(2, dims, nullptr), creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  const hid_t dataset =
      H5Dcreate2(file, "/steps/wall", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  REQUIRE(dataset >= 0);
  H5Dclose(dataset);
  H5Pclose(creation);
  H5Sclose(space);
  H5Fclose(file);
  // Its shape alone gives it away, before its size does.
  CHECK_THROWS_WITH(read_run(path), path + ": '/steps/start' is 2 x 4, its neighbours are 2 x 1099511627776");
}
