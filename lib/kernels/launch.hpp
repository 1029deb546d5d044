// What every file of device code shares on the host: the check after a launch. Device code includes no
// LibTorch and nothing that is dear to compile; whoever has tensors wraps it in the layers above.
#pragma once

namespace lockstep::kernels {

// Throws what the launch that was made last on this thread failed with. kernel: its name, for the message.
void check_launch(const char* kernel);

}  // namespace lockstep::kernels
