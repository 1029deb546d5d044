#include <algorithm>
#include <filesystem>
#include <limits>

#include "results/hdf5_io.hpp"
#include "results/hdf5_types.hpp"

namespace lockstep {

namespace {

// Chunked data may be compressed; nobody's times compress better than this.
constexpr std::uint64_t kLargestRatio = 2000;
constexpr std::uint64_t kSmallestLimit =
    1 << 20;  // bytes; unwritten (fill value) data takes no room in the file

Hdf5Handle memory_string_type(hid_t dataset_type) {
  Hdf5Handle type = string_type();
  H5Tset_cset(type.get(), H5Tget_cset(dataset_type));
  return type;
}

// Strings of fixed length come without a terminator.
std::vector<std::string> read_fixed(hid_t object, hid_t type, std::size_t count,
                                    herr_t (*read)(hid_t, hid_t, void*)) {
  const std::size_t width = H5Tget_size(type);
  std::string buffer(width * count, '\0');
  std::vector<std::string> result;
  if (read(object, type, buffer.data()) < 0) return result;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = buffer.substr(i * width, width);
    text.resize(std::min(text.find('\0'), text.size()));
    result.push_back(std::move(text));
  }
  return result;
}

std::vector<std::string> read_variable(hid_t object, hid_t type, hid_t space, std::size_t count,
                                       herr_t (*read)(hid_t, hid_t, void*)) {
  std::vector<char*> pointers(count, nullptr);
  const Hdf5Handle memory = memory_string_type(type);
  std::vector<std::string> result;
  if (read(object, memory.get(), pointers.data()) < 0) return result;
  for (const char* text : pointers) result.emplace_back(text ? text : "");
  H5Dvlen_reclaim(memory.get(), space, H5P_DEFAULT, pointers.data());
  return result;
}

std::vector<std::string> read_text(hid_t object, hid_t type, hid_t space, std::size_t count,
                                   herr_t (*read)(hid_t, hid_t, void*)) {
  return H5Tis_variable_str(type) > 0 ? read_variable(object, type, space, count, read)
                                      : read_fixed(object, type, count, read);
}

herr_t read_dataset(hid_t object, hid_t type, void* into) {
  return H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, into);
}

struct OpenAttribute {
  Hdf5Handle object, attribute, type, space;
  std::size_t count = 0;
};

std::optional<OpenAttribute> open_attribute(hid_t file, const std::string& path, const std::string& name) {
  OpenAttribute open;
  open.object = {H5Oopen(file, path.c_str(), H5P_DEFAULT), H5Oclose};
  if (!open.object.valid() || H5Aexists(open.object.get(), name.c_str()) <= 0) return std::nullopt;
  open.attribute = {H5Aopen(open.object.get(), name.c_str(), H5P_DEFAULT), H5Aclose};
  open.type = {H5Aget_type(open.attribute.get()), H5Tclose};
  open.space = {H5Aget_space(open.attribute.get()), H5Sclose};
  const hssize_t points = H5Sget_simple_extent_npoints(open.space.get());
  if (!open.attribute.valid() || points < 0 || H5Aget_storage_size(open.attribute.get()) > kSmallestLimit)
    return std::nullopt;
  open.count = static_cast<std::size_t>(points);
  return open;
}

}  // namespace

Hdf5Input::Hdf5Input(const std::string& path) : path_(path) {
  const Hdf5Silence silence;
  std::error_code error;
  file_bytes_ = std::filesystem::file_size(path, error);
  if (error) throw input_error("{}: cannot read: {}", path, error.message());
  file_ = {H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose};
  if (!file_.valid()) throw input_error("{}: not a run file, or damaged: {}", path, hdf5_reason());
}

void Hdf5Input::fail(const std::string& path, const std::string& what) const {
  throw input_error("{}: '{}' {}", path_, path, what);
}

bool Hdf5Input::has(const std::string& path) const {
  const Hdf5Silence silence;
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    if (H5Lexists(file_.get(), path.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) return false;
  return H5Lexists(file_.get(), path.c_str(), H5P_DEFAULT) > 0;
}

Hdf5Handle Hdf5Input::open_dataset(const std::string& path) const {
  if (!has(path)) fail(path, "is missing");
  Hdf5Handle dataset(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.valid()) fail(path, "cannot be opened");
  return dataset;
}

Extent Hdf5Input::extent_of(const std::string& path, hid_t dataset) const {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank < 0) fail(path, "has no readable shape");
  Extent extent(static_cast<std::size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr) < 0)
    fail(path, "has no readable shape");
  // Refuse before allocating: a damaged or hostile file may claim anything.
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  const std::uint64_t limit =
      std::max(kSmallestLimit, file_bytes_ > std::numeric_limits<std::uint64_t>::max() / kLargestRatio
                                   ? std::numeric_limits<std::uint64_t>::max()
                                   : file_bytes_ * kLargestRatio);
  std::uint64_t bytes = std::max<std::uint64_t>(H5Tget_size(type.get()), 1);
  for (const hsize_t n : extent) {
    if (n != 0 && bytes > limit / n) fail(path, "claims more data than the file can hold");
    bytes *= n;
  }
  return extent;
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
  const std::size_t count = extent.empty() ? 1 : extent[0];
  if (count == 0) return {};
  std::vector<std::string> result = read_text(dataset.get(), type.get(), space.get(), count, read_dataset);
  if (result.size() != count) fail(path, "cannot be read");
  return result;
}

std::optional<std::string> Hdf5Input::text_attribute(const std::string& path, const std::string& name) const {
  std::vector<std::string> list = text_list_attribute(path, name);
  if (list.empty()) return std::nullopt;
  return std::move(list.front());
}

std::optional<double> Hdf5Input::number_attribute(const std::string& path, const std::string& name) const {
  const Hdf5Silence silence;
  const auto open = open_attribute(file_.get(), path, name);
  if (!open || open->count != 1) return std::nullopt;
  const H5T_class_t kind = H5Tget_class(open->type.get());
  double value = 0;
  if ((kind != H5T_INTEGER && kind != H5T_FLOAT) ||
      H5Aread(open->attribute.get(), H5T_NATIVE_DOUBLE, &value) < 0)
    return std::nullopt;
  return value;
}

std::vector<std::string> Hdf5Input::text_list_attribute(const std::string& path,
                                                        const std::string& name) const {
  const Hdf5Silence silence;
  const auto open = open_attribute(file_.get(), path, name);
  if (!open || open->count == 0 || H5Tget_class(open->type.get()) != H5T_STRING) return {};
  return read_text(open->attribute.get(), open->type.get(), open->space.get(), open->count, H5Aread);
}

std::vector<std::string> Hdf5Input::attribute_names(const std::string& path) const {
  const Hdf5Silence silence;
  const Hdf5Handle object(H5Oopen(file_.get(), path.c_str(), H5P_DEFAULT), H5Oclose);
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
