#include "train/tensor_types.hpp"

#include "base/error.hpp"

namespace lockstep {

namespace {

struct TypeName {
  torch::ScalarType type;
  const char* name;
};
constexpr TypeName kTypes[] = {{torch::kFloat64, "F64"}, {torch::kFloat32, "F32"}, {torch::kBFloat16, "BF16"},
                               {torch::kFloat16, "F16"}, {torch::kInt64, "I64"},   {torch::kInt32, "I32"},
                               {torch::kInt16, "I16"},   {torch::kInt8, "I8"},     {torch::kUInt8, "U8"},
                               {torch::kBool, "BOOL"}};

}  // namespace

std::string type_name(const std::string& tensor, torch::ScalarType type) {
  for (const TypeName& known : kTypes)
    if (known.type == type) return known.name;
  throw run_error("'{}' is of type {}, which a checkpoint cannot hold", tensor, c10::toString(type));
}

}  // namespace lockstep
