#include "models/model_size.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <limits>

namespace lockstep {

namespace {

// What Python does with `with torch.device("meta")`: while the key is included on a thread, every operator
// that makes a tensor is sent on with its device replaced. The key is LibTorch's own for modes; nothing else
// here includes it.
constexpr c10::DispatchKey kMode = c10::DispatchKey::TESTING_ONLY_GenericMode;

void make_on_meta(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard past_this(kMode);
  const auto& arguments = op.schema().arguments();
  const std::size_t first = stack->size() - arguments.size();
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].name() == "device") (*stack)[first + i] = c10::Device(c10::kMeta);
  op.callBoxed(stack);
}

}  // namespace

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&make_on_meta>());
}

ModelSize model_size(const RunConfig::Model& config, const ModelInputs& inputs) {
  ModelSize size;
  try {
    const c10::impl::IncludeDispatchKeyGuard on_meta(kMode);
    const std::shared_ptr<Model> model = make_model(config, inputs, /*seed=*/0);
    for (const torch::Tensor& p : model->parameters()) {
      size.value_bytes += static_cast<double>(p.numel()) * static_cast<double>(p.element_size());
      if (p.requires_grad()) size.parameters += static_cast<double>(p.numel());
    }
    for (const torch::Tensor& b : model->buffers())
      size.value_bytes += static_cast<double>(b.numel()) * static_cast<double>(b.element_size());
  } catch (const c10::Error&) {
    // Without memory only a size can be wrong: its product leaves 64 bits.
    size.parameters = size.value_bytes = std::numeric_limits<double>::infinity();
  }
  return size;
}

}  // namespace lockstep
