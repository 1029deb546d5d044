#include "parallel/initial_broadcast.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "comm/comm_observer.hpp"

namespace lockstep {

namespace {

// Tensors are sent together in messages of about this many bytes.
constexpr std::int64_t kMessageBytes = std::int64_t{32} << 20;

std::vector<NamedParameter> buffers_of(const torch::nn::Module& module) {
  std::vector<NamedParameter> buffers;
  for (const auto& item : module.named_buffers())
    if (item.value().defined()) buffers.push_back({item.key(), item.value()});
  return buffers;
}

// Where communication takes place: all parameters are on one device, buffers may be elsewhere.
torch::Device device_of(const std::vector<NamedParameter>& parameters) {
  return parameters.empty() ? torch::Device(torch::kCPU) : parameters.front().tensor.device();
}

std::string described(const NamedParameter& p, bool parameter) {
  const torch::Tensor& t = p.tensor;
  std::string text =
      fmt::format("'{}' ({} [{}]", p.name, c10::toString(t.scalar_type()), fmt::join(t.sizes(), ", "));
  if (t.layout() == torch::kStrided && parameter && !t.is_contiguous())
    text += fmt::format(" with strides [{}]", fmt::join(t.strides(), ", "));
  if (parameter) text += t.requires_grad() ? ", trained" : ", frozen";
  return text + ")";
}

void add_facts(Facts& facts, const std::vector<NamedParameter>& tensors, const std::string& kind) {
  std::unordered_map<const void*, std::size_t> seen;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto [first, is_new] = seen.emplace(tensors[i].tensor.unsafeGetTensorImpl(), i);
    std::string text = described(tensors[i], kind == "parameter");
    if (!is_new) text += fmt::format(", the same tensor as '{}'", tensors[first->second].name);
    facts.emplace_back(fmt::format("{} {}", kind, i), std::move(text));
  }
}

void require_same(const Facts& facts, const torch::Device& device, Communicator& communicator) {
  require_agreement(communicator, device, facts, "the ranks have different modules",
                    "build, freeze and convert the module in the same way on every rank");
}

std::vector<NamedParameter> all_parameters(const torch::nn::Module& module) {
  std::vector<NamedParameter> parameters;
  for (const auto& item : module.named_parameters())
    if (item.value().defined()) parameters.push_back({item.key(), item.value()});
  return parameters;
}

// Without the dimensions along which an expanded tensor repeats itself.
torch::Tensor without_repeats(torch::Tensor tensor) {
  for (std::int64_t d = 0; d < tensor.dim(); ++d)
    if (tensor.stride(d) == 0 && tensor.size(d) > 1) tensor = tensor.narrow(d, 0, 1);
  return tensor;
}

torch::Tensor bytes_of(const torch::Tensor& tensor) {
  return tensor.resolve_conj().resolve_neg().contiguous().reshape({-1}).view(torch::kByte);
}

void set_bytes(torch::Tensor& tensor, const torch::Tensor& bytes) {
  tensor.copy_(bytes.clone().view(tensor.scalar_type()).view(tensor.sizes()));
}

void share_together(std::vector<torch::Tensor>& tensors, const torch::Device& device,
                    Communicator& communicator) {
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& tensor : tensors) parts.push_back(bytes_of(tensor).to(device));
  torch::Tensor message = at::cat(parts);
  observed(communicator, communicator.broadcast(message, 0))->wait();
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < tensors.size(); begin += parts[i++].numel())
    if (communicator.rank() != 0) set_bytes(tensors[i], message.narrow(0, begin, parts[i].numel()));
  tensors.clear();
}

void require_shareable(const NamedParameter& named) {
  if (named.tensor.layout() != torch::kStrided || named.tensor.is_quantized())
    throw input_error("'{}' is sparse or quantised, and cannot be shared with the other ranks; make it dense",
                      named.name);
}

void share(const std::vector<NamedParameter>& tensors, const torch::Device& device,
           Communicator& communicator) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> together;
  std::int64_t bytes = 0;
  for (const NamedParameter& named : tensors) {
    require_shareable(named);
    if (named.tensor.numel() == 0) continue;
    together.push_back(without_repeats(named.tensor));
    bytes += static_cast<std::int64_t>(together.back().nbytes());
    if (bytes < kMessageBytes) continue;
    share_together(together, device, communicator);
    bytes = 0;
  }
  if (!together.empty()) share_together(together, device, communicator);
}

}  // namespace

std::vector<NamedParameter> distinct_parameters(const torch::nn::Module& module) {
  std::vector<NamedParameter> result;
  std::unordered_map<const void*, bool> seen;
  for (NamedParameter& p : all_parameters(module))
    if (seen.emplace(p.tensor.unsafeGetTensorImpl(), true).second) result.push_back(std::move(p));
  return result;
}

void require_same_module(const torch::nn::Module& module, Communicator& communicator) {
  const std::vector<NamedParameter> parameters = all_parameters(module);
  Facts facts;
  add_facts(facts, parameters, "parameter");
  add_facts(facts, buffers_of(module), "buffer");
  require_same(facts, device_of(parameters), communicator);
}

void require_same_parameters(const std::vector<NamedParameter>& parameters, Communicator& communicator) {
  Facts facts;
  add_facts(facts, parameters, "parameter");
  require_same(facts, device_of(parameters), communicator);
}

void share_module(const torch::nn::Module& module, Communicator& communicator) {
  std::vector<NamedParameter> tensors = distinct_parameters(module);
  const torch::Device device = device_of(tensors);
  for (NamedParameter& buffer : buffers_of(module)) tensors.push_back(std::move(buffer));
  share(tensors, device, communicator);
}

void share_buffers(const torch::nn::Module& module, Communicator& communicator) {
  share(buffers_of(module), device_of(all_parameters(module)), communicator);
}

void share_values(const FlatBuckets& buckets, Communicator& communicator) {
  for (const torch::Tensor& values : buckets.values()) communicator.broadcast(values, 0)->wait();
}

}  // namespace lockstep
