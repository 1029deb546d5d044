#include "results/hdf5_handle.hpp"

#include <algorithm>
#include <regex>

namespace lockstep {

Hdf5Silence::Hdf5Silence() {
  // What could not be written cannot be closed either, and HDF5 would go on trying when the program ends, and
  // then crash. Our handles close all there is. Has an effect only before the first use of HDF5, which is
  // here.
  H5dont_atexit();
  H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLget_loading_state(&plugins_);
  H5PLset_loading_state(0);
}

Hdf5Silence::~Hdf5Silence() {
  H5PLset_loading_state(plugins_);
  H5Eset_auto2(H5E_DEFAULT, function_, data_);
}

std::string hdf5_reason() {
  std::string reason;
  const auto visit = [](unsigned, const H5E_error2_t* entry, void* result) -> herr_t {
    if (entry->desc) *static_cast<std::string*>(result) = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, visit, &reason);
  // "... errno = 28, error message = 'No space left on device', ..." holds what a person wants to know.
  std::smatch match;
  if (std::regex_search(reason, match, std::regex("error message = '([^']*)'"))) return match[1];
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  return reason.empty() ? "unknown HDF5 error" : reason;
}

void without_locks(hid_t file_access) {
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(file_access, false, true);
#else
  static_cast<void>(file_access);
#endif
}

}  // namespace lockstep
