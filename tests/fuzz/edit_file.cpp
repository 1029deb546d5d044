#include "fuzz/edit_file.hpp"

#include <hdf5.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "results/hdf5_handle.hpp"

namespace lockstep::fuzz {

namespace {

struct Objects {
  std::vector<std::string> all, datasets;
};

Objects objects_of(hid_t file) {
  Objects objects;
  const auto visit = [](hid_t, const char* name, const H5O_info_t* info, void* into) -> herr_t {
    auto& found = *static_cast<Objects*>(into);
    found.all.emplace_back(name);
    if (info->type == H5O_TYPE_DATASET) found.datasets.emplace_back(name);
    return 0;
  };
  H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit, &objects);
  return objects;
}

template <typename List>
const auto& any_of(const List& list, RandomStream& random) {
  return list[random.below(list.size())];
}

double odd_number(RandomStream& random) {
  constexpr std::array kOdd = {0.0,    -0.0,    1.0,    -1.0,         0.5,           2.0,
                               1e-300, 1e300,   -1e300, 2147483647.0, -2147483648.0, 4294967296.0,
                               9.3e18, -9.3e18, 1.9e19, 3.0,          64.0,          1e9};
  const std::uint64_t pick = random.below(kOdd.size() + 3);
  if (pick < kOdd.size()) return kOdd[pick];
  return std::array{std::nan(""), std::numeric_limits<double>::infinity(),
                    -std::numeric_limits<double>::infinity()}[pick - kOdd.size()];
}

hid_t odd_type(RandomStream& random) {
  const std::array types = {H5T_STD_I8LE,   H5T_STD_I32LE,  H5T_STD_I64BE, H5T_STD_U64LE,
                            H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_STD_B16LE, H5T_STD_REF_OBJ};
  return any_of(types, random);
}

// Mostly small; sometimes of no element, or claiming far more than there is.
Hdf5Handle odd_space(RandomStream& random) {
  constexpr std::array<hsize_t, 8> kSizes = {0, 1, 2, 3, 5, 64, 4097, hsize_t{1} << 40};
  const auto rank = static_cast<int>(random.below(4));
  if (rank == 0) return {H5Screate(random.below(2) ? H5S_SCALAR : H5S_NULL), H5Sclose};
  std::vector<hsize_t> extent;
  for (int d = 0; d < rank; ++d) extent.push_back(any_of(kSizes, random));
  return {H5Screate_simple(rank, extent.data(), nullptr), H5Sclose};
}

Hdf5Handle text_type(RandomStream& random) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), random.below(2) ? H5T_VARIABLE : 1 + random.below(40));
  return type;
}

void overwrite(hid_t dataset, RandomStream& random) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const hssize_t points = H5Sget_simple_extent_npoints(space.get());
  if (points <= 0 || points > 1 << 20) return;
  std::vector<double> values(static_cast<std::size_t>(points));
  if (H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) return;
  for (std::uint64_t changes = 1 + random.below(4); changes > 0; --changes)
    values[random.below(values.size())] = odd_number(random);
  if (random.below(4) == 0)
    for (double& v : values) v = odd_number(random);
  H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
}

void change_values(hid_t file, const Objects& objects, RandomStream& random) {
  if (objects.datasets.empty()) return;
  const Hdf5Handle dataset(H5Dopen2(file, any_of(objects.datasets, random).c_str(), H5P_DEFAULT), H5Dclose);
  if (dataset.valid()) overwrite(dataset.get(), random);
}

void replace(hid_t file, const Objects& objects, RandomStream& random) {
  if (objects.datasets.empty()) return;
  const std::string path = any_of(objects.datasets, random);
  H5Ldelete(file, path.c_str(), H5P_DEFAULT);
  const Hdf5Handle space = odd_space(random), text = text_type(random);
  const hid_t type = random.below(4) ? odd_type(random) : text.get();
  const Hdf5Handle dataset(
      H5Dcreate2(file, path.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
  if (dataset.valid() && random.below(2)) overwrite(dataset.get(), random);
}

void remove(hid_t file, const Objects& objects, RandomStream& random) {
  const std::string& path = any_of(objects.all, random);
  if (path != ".") H5Ldelete(file, path.c_str(), H5P_DEFAULT);
}

// A name that leads to another object, to itself, or nowhere.
void lead_astray(hid_t file, const Objects& objects, RandomStream& random) {
  const std::string path = any_of(objects.all, random), other = any_of(objects.all, random);
  if (path == ".") return;
  H5Ldelete(file, path.c_str(), H5P_DEFAULT);
  const std::uint64_t way = random.below(4);
  if (way == 0) H5Lcreate_soft(("/" + path).c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  if (way == 1) H5Lcreate_soft("/nowhere", file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  if (way == 2) H5Lcreate_hard(file, other.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  if (way == 3) H5Lcreate_external("elsewhere.h5", "/x", file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
}

void set_attribute(hid_t object, const std::string& name, RandomStream& random) {
  H5Adelete(object, name.c_str());
  const Hdf5Handle space = odd_space(random), text = text_type(random);
  const bool is_text = random.below(2) == 0;
  const Hdf5Handle attribute(H5Acreate2(object, name.c_str(), is_text ? text.get() : odd_type(random),
                                        space.get(), H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose);
  const hssize_t points = H5Sget_simple_extent_npoints(space.get());
  if (!attribute.valid() || is_text || points <= 0 || points > 64) return;
  std::vector<double> values;
  for (hssize_t i = 0; i < points; ++i) values.push_back(odd_number(random));
  H5Awrite(attribute.get(), H5T_NATIVE_DOUBLE, values.data());
}

void change_attribute(hid_t file, const Objects& objects, RandomStream& random) {
  const Hdf5Handle object(H5Oopen(file, any_of(objects.all, random).c_str(), H5P_DEFAULT), H5Oclose);
  const auto count = static_cast<std::uint64_t>(std::max(0, H5Aget_num_attrs(object.get())));
  if (count == 0) return;
  std::array<char, 128> name{};
  H5Aget_name_by_idx(object.get(), ".", H5_INDEX_NAME, H5_ITER_INC, random.below(count), name.data(),
                     name.size(), H5P_DEFAULT);
  if (random.below(3) == 0)
    H5Adelete(object.get(), name.data());
  else
    set_attribute(object.get(), name.data(), random);
}

using Edit = void (*)(hid_t file, const Objects& objects, RandomStream& random);
// Values most often: what a reader believes of them reaches furthest.
constexpr std::array<Edit, 8> kEdits = {change_values, change_values, change_values, replace,
                                        replace,       remove,        lead_astray,   change_attribute};

}  // namespace

std::string edited(const std::string& bytes, RandomStream& random) {
  const Hdf5Silence silence;
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access.get(), 1 << 16, false);
  std::string image = bytes;
  H5Pset_file_image(access.get(), image.data(), image.size());
  const Hdf5Handle file(H5Fopen("in memory", H5F_ACC_RDWR, access.get()), H5Fclose);
  if (!file.valid()) return bytes;
  for (std::uint64_t changes = 1 + random.below(8); changes > 0; --changes)
    any_of(kEdits, random)(file.get(), objects_of(file.get()), random);
  H5Fflush(file.get(), H5F_SCOPE_GLOBAL);
  std::string result(
      static_cast<std::size_t>(std::max<ssize_t>(0, H5Fget_file_image(file.get(), nullptr, 0))), '\0');
  H5Fget_file_image(file.get(), result.data(), result.size());
  return result;
}

}  // namespace lockstep::fuzz
