#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/durable_file.hpp"
#include "base/text.hpp"
#include "results/hdf5_io.hpp"
#include "results/hdf5_types.hpp"
#include "results/schema.hpp"

namespace lockstep {

namespace {

// Elements of a chunk: not so few that a long run has very many chunks, not so many that a short one is
// mostly padding.
constexpr hsize_t kFewest = 64, kMost = 16384;

// One block (an epoch) a chunk where that is a sensible size: then no padding, and no chunk is ever
// rewritten.
Extent chunk_of(const Extent& block, std::size_t axis) {
  Extent chunk = block;
  for (hsize_t& c : chunk) c = std::max<hsize_t>(c, 1);
  hsize_t others = 1;
  for (std::size_t a = 0; a < chunk.size(); ++a)
    if (a != axis) others *= chunk[a];
  chunk[axis] =
      std::clamp(chunk[axis], std::max<hsize_t>(kFewest / others, 1), std::max<hsize_t>(kMost / others, 1));
  return chunk;
}

// No file locks: nobody else knows of the file, and some cluster file systems have none.
Hdf5Handle file_access() {
  Hdf5Handle list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  without_locks(list.get());
  return list;
}

// Intermediate groups are made on the way.
Hdf5Handle link_creation() {
  Hdf5Handle list(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(list.get(), 1);
  return list;
}

// Texts as HDF5 takes them: UTF-8 whatever came in, since the file's type says so. A run goes on when a host
// or a folder has a name that is none.
class Texts {
 public:
  explicit Texts(const std::vector<std::string>& values) {
    for (const std::string& value : values) values_.push_back(valid_utf8(value));
    for (const std::string& value : values_) pointers_.push_back(value.c_str());
  }
  const void* data() const { return pointers_.data(); }

 private:
  std::vector<std::string> values_;
  std::vector<const char*> pointers_;
};

// Of the file itself; -1: none.
int descriptor_of(hid_t file) {
  void* handle = nullptr;
  return H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0 || handle == nullptr ? -1
                                                                                : *static_cast<int*>(handle);
}

// Bytes that a file must be allowed to grow by: enough to say how the run has ended.
constexpr hsize_t kRoomForTheEnd = 65536;

Hdf5Handle simple_space(const Extent& extent) {
  return {H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose};
}

}  // namespace

// The file that HDF5 writes has no name: it is gone when this process is, however that happens.
Hdf5Output::Hdf5Output(const std::string& path) : path_(path) {
  const Hdf5Silence silence;
  if (access(path.c_str(), F_OK) == 0)
    throw input_error("{}: cannot create the run file: {}", path, errno_text(EEXIST));
  const Hdf5Handle properties = file_access();
  const std::string name = fmt::format("{}.{}", path, getpid());
  file_ = {H5Fcreate(name.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, properties.get()), H5Fclose};
  const int code = errno;
  if (!file_.valid())
    throw Error(meaning_of_write_error(code),
                fmt::format("{}: cannot create the run file: {}", path, hdf5_reason()));
  unlink(name.c_str());
}

Hdf5Output::~Hdf5Output() { abandon(); }

bool Hdf5Output::has(const std::string& path) const {
  const Hdf5Silence silence;
  const std::string group = path.substr(0, path.rfind('/'));
  return (group.empty() || H5Lexists(file_.get(), group.c_str(), H5P_DEFAULT) > 0) &&
         H5Lexists(file_.get(), path.c_str(), H5P_DEFAULT) > 0;
}

void Hdf5Output::remove(const std::string& path) {
  if (!has(path)) return;
  const Hdf5Silence silence;
  if (H5Ldelete(file_.get(), path.c_str(), H5P_DEFAULT) < 0) fail(path);
}

void Hdf5Output::require_size(const std::string& path, std::size_t values, const Extent& extent) const {
  hsize_t wanted = 1;
  for (const hsize_t n : extent) wanted *= n;
  if (values != wanted) throw run_error("{}: '{}' got {} values, not {}", path_, path, values, wanted);
}

void Hdf5Output::fail(const std::string& what) const {
  throw run_error("{}: cannot write {}: {}", path_, what, hdf5_reason());
}

void Hdf5Output::describe(const std::string& path) {
  if (const auto own = declared_.find(path); own != declared_.end()) {
    for (const auto& [name, text] : own->second) attribute(path, name, text);
    return;
  }
  const SchemaEntry& entry = schema_entry(path);
  attribute(path, "unit", entry.unit);
  attribute(path, "about", entry.about);
}

template <typename T>
Hdf5Handle Hdf5Output::create(const std::string& path, const Extent& extent,
                              std::optional<std::size_t> growing_axis) {
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  Extent initial = extent, largest = extent;
  if (growing_axis) {
    initial[*growing_axis] = 0;
    largest[*growing_axis] = H5S_UNLIMITED;
    const Extent chunk = chunk_of(extent, *growing_axis);
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
  }
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(extent.size()), initial.data(), largest.data()),
                         H5Sclose);
  Hdf5Handle type = std::is_same_v<T, std::string> ? string_type() : Hdf5Handle();
  hid_t type_id = type.get();
  if constexpr (!std::is_same_v<T, std::string>) type_id = native_type<T>();
  const Hdf5Handle links = link_creation();
  Hdf5Handle dataset(
      H5Dcreate2(file_.get(), path.c_str(), type_id, space.get(), links.get(), creation.get(), H5P_DEFAULT),
      H5Dclose);
  if (!dataset.valid()) fail(path);
  describe(path);
  return dataset;
}

template <typename T>
void Hdf5Output::write(const std::string& path, const std::vector<T>& values, const Extent& extent) {
  const Hdf5Silence silence;
  require_size(path, values.size(), extent);
  Hdf5Handle dataset = create<T>(path, extent, std::nullopt);
  if (values.empty()) return;
  const Hdf5Handle text = string_type();
  herr_t status = 0;
  if constexpr (std::is_same_v<T, std::string>)
    status = H5Dwrite(dataset.get(), text.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, Texts(values).data());
  else
    status = H5Dwrite(dataset.get(), native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  if (status < 0 || !dataset.reset()) fail(path);
}

void Hdf5Output::write(const std::string& path, const std::string& text) {
  write(path, std::vector<std::string>{text}, Extent{});
}

template <typename T>
void Hdf5Output::append(const std::string& path, const std::vector<T>& block, const Extent& extent,
                        std::size_t axis) {
  const Hdf5Silence silence;
  require_size(path, block.size(), extent);
  Hdf5Handle dataset = has(path) ? Hdf5Handle(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose)
                                 : create<T>(path, extent, axis);
  if (!dataset.valid()) fail(path);
  Extent size = extent, offset(extent.size(), 0);
  {
    const Hdf5Handle space(H5Dget_space(dataset.get()), H5Sclose);
    H5Sget_simple_extent_dims(space.get(), size.data(), nullptr);
  }
  if (block.empty()) return;
  offset[axis] = size[axis];
  size[axis] += extent[axis];
  if (H5Dset_extent(dataset.get(), size.data()) < 0) fail(path);
  const Hdf5Handle file_space(H5Dget_space(dataset.get()), H5Sclose);
  H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, offset.data(), nullptr, extent.data(), nullptr);
  const Hdf5Handle memory_space = simple_space(extent);
  // Closing writes the chunks that H5Dwrite has only cached: the disk may be full there as well.
  if (H5Dwrite(dataset.get(), native_type<T>(), memory_space.get(), file_space.get(), H5P_DEFAULT,
               block.data()) < 0 ||
      !dataset.reset())
    fail(path);
}

template <typename T>
std::vector<T> Hdf5Output::column(const std::string& path) const {
  const Hdf5Silence silence;
  const Hdf5Handle dataset(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
  const Hdf5Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  if (count < 0) throw run_error("{}: cannot read back {}: {}", path_, path, hdf5_reason());
  std::vector<T> values(static_cast<std::size_t>(count));
  if (H5Dread(dataset.get(), native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    throw run_error("{}: cannot read back {}: {}", path_, path, hdf5_reason());
  return values;
}

void Hdf5Output::attribute_raw(const std::string& path, const std::string& name, hid_t type, hid_t space,
                               const void* data) {
  const Hdf5Silence silence;
  if (path != "/" && !has(path)) {
    const Hdf5Handle links = link_creation();
    const Hdf5Handle group(H5Gcreate2(file_.get(), path.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
                           H5Gclose);
  }
  const Hdf5Handle object(H5Oopen(file_.get(), path.c_str(), H5P_DEFAULT), H5Oclose);
  if (H5Aexists(object.get(), name.c_str()) > 0) H5Adelete(object.get(), name.c_str());
  const Hdf5Handle made(H5Acreate2(object.get(), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                        H5Aclose);
  if (!made.valid() || H5Awrite(made.get(), type, data) < 0) fail(path + "@" + name);
}

void Hdf5Output::attribute(const std::string& path, const std::string& name, const std::string& value) {
  const Hdf5Handle type = string_type(), space(H5Screate(H5S_SCALAR), H5Sclose);
  attribute_raw(path, name, type.get(), space.get(), Texts({value}).data());
}

void Hdf5Output::attribute(const std::string& path, const std::string& name, std::int64_t value) {
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  attribute_raw(path, name, H5T_NATIVE_INT64, space.get(), &value);
}

void Hdf5Output::attribute(const std::string& path, const std::string& name, double value) {
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  attribute_raw(path, name, H5T_NATIVE_DOUBLE, space.get(), &value);
}

void Hdf5Output::attribute(const std::string& path, const std::string& name,
                           const std::vector<std::string>& values) {
  if (values.empty()) return;  // HDF5 has no attribute of no elements that every reader takes
  const Hdf5Handle type = string_type(), space = simple_space({values.size()});
  attribute_raw(path, name, type.get(), space.get(), Texts(values).data());
}

// HDF5 changes in many places what it has written before: what is read is a copy of the file between two changes.
void Hdf5Output::publish() {
  const int descriptor = descriptor_of(file_.get());
  if (in_place_) {
    if (fsync(descriptor) != 0) throw run_error("{}: cannot write to the disk: {}", path_, errno_text(errno));
    return;
  }
  const auto require_there = [this] {
    if (published_ && !is_published())
      throw run_error("{}: is gone: it was removed or moved while the run was writing it", path_);
  };
  require_there();
  try {
    DurableFile copy(path_, Writers::several);
    copy.write_all_of(descriptor);
    copy.commit(published_ ? Existing::replace : Existing::refuse);
  } catch (const Error&) {
    require_there();  // its folder may have gone meanwhile
    throw;
  }
  struct stat status {};
  if (stat(path_.c_str(), &status) == 0) published_ = {status.st_dev, status.st_ino};
}

bool Hdf5Output::is_published() const {
  struct stat status {};
  return published_ && stat(path_.c_str(), &status) == 0 && published_->device == status.st_dev &&
         published_->inode == status.st_ino;
}

// A file that may not grow any more could not say so.
void Hdf5Output::require_room(hsize_t more) const {
  rlimit most{};
  haddr_t end = 0;
  if (H5Fget_eoa(file_.get(), &end) >= 0 && getrlimit(RLIMIT_FSIZE, &most) == 0 && end + more > most.rlim_cur)
    throw run_error("{}: cannot write to the disk: {}", path_, errno_text(EFBIG));
}

void Hdf5Output::flush() { flush_with_room(kRoomForTheEnd); }

void Hdf5Output::flush_with_room(hsize_t more) {
  const Hdf5Silence silence;
  require_room(more);
  if (H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) < 0) fail("to the disk");
  publish();
}

void Hdf5Output::close() {
  flush_with_room(0);
  const Hdf5Silence silence;
  if (!file_.reset()) fail("to the disk");
}

// The room that the unfinished file had is there for the end of the published one.
void Hdf5Output::go_back() {
  const Hdf5Silence silence;
  abandon();
  if (!is_published()) throw run_error("{}: is not there any more", path_);
  in_place_ = true;
  file_ = {H5Fopen(path_.c_str(), H5F_ACC_RDWR, file_access().get()), H5Fclose};
  if (!file_.valid()) throw run_error("{}: cannot be opened again: {}", path_, hdf5_reason());
}

// HDF5 writes when it closes a file, also where the disk has failed it before: elsewhere, then.
void Hdf5Output::abandon() noexcept {
  const Hdf5Silence silence;
  const FileDescriptor nowhere(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (const int descriptor = file_.valid() ? descriptor_of(file_.get()) : -1;
      descriptor >= 0 && nowhere.valid())
    dup3(nowhere.get(), descriptor, O_CLOEXEC);
  file_.reset();
}

template void Hdf5Output::write(const std::string&, const std::vector<double>&, const Extent&);
template void Hdf5Output::write(const std::string&, const std::vector<std::int32_t>&, const Extent&);
template void Hdf5Output::write(const std::string&, const std::vector<std::int64_t>&, const Extent&);
template void Hdf5Output::write(const std::string&, const std::vector<std::string>&, const Extent&);
template void Hdf5Output::append(const std::string&, const std::vector<double>&, const Extent&, std::size_t);
template void Hdf5Output::append(const std::string&, const std::vector<float>&, const Extent&, std::size_t);
template void Hdf5Output::append(const std::string&, const std::vector<std::int32_t>&, const Extent&,
                                 std::size_t);
template void Hdf5Output::append(const std::string&, const std::vector<std::int64_t>&, const Extent&,
                                 std::size_t);
template void Hdf5Output::append(const std::string&, const std::vector<std::uint64_t>&, const Extent&,
                                 std::size_t);
template std::vector<double> Hdf5Output::column(const std::string&) const;
template std::vector<std::int32_t> Hdf5Output::column(const std::string&) const;
template std::vector<std::int64_t> Hdf5Output::column(const std::string&) const;

}  // namespace lockstep
