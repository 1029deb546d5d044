// TF32: whether cuBLAS and cuDNN may round what fp32 products multiply to 10 bits of mantissa.
#pragma once

namespace lockstep {

// For all fp32 products of this process on CUDA devices: matrix products, convolutions, recurrent layers.
// LibTorch by itself allows it in the latter two and not in the first.
void allow_tf32(bool allow);

}  // namespace lockstep
