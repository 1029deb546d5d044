// Pictures of batches of images, as PNG.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace lockstep {

// Writes one row of the picture a tensor: (B, C, H, W) fp32 on the host, pixels in [0, 1] (others are cut
// off), C 1 or 3, all of one shape. Replaces the file. run_error with the reason when it cannot be written.
void write_image_grid(const std::string& path, const std::vector<torch::Tensor>& rows);

}  // namespace lockstep
