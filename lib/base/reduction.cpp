#include "base/reduction.hpp"

#include <fmt/format.h>

namespace lockstep {

std::string text_of(const Reduction& r) {
  return fmt::format("overlap {}, buckets of {:g} MiB", name_of(r.overlap), r.bucket_mb);
}

}  // namespace lockstep
