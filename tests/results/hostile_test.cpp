// Damaged and hostile files read by a child that has little memory and little time: refused or read, without
// a crash, a hang, or memory without end.
#include <hdf5.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/random.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

// Reads damaged files first, first + 1, ...; returns the one that did not end well, or last.
template <typename Damage>
int first_bad(int first, int last, const std::string& path, const Damage& damage) {
  int progress[2];
  REQUIRE(pipe(progress) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit memory{rlim_t{1} << 30, rlim_t{1} << 30};
    if (!kSanitized) setrlimit(RLIMIT_AS, &memory);
    for (int i = first; i < last; ++i) {
      alarm(20);
      std::ofstream(path, std::ios::binary | std::ios::trunc) << damage(i);
      try {
        read_run(path);
      } catch (const Error& error) {
        if (std::string(error.what()).find('\n') != std::string::npos) _exit(1);
      } catch (...) {
        _exit(1);
      }
      if (write(progress[1], &i, sizeof i) != sizeof i) _exit(2);
    }
    _exit(0);
  }
  close(progress[1]);
  int reached = first, i = 0;
  while (read(progress[0], &i, sizeof i) == sizeof i) reached = i + 1;
  close(progress[0]);
  waitpid(child, nullptr, 0);
  return reached;
}

std::string sample_bytes(const TemporaryFolder& folder) {
  write_sample(folder / "run.h5");
  std::ostringstream text;
  text << std::ifstream(folder / "run.h5", std::ios::binary).rdbuf();
  return text.str();
}

// Changes one thing of a good file, and what the reader says then.
template <typename Change>
std::string refusal_after(const Change& change) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  write_sample(path);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  REQUIRE(file >= 0);
  change(file);
  H5Fclose(file);
  try {
    read_run(path);
  } catch (const Error& error) {
    const std::string message = error.what();
    REQUIRE(message.rfind(path + ": ", 0) == 0);
    return message.substr(path.size() + 2);
  }
  return "read";
}

void replace(hid_t file, const char* path, const std::vector<hsize_t>& extent, double value, bool filled) {
  H5Ldelete(file, path, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr);
  const hid_t id = H5Dcreate2(file, path, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  hsize_t count = filled ? 1 : 0;
  for (const hsize_t n : extent) count *= n;
  const std::vector<double> values(count, value);
  if (filled) H5Dwrite(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(id);
  H5Sclose(space);
}

}  // namespace

TEST_CASE("bits flipped anywhere are refused or read within a gigabyte") {
  const TemporaryFolder folder;
  const std::string whole = sample_bytes(folder);
  const int cases = kSanitized ? 100 : 400;
  const auto flip = [&](int i) {
    std::string damaged = whole;
    RandomStream random({2026, static_cast<std::uint64_t>(i)});
    for (std::uint64_t flips = 1 + random.below(8); flips > 0; --flips) {
      char& byte = damaged[random.below(whole.size())];
      byte = static_cast<char>(byte ^ (1 << random.below(8)));
    }
    return damaged;
  };
  std::vector<int> bad;
  for (int next = 0; next < cases;) {
    const int reached = first_bad(next, cases, folder / "bits.h5", flip);
    if (reached < cases) bad.push_back(reached);
    next = reached + 1;
  }
  CAPTURE(bad);
  CHECK(bad.empty());
}

TEST_CASE("columns that do not fit each other are refused by name") {
  CHECK(refusal_after([](hid_t f) { replace(f, "/comm/step", {3}, 0, true); }) ==
        "'/comm/step' has 3 entries, its neighbours have 8");
  CHECK(refusal_after([](hid_t f) { replace(f, "/comm/rank", {8}, 2, true); }) ==
        "'/comm/rank' names a rank that is not in /steps");
  CHECK(refusal_after([](hid_t f) { replace(f, "/comm/kind", {8}, 7, true); }) ==
        "'/comm/kind' names a kind that it does not list");
  CHECK(refusal_after([](hid_t f) {
          replace(f, "/audit/samples", {3, 2}, 1, true);
        }) == "'/audit/samples' has 3 ranks, /steps has 2");
  CHECK(refusal_after([](hid_t f) {
          replace(f, "/audit/samples", {2, 5}, 1, true);
        }) == "'/audit/samples' has 5 epochs, /epochs has 2");
  CHECK(refusal_after([](hid_t f) { replace(f, "/steps/wall", {10}, 1, true); }) ==
        "'/steps/wall' is not ranks x steps");
}

TEST_CASE("counts that no run reaches are refused before anything adds them up") {
  CHECK(refusal_after([](hid_t f) {
          replace(f, "/audit/samples", {2, 2}, -1, true);
        }) == "'/audit/samples' holds a count below 0");
  CHECK(refusal_after([](hid_t f) {
          replace(f, "/audit/samples", {2, 2}, 9.2e18, true);
        }) == "'/audit/samples' counts more than 2^53");
  CHECK(refusal_after([](hid_t f) {
          replace(f, "/audit/samples", {2, 2}, 4e15, true);  // each may be; all four may not
        }) == "'/audit/samples' counts more than 2^53");
  CHECK(refusal_after([](hid_t f) { replace(f, "/comm/bytes", {8}, -4, true); }) ==
        "'/comm/bytes' holds a count below 0");
}

TEST_CASE("a small file cannot ask for much memory") {
  for (const hsize_t claim : {hsize_t{1} << 50, hsize_t{10} << 20})  // never written: the file stays small
    CHECK(refusal_after([&](hid_t f) { replace(f, "/buckets/bytes", {claim}, 0, false); }) ==
          "'/buckets/bytes' claims more data than the file can hold");
}

TEST_CASE("a run file is one file") {
  CHECK(refusal_after([](hid_t f) {
          H5Ldelete(f, "/steps/data", H5P_DEFAULT);
          H5Lcreate_external("elsewhere.h5", "/x", f, "/steps/data", H5P_DEFAULT, H5P_DEFAULT);
        }) == "'/steps/data' is kept in another file");
}

TEST_CASE("a file that does not say whether its checks held counts as not valid") {
  const TemporaryFolder folder;
  write_sample(folder / "run.h5");
  const hid_t file = H5Fopen((folder / "run.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  REQUIRE(H5Adelete(file, "valid") >= 0);
  H5Fclose(file);
  const RunHeader header = read_header(folder / "run.h5");
  CHECK_FALSE(header.valid);
  CHECK(header.invalid_reasons == std::vector<std::string>{"the file does not say whether its checks held"});
}
