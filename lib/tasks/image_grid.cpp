#include "tasks/image_grid.hpp"

#include <png.h>

#include <cstring>

#include "base/durable_file.hpp"
#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr std::int64_t kGap = 2;  // pixels between images

// (rows x H + gaps, B x W + gaps, C) bytes, white between the images.
torch::Tensor paste(const std::vector<torch::Tensor>& rows) {
  const std::int64_t count = rows[0].size(0), channels = rows[0].size(1), height = rows[0].size(2),
                     width = rows[0].size(3);
  torch::Tensor picture =
      torch::ones({channels, static_cast<std::int64_t>(rows.size()) * (height + kGap) - kGap,
                   count * (width + kGap) - kGap});
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::int64_t i = 0; i < count; ++i) {
      picture.narrow(1, static_cast<std::int64_t>(r) * (height + kGap), height)
          .narrow(2, i * (width + kGap), width)
          .copy_(rows[r][i]);
    }
  }
  return (picture.clamp(0, 1) * 255).round().to(torch::kUInt8).permute({1, 2, 0}).contiguous();
}

}  // namespace

void write_image_grid(const std::string& path, const std::vector<torch::Tensor>& rows) {
  const torch::Tensor picture = paste(rows);
  png_image image;
  std::memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.size(1));
  image.height = static_cast<png_uint_32>(picture.size(0));
  image.format = picture.size(2) == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string file(bytes, '\0');
  if (png_image_write_to_memory(&image, file.data(), &bytes, 0, picture.data_ptr(), 0, nullptr) == 0)
    throw run_error("{}: cannot be written: {}", path, image.message);
  DurableFile out(path);
  out.write(file.data(), bytes);
  out.commit();
}

}  // namespace lockstep
