// Files that point out of themselves, and files that unpack to far more than they are: refused, and read in a
// child so that its memory can be measured.
#include <hdf5.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/error.hpp"
#include "results/comm_bench.hpp"
#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

struct Reading {
  std::string said;   // without the path; "read" when nothing was wrong
  long peak_mib = 0;  // of the reader and its child, the larger; under sanitizers 0: they take most of it
};

Reading read_in_child(const std::string& path) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    std::string said = "read";
    try {
      read_run(path);
    } catch (const std::exception& error) {
      said = error.what();
    }
    if (said.starts_with(path + ": ")) said.erase(0, path.size() + 2);
    _exit(write(ends[1], said.data(), said.size()) < 0);
  }
  close(ends[1]);
  Reading reading;
  char text[1024];
  for (ssize_t got = 0; (got = read(ends[0], text, sizeof text)) > 0;)
    reading.said.append(text, static_cast<std::size_t>(got));
  close(ends[0]);
  rusage used{};
  wait4(child, nullptr, 0, &used);
  reading.peak_mib = kSanitized ? 0 : used.ru_maxrss >> 10;
  return reading;
}

// Changes a good file, and reads it.
template <typename Change>
Reading after(const Change& change) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  write_sample(path);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  REQUIRE(file >= 0);
  change(file);
  H5Fclose(file);
  return read_in_child(path);
}

hid_t create(hid_t file, const char* path, std::vector<hsize_t> extent, hid_t creation) {
  H5Ldelete(file, path, H5P_DEFAULT);
  const std::vector<hsize_t> any(extent.size(), H5S_UNLIMITED);
  const bool may_grow = H5Pget_layout(creation) == H5D_CHUNKED;
  const hid_t space =
      H5Screate_simple(static_cast<int>(extent.size()), extent.data(), may_grow ? any.data() : nullptr);
  const hid_t id = H5Dcreate2(file, path, H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Sclose(space);
  REQUIRE(id >= 0);
  return id;
}

hid_t deflated(std::vector<hsize_t> chunk) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
  H5Pset_deflate(creation, 9);
  return creation;
}

// So many zeros as deflate packs them into one chunk.
std::vector<char> packed_zeros(hsize_t doubles) {
  const TemporaryFolder folder;
  const hid_t file = H5Fcreate((folder / "zeros.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t creation = deflated({doubles});
  const hid_t dataset = create(file, "/zeros", {doubles}, creation);
  const std::vector<double> zeros(doubles);
  H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
  H5Dflush(dataset);
  const hsize_t origin = 0;
  hsize_t size = 0;
  REQUIRE(H5Dget_chunk_storage_size(dataset, &origin, &size) >= 0);
  std::vector<char> packed(size);
  std::uint32_t filters = 0;
  REQUIRE(H5Dread_chunk(dataset, H5P_DEFAULT, &origin, &filters, packed.data()) >= 0);
  H5Dclose(dataset);
  H5Pclose(creation);
  H5Fclose(file);
  return packed;
}

template <typename Act>
std::string refusal(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// A file of its own that holds what a link could lead to.
std::string other_file(const TemporaryFolder& folder) {
  write_sample(folder / "other.h5");
  return folder / "other.h5";
}

}  // namespace

TEST_CASE("no link leads to another file, be it behind another link or in the place of a group") {
  const TemporaryFolder folder;
  const std::string other = other_file(folder);
  const auto to_other = [&](hid_t file, const char* path, const char* there) {
    H5Ldelete(file, path, H5P_DEFAULT);
    REQUIRE(H5Lcreate_external(other.c_str(), there, file, path, H5P_DEFAULT, H5P_DEFAULT) >= 0);
  };
  CHECK(after([&](hid_t f) { to_other(f, "/steps", "/steps"); }).said == "'/steps' is kept in another file");
  CHECK(after([&](hid_t f) { to_other(f, "/config", "/config"); }).said ==
        "'/config' is kept in another file");
  // Where attributes alone are asked for, and behind a link within the file.
  const Reading model = after([&](hid_t f) { to_other(f, "/model", "/model"); });
  CHECK(model.said.find("another file") != std::string::npos);
  CHECK(after([&](hid_t f) {
          to_other(f, "/outside", "/steps/wall");
          H5Ldelete(f, "/steps/wall", H5P_DEFAULT);
          H5Lcreate_soft("/outside", f, "/steps/wall", H5P_DEFAULT, H5P_DEFAULT);
        }).said == "'/steps/wall' cannot be opened");
  // Within the file a link is as good as a name.
  CHECK(after([&](hid_t f) {
          H5Lmove(f, "/steps/wall", f, "/wall", H5P_DEFAULT, H5P_DEFAULT);
          H5Lcreate_soft("/wall", f, "/steps/wall", H5P_DEFAULT, H5P_DEFAULT);
        }).said == "read");
}

TEST_CASE("no dataset is kept in, or put together from, another file") {
  const TemporaryFolder folder;
  const std::string other = other_file(folder);
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  for (const std::string& where : {other, folder / "pipe"}) {  // which nobody opens
    CAPTURE(where);
    CHECK(after([&](hid_t f) {
            const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
            H5Pset_external(creation, where.c_str(), 0, 2 * 5 * 8);
            H5Dclose(create(f, "/steps/wall", {2, 5}, creation));
            H5Pclose(creation);
          }).said == "'/steps/wall' is kept in another file");
    CHECK(after([&](hid_t f) {
            const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
            const hsize_t extent[] = {2, 5}, most[] = {2, H5S_UNLIMITED};
            const hid_t space = H5Screate_simple(2, extent, most), source = H5Screate_simple(2, extent, most);
            const hsize_t start[] = {0, 0}, stride[] = {1, 1}, count[] = {1, 1}, block[] = {2, H5S_UNLIMITED};
            H5Sselect_hyperslab(space, H5S_SELECT_SET, start, stride, count, block);
            H5Sselect_hyperslab(source, H5S_SELECT_SET, start, stride, count, block);
            H5Pset_virtual(creation, space, where.c_str(), "/steps/wall", source);
            H5Ldelete(f, "/steps/wall", H5P_DEFAULT);
            const hid_t id =
                H5Dcreate2(f, "/steps/wall", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
            REQUIRE(id >= 0);
            H5Dclose(id);
            H5Sclose(source);
            H5Sclose(space);
            H5Pclose(creation);
          }).said == "'/steps/wall' is kept in another file");
  }
}

TEST_CASE("a chunk that unpacks to more than it says is refused within bounds") {
  const std::vector<char> bomb = packed_zeros(hsize_t{48} << 20);  // 384 MiB
  REQUIRE(bomb.size() < (1 << 20));
  const Reading reading = after([&](hid_t f) {
    const hid_t creation = deflated({2, 4096});
    const hid_t wall = create(f, "/steps/wall", {2, 5}, creation);
    const hsize_t origin[] = {0, 0};
    REQUIRE(H5Dwrite_chunk(wall, H5P_DEFAULT, 0, origin, bomb.size(), bomb.data()) >= 0);
    H5Dclose(wall);
    H5Pclose(creation);
  });
  if (kSanitized) return;
  CHECK(reading.said.find("'/steps/wall' cannot be read: ") == 0);
  CHECK(reading.peak_mib < 256);
}

TEST_CASE("compressed zeros are refused by what they claim, and so is a chunk much larger than its dataset") {
  const Reading zeros = after([](hid_t f) {
    const hid_t creation = deflated({1 << 20});
    const hid_t bytes = create(f, "/buckets/bytes", {hsize_t{64} << 20}, creation);  // 512 MiB of zeros
    const std::vector<char> packed = packed_zeros(1 << 20);
    for (hsize_t c = 0; c < 64; ++c) {
      const hsize_t at = c << 20;
      REQUIRE(H5Dwrite_chunk(bytes, H5P_DEFAULT, 0, &at, packed.size(), packed.data()) >= 0);
    }
    H5Dclose(bytes);
    H5Pclose(creation);
  });
  CAPTURE(zeros.said);
  CHECK(zeros.said.find("claim") != std::string::npos);
  CHECK(zeros.peak_mib < 128);
  const std::vector<char> bomb = packed_zeros(hsize_t{48} << 20);
  const Reading chunk = after([&](hid_t f) {
    const hid_t creation = deflated({2, hsize_t{24} << 20});
    const hid_t wall = create(f, "/steps/wall", {2, 5}, creation);
    const hsize_t origin[] = {0, 0};
    REQUIRE(H5Dwrite_chunk(wall, H5P_DEFAULT, 0, origin, bomb.size(), bomb.data()) >= 0);
    H5Dclose(wall);
    H5Pclose(creation);
  });
  CHECK(chunk.said == "'/steps/wall' claims more data than the file can hold");
  CHECK(chunk.peak_mib < 128);
}

TEST_CASE("a file of holes is no larger than what is in it") {
  const Reading reading = after([](hid_t f) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);  // room in the file, nothing in it
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    H5Dclose(create(f, "/buckets/bytes", {hsize_t{1} << 31}, creation));  // 16 GiB
    H5Pclose(creation);
  });
  CAPTURE(reading.said);
  CHECK(reading.said.find("claims more data than the file can hold") != std::string::npos);
  CHECK(reading.peak_mib < 128);
}

TEST_CASE("a list of texts that are all one long text is refused within bounds") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  write_sample(path);
  constexpr std::size_t kTexts = 200, kReference = 16;  // length, address and index in its heap
  constexpr std::uint32_t kLong = 4 << 20;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const hsize_t count = kTexts;
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  H5Adelete_by_name(file, "/", "invalid_reasons", H5P_DEFAULT);
  const hid_t attribute = H5Acreate2(file, "invalid_reasons", type, space, H5P_DEFAULT, H5P_DEFAULT);
  const std::string text(kLong, 'x');
  std::vector<const char*> texts(kTexts, "short");
  texts[0] = text.c_str();
  REQUIRE(H5Awrite(attribute, type, texts.data()) >= 0);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);

  std::ostringstream whole;
  whole << std::ifstream(path, std::ios::binary).rdbuf();
  std::string bytes = whole.str();
  const std::string length(reinterpret_cast<const char*>(&kLong), sizeof kLong);
  std::size_t list = std::string::npos;
  for (std::size_t at = bytes.find(length); at != std::string::npos; at = bytes.find(length, at + 1))
    if (at + 2 * kReference < bytes.size() && bytes.substr(at + kReference, 4) == std::string("\5\0\0\0", 4))
      list = at;
  REQUIRE(list != std::string::npos);
  for (std::size_t i = 1; i < kTexts; ++i)
    bytes.replace(list + i * kReference, kReference, bytes, list, kReference);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  const Reading reading = read_in_child(path);
  if (kSanitized) return;
  CAPTURE(reading.said);
  CHECK(reading.said != "read");  // 800 MiB of a file of 4
  CHECK(reading.peak_mib < 600);
}

TEST_CASE("what is not a regular file is refused at once by every reader") {
  const TemporaryFolder folder;
  REQUIRE(mkfifo((folder / "run.h5").c_str(), 0600) == 0);
  alarm(20);
  for (const std::string& path : {folder / "run.h5", std::string("/dev/zero"), folder.path}) {
    CAPTURE(path);
    CHECK(refusal([&] { read_run(path); }).find("give a regular file") != std::string::npos);
    CHECK(refusal([&] { read_header(path); }).find("give a regular file") != std::string::npos);
    CHECK(refusal([&] { read_comm_bench(path); }).find("give a regular file") != std::string::npos);
    CHECK_FALSE(is_comm_bench(path));
  }
  alarm(0);
}
