#include "train/state_dict.hpp"

#include <fmt/ranges.h>

#include <map>
#include <regex>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "tensors/tensor_file.hpp"
#include "train/tensor_types.hpp"

namespace lockstep {

namespace {

struct NamedValues {
  std::string here, there;
  torch::Tensor values;
};

std::regex compiled(const TensorRule& rule) {
  try {
    return std::regex(rule.here, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw input_error("the rule '{}' is not a regular expression: {}", rule.here, error.what());
  }
}

torch::Tensor ordered(const std::string& here, const torch::Tensor& values, const TensorRule& rule) {
  if (rule.order.empty()) return values;
  if (std::set<std::int64_t> dims(rule.order.begin(), rule.order.end());
      std::ssize(dims) != values.dim() || std::ssize(rule.order) != values.dim() || *dims.begin() != 0 ||
      *dims.rbegin() != values.dim() - 1)
    throw input_error("the rule for '{}' orders [{}], and it has {} dimensions", here,
                      fmt::join(rule.order, ", "), values.dim());
  return values.permute(rule.order);
}

std::vector<NamedValues> named_values(const torch::nn::Module& module, const TensorRules& rules) {
  std::vector<std::pair<std::regex, const TensorRule*>> compiled_rules;
  for (const TensorRule& rule : rules) compiled_rules.emplace_back(compiled(rule), &rule);
  std::vector<NamedValues> all;
  const auto add = [&](const std::string& here, const torch::Tensor& values) {
    std::smatch match;
    for (const auto& [pattern, rule] : compiled_rules) {
      if (!std::regex_match(here, match, pattern)) continue;
      if (!rule->there.empty())
        all.push_back({here, match.format(rule->there), ordered(here, values.detach(), *rule)});
      return;
    }
    all.push_back({here, here, values.detach()});
  };
  for (const auto& p : module.named_parameters()) add(p.key(), p.value());
  for (const auto& b : module.named_buffers()) add(b.key(), b.value());
  return all;
}

std::string described(const std::string& type, c10::IntArrayRef shape) {
  return fmt::format("{} [{}]", type, fmt::join(shape, ", "));
}

const TensorPlace& place_of(const TensorFile& file, const NamedValues& named) {
  const TensorPlace* const place = file.find(named.there);
  if (place == nullptr)
    throw input_error("{}: has no tensor '{}', for '{}' of the module; give a rule for its name", file.path(),
                      named.there, named.here);
  const std::string here = described(type_name(named.here, named.values.scalar_type()), named.values.sizes());
  if (const std::string there = described(place->dtype, place->shape); here != there)
    throw input_error("{}: tensor '{}' is {}, '{}' of the module is {}", file.path(), named.there, there,
                      named.here, here);
  return *place;
}

void require_all_taken(const TensorFile& file, const std::set<std::string>& taken) {
  for (const TensorPlace& place : file.header().tensors)
    if (!taken.contains(place.name))
      throw input_error(
          "{}: the module has nothing called '{}'; give a rule for the name, or leave the tensor "
          "out of the file",
          file.path(), place.name);
}

}  // namespace

void load_state_dict(torch::nn::Module& module, const std::string& path, const TensorRules& rules) {
  const torch::NoGradGuard no_grad;
  const TensorFile file(path, Checksums::where_there);
  const std::vector<NamedValues> all = named_values(module, rules);
  std::set<std::string> taken;
  std::vector<torch::Tensor> read;
  for (const NamedValues& named : all) {
    const TensorPlace& place = place_of(file, named);
    read.push_back(torch::empty(named.values.sizes(), torch::dtype(named.values.scalar_type())));
    file.read(place, read.back().data_ptr());
    taken.insert(place.name);
  }
  require_all_taken(file, taken);
  for (std::size_t i = 0; i < all.size(); ++i) torch::Tensor(all[i].values).copy_(read[i]);
}

void save_state_dict(const torch::nn::Module& module, const std::string& path, const TensorRules& rules) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> memory;
  std::vector<TensorBytes> tensors;
  std::map<std::string, const NamedValues*> written;
  const std::vector<NamedValues> all = named_values(module, rules);
  for (const NamedValues& named : all) {
    const auto [first, is_new] = written.emplace(named.there, &named);
    if (!is_new && first->second->values.data_ptr() != named.values.data_ptr())
      throw input_error("'{}' and '{}' of the module would both be called '{}' in {}; change the rules",
                        first->second->here, named.here, named.there, path);
    if (!is_new) continue;  // tied weights, once
    const torch::Tensor host = memory.emplace_back(named.values.cpu().contiguous());
    tensors.push_back({named.there,
                       type_name(named.here, host.scalar_type()),
                       host.sizes().vec(),
                       {static_cast<const char*>(host.const_data_ptr()), host.nbytes()}});
  }
  write_tensor_file(path, std::move(tensors), {{"format", "pt"}});
}

}  // namespace lockstep
