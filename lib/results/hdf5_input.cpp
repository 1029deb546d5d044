#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <unordered_set>

#include "base/file_descriptor.hpp"
#include "base/regular_file.hpp"
#include "results/hdf5_io.hpp"
#include "results/hdf5_types.hpp"

namespace lockstep {

struct OpenAttribute {
  Hdf5Handle object, attribute, type, space;
  std::size_t count = 0;
  H5T_class_t kind() const { return H5Tget_class(type.get()); }
};

namespace {

// A damaged or hostile file may claim anything; what it claims is checked against its size before any memory is
// asked for. Deflate cannot do better than 1032 to 1.
constexpr std::uint64_t kLargestRatio = 1100;
constexpr std::uint64_t kAlwaysAllowed = 1 << 20;  // bytes a dataset; what was never written takes no room
constexpr std::uint64_t kFileAllowance = 64 << 20, kFileRatio = 32;  // all datasets together
constexpr std::uint64_t kLargestSpareChunk = 16 << 20;  // bytes of a chunk that is larger than its dataset
constexpr std::size_t kLongestList = 256;               // elements of an attribute
constexpr std::size_t kShortList = 1024, kWidestReference = 32;  // texts; bytes that point to one

Hdf5Handle memory_string_type(hid_t dataset_type) {
  Hdf5Handle type = string_type();
  H5Tset_cset(type.get(), H5Tget_cset(dataset_type));
  return type;
}

using Read = herr_t (*)(hid_t object, hid_t type, hid_t transfer, void* into);

// Strings of fixed length come without a terminator, and some languages pad them with spaces.
std::vector<std::string> read_fixed(hid_t object, hid_t type, std::size_t count, Read read) {
  const std::size_t width = H5Tget_size(type);
  const bool padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  std::string buffer(width * count, '\0');
  std::vector<std::string> result;
  if (read(object, type, H5P_DEFAULT, buffer.data()) < 0) return result;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = buffer.substr(i * width, width);
    text.resize(std::min(text.find('\0'), text.size()));
    if (padded) text.resize(text.find_last_not_of(' ') + 1);
    result.push_back(std::move(text));
  }
  return result;
}

// The texts that HDF5 reads. Many elements may share one long text in the file, which in memory they do not:
// HDF5 is given so much and no more. A read that fails half way forgets what it has got so far.
struct TextMemory {
  std::uint64_t left = kFileAllowance;
  std::unordered_set<void*> held;
  TextMemory() = default;
  TextMemory(const TextMemory&) = delete;
  TextMemory& operator=(const TextMemory&) = delete;
  ~TextMemory() {
    for (void* text : held) std::free(text);
  }
};

void* allocate_within(std::size_t bytes, void* info) {
  auto& memory = *static_cast<TextMemory*>(info);
  if (bytes > memory.left) return nullptr;
  memory.left -= bytes;
  void* text = std::malloc(bytes);
  if (text) memory.held.insert(text);
  return text;
}

// Attributes cannot be read with an allocator of one's own; theirs is malloc, too.
void release(void* text, void* info) {
  static_cast<TextMemory*>(info)->held.erase(text);
  std::free(text);
}

std::vector<std::string> read_variable(hid_t object, hid_t type, hid_t space, std::size_t count, Read read) {
  TextMemory texts;
  const Hdf5Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose), memory = memory_string_type(type);
  H5Pset_vlen_mem_manager(transfer.get(), allocate_within, &texts, release, &texts);
  // HDF5 would convert few texts in a buffer of 1 MiB, and clear it for every dataset.
  if (count < kShortList) H5Pset_buffer(transfer.get(), kShortList * kWidestReference, nullptr, nullptr);
  std::vector<char*> pointers(count, nullptr);
  std::vector<std::string> result;
  if (read(object, memory.get(), transfer.get(), pointers.data()) >= 0)
    for (const char* text : pointers) result.emplace_back(text ? text : "");
  H5Dvlen_reclaim(memory.get(), space, transfer.get(), pointers.data());
  return result;
}

std::vector<std::string> read_text(hid_t object, hid_t type, hid_t space, std::size_t count, Read read) {
  return H5Tis_variable_str(type) > 0 ? read_variable(object, type, space, count, read)
                                      : read_fixed(object, type, count, read);
}

herr_t read_dataset(hid_t object, hid_t type, hid_t transfer, void* into) {
  return H5Dread(object, type, H5S_ALL, H5S_ALL, transfer, into);
}

herr_t read_attribute(hid_t object, hid_t type, hid_t, void* into) { return H5Aread(object, type, into); }

// Empty when there is no such object or attribute; count is kLongestList + 1 when it cannot be read.
std::optional<OpenAttribute> open_attribute(hid_t file, hid_t access, const std::string& path,
                                            const std::string& name) {
  OpenAttribute open;
  open.object = {H5Oopen(file, path.c_str(), access), H5Oclose};
  if (!open.object.valid() || H5Aexists(open.object.get(), name.c_str()) == 0) return std::nullopt;
  open.attribute = {H5Aopen(open.object.get(), name.c_str(), H5P_DEFAULT), H5Aclose};
  open.type = {H5Aget_type(open.attribute.get()), H5Tclose};
  open.space = {H5Aget_space(open.attribute.get()), H5Sclose};
  const hssize_t points = H5Sget_simple_extent_npoints(open.space.get());
  const bool readable = open.attribute.valid() && points >= 0 &&
                        points <= static_cast<hssize_t>(kLongestList) &&
                        H5Aget_storage_size(open.attribute.get()) <= kAlwaysAllowed;
  open.count = readable ? static_cast<std::size_t>(points) : kLongestList + 1;
  return open;
}

// Empty when it is not one number. h5py writes booleans as enumerations.
std::optional<double> one_number(const OpenAttribute& open) {
  const H5T_class_t kind = open.kind();
  if (open.count != 1 || (kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_ENUM)) return std::nullopt;
  double value = 0;
  if (H5Aread(open.attribute.get(), H5T_NATIVE_DOUBLE, &value) < 0) return std::nullopt;
  return value;
}

// A chunk is read whole.
bool is_chunk_sane(hid_t creation, const Extent& extent, std::size_t element, std::uint64_t limit) {
  if (H5Pget_layout(creation) != H5D_CHUNKED) return true;
  Extent chunk(extent.size());
  if (H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data()) < 0) return false;
  std::uint64_t bytes = element, dataset = element;
  for (const hsize_t n : extent) dataset *= n;
  limit = std::min(limit, std::max(dataset, kLargestSpareChunk));
  for (const hsize_t n : chunk) {
    if (n == 0 || bytes > limit / n) return false;
    bytes *= n;
  }
  return true;
}

// Those that HDF5 has built in: no plugin is loaded.
bool has_known_filters(hid_t creation) {
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    std::size_t values = 0;
    unsigned flags = 0, config = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &config);
    if (filter < 0 || H5Zfilter_avail(filter) <= 0) return false;
  }
  return true;
}

// Links to other files are not followed, be they behind others.
Hdf5Handle access_to_this_file() {
  Hdf5Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  const auto refuse = [](const char*, const char*, const char*, const char*, unsigned*, hid_t,
                         void*) -> herr_t { return -1; };
  H5Pset_elink_cb(access.get(), refuse, nullptr);
  return access;
}

}  // namespace

std::uint64_t bytes_with_data(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  std::uint64_t bytes = 0;
  for (off_t end = 0; end >= 0;) {
    const off_t begin = lseek(file.get(), end, SEEK_DATA);
    if (begin < 0) break;
    end = lseek(file.get(), begin, SEEK_HOLE);
    if (end > begin) bytes += static_cast<std::uint64_t>(end - begin);
  }
  return bytes;
}

std::uint64_t allowance(std::uint64_t file_bytes) { return kFileAllowance + file_bytes * kFileRatio; }

Hdf5Input::Hdf5Input(const std::string& path) : path_(path) {
  const Hdf5Silence silence;
  require_regular_file(path);
  file_bytes_ = bytes_with_data(path);
  access_ = access_to_this_file();
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  without_locks(access.get());  // a run that goes on may be looked at
  file_ = {H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose};
  if (!file_.valid()) throw input_error("{}: not a run file, or damaged: {}", path, hdf5_reason());
}

void Hdf5Input::fail(const std::string& path, const std::string& what) const {
  throw input_error("{}: '{}' {}", path_, path, what);
}

bool Hdf5Input::has(const std::string& path) const {
  const Hdf5Silence silence;
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (found_.contains(part)) continue;
    if (H5Lexists(file_.get(), part.c_str(), access_.get()) <= 0) return false;
    H5L_info_t link;
    if (H5Lget_info(file_.get(), part.c_str(), &link, access_.get()) < 0 || link.type == H5L_TYPE_EXTERNAL)
      fail(part, "is kept in another file");
    found_.insert(part);
  }
  return true;
}

Hdf5Handle Hdf5Input::open_dataset(const std::string& path) const {
  if (!has(path)) fail(path, "is missing");
  Hdf5Handle dataset(H5Dopen2(file_.get(), path.c_str(), access_.get()), H5Dclose);
  if (!dataset.valid()) fail(path, "cannot be opened");
  // Before its shape is asked for: that of a virtual dataset is looked up in other files.
  const Hdf5Handle creation(H5Dget_create_plist(dataset.get()), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(creation.get());
  if (layout < H5D_COMPACT || layout > H5D_CHUNKED || H5Pget_external_count(creation.get()) != 0)
    fail(path, "is kept in another file");
  return dataset;
}

Extent Hdf5Input::extent_of(const std::string& path, hid_t dataset) const {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank < 0) fail(path, "has no readable shape");
  Extent extent(static_cast<std::size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr) < 0)
    fail(path, "has no readable shape");
  return extent;
}

Extent Hdf5Input::extent(const std::string& path) const {
  const Hdf5Silence silence;
  return extent_of(path, open_dataset(path).get());
}

void Hdf5Input::admit(const std::string& path, hid_t dataset, const Extent& extent,
                      std::size_t element) const {
  const Hdf5Handle creation(H5Dget_create_plist(dataset), H5Pclose), type(H5Dget_type(dataset), H5Tclose);
  if (!has_known_filters(creation.get()))
    fail(path, "is packed by a filter that is not read here; unpack the file with h5repack -f NONE");
  const std::uint64_t stored = std::min<std::uint64_t>(H5Dget_storage_size(dataset), file_bytes_);
  const std::uint64_t ratio = H5Pget_nfilters(creation.get()) > 0 ? kLargestRatio : 1;
  const std::uint64_t limit = std::max(kAlwaysAllowed, stored * ratio);
  const std::size_t in_file = H5Tget_size(type.get());
  std::uint64_t elements = 1;
  for (const hsize_t n : extent) {
    if (n != 0 && elements > limit / n) fail(path, "claims more data than the file can hold");
    elements *= n;
  }
  if (in_file == 0 || in_file > limit || elements > limit / in_file ||
      !is_chunk_sane(creation.get(), extent, in_file, limit))
    fail(path, "claims more data than the file can hold");
  admitted_ += elements * element;
  if (admitted_ > allowance(file_bytes_))
    fail(path, "and its neighbours claim more data than the file can hold");
}

template <typename T>
std::vector<T> Hdf5Input::read(const std::string& path, std::size_t rank, Extent& extent) const {
  const Hdf5Silence silence;
  const Hdf5Handle dataset = open_dataset(path);
  extent = extent_of(path, dataset.get());
  if (extent.size() != rank) fail(path, fmt::format("has {} dimensions, not {}", extent.size(), rank));
  const Hdf5Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_INTEGER && kind != H5T_FLOAT) fail(path, "does not hold numbers");
  admit(path, dataset.get(), extent, sizeof(T));
  std::size_t count = 1;
  for (const hsize_t n : extent) count *= n;
  std::vector<T> values(count);
  if (count > 0 && H5Dread(dataset.get(), native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    fail(path, fmt::format("cannot be read: {}", hdf5_reason()));
  return values;
}

std::vector<std::string> Hdf5Input::read_strings(const std::string& path) const {
  const Hdf5Silence silence;
  const Hdf5Handle dataset = open_dataset(path);
  const Extent extent = extent_of(path, dataset.get());
  const Hdf5Handle type(H5Dget_type(dataset.get()), H5Tclose), space(H5Dget_space(dataset.get()), H5Sclose);
  if (extent.size() > 1 || H5Tget_class(type.get()) != H5T_STRING) fail(path, "is not a list of strings");
  admit(path, dataset.get(), extent, sizeof(std::string));
  const std::size_t count = extent.empty() ? 1 : extent[0];
  if (count == 0) return {};
  std::vector<std::string> result = read_text(dataset.get(), type.get(), space.get(), count, read_dataset);
  if (result.size() != count) fail(path, "cannot be read");
  return result;
}

std::vector<std::string> Hdf5Input::texts_of(const std::string& path, const std::string& name,
                                             const OpenAttribute& open) const {
  if (open.count == 0) return {};
  std::vector<std::string> result;
  if (open.count <= kLongestList && open.kind() == H5T_STRING)
    result = read_text(open.attribute.get(), open.type.get(), open.space.get(), open.count, read_attribute);
  if (result.empty()) fail(path, fmt::format("has an attribute '{}' that is not text", name));
  return result;
}

std::optional<std::string> Hdf5Input::text_attribute(const std::string& path, const std::string& name) const {
  const Hdf5Silence silence;
  const auto open = open_attribute(file_.get(), access_.get(), path, name);
  if (!open) return std::nullopt;
  if (const auto number = one_number(*open)) return fmt::format("{}", *number);
  std::string text;
  for (const std::string& line : texts_of(path, name, *open)) text += (text.empty() ? "" : "\n") + line;
  return text;
}

std::optional<double> Hdf5Input::number_attribute(const std::string& path, const std::string& name) const {
  const Hdf5Silence silence;
  const auto open = open_attribute(file_.get(), access_.get(), path, name);
  if (!open) return std::nullopt;
  const auto value = one_number(*open);
  if (!value) fail(path, fmt::format("has an attribute '{}' that is not one number", name));
  return value;
}

std::vector<std::string> Hdf5Input::text_list_attribute(const std::string& path,
                                                        const std::string& name) const {
  const Hdf5Silence silence;
  const auto open = open_attribute(file_.get(), access_.get(), path, name);
  if (!open) return {};
  return texts_of(path, name, *open);
}

std::vector<std::string> Hdf5Input::attribute_names(const std::string& path) const {
  const Hdf5Silence silence;
  const Hdf5Handle object(H5Oopen(file_.get(), path.c_str(), access_.get()), H5Oclose);
  std::vector<std::string> names;
  const auto visit = [](hid_t, const char* name, const H5A_info_t*, void* into) -> herr_t {
    static_cast<std::vector<std::string>*>(into)->emplace_back(name);
    return 0;
  };
  if (object.valid()) H5Aiterate2(object.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &names);
  return names;
}

template std::vector<double> Hdf5Input::read(const std::string&, std::size_t, Extent&) const;
template std::vector<float> Hdf5Input::read(const std::string&, std::size_t, Extent&) const;
template std::vector<std::int32_t> Hdf5Input::read(const std::string&, std::size_t, Extent&) const;
template std::vector<std::int64_t> Hdf5Input::read(const std::string&, std::size_t, Extent&) const;
template std::vector<std::uint64_t> Hdf5Input::read(const std::string&, std::size_t, Extent&) const;

}  // namespace lockstep
