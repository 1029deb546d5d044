#include "tensors/safetensors_header.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"

namespace lockstep {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostDimensions = 64;

// Where in the header the reader is; nothing else has a place in it.
enum class Place { outside, root, texts, tensor, shape, offsets };

// Each function is called for what it is named after, and throws when that is not what the format has here.
class HeaderReader : public Json::json_sax_t {
 public:
  TensorHeader take() {
    if (place_ != Place::outside || !ended_) refuse("is not a JSON object");
    return std::move(header_);
  }

  bool key(string_t& name) override {
    require_plain(name);
    if (place_ == Place::root && !names_.insert(name).second) refuse("has '{}' twice", name);
    if (place_ == Place::texts && header_.texts.count(name) != 0) refuse("has the text '{}' twice", name);
    if (place_ == Place::tensor && !fields_.insert(name).second)
      refuse("has '{}' of tensor '{}' twice", name, tensor().name);
    key_ = name;
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::outside && !ended_) return enter(Place::root);
    if (place_ != Place::root) refuse_form();
    if (key_ == "__metadata__") return enter(Place::texts);
    header_.tensors.push_back({.name = key_, .dtype = {}, .shape = {}});
    fields_.clear();
    return enter(Place::tensor);
  }

  bool end_object() override {
    if (place_ == Place::tensor && fields_ != std::set<std::string>{"data_offsets", "dtype", "shape"})
      refuse("does not give dtype, shape and data_offsets of tensor '{}', and only these", tensor().name);
    if (place_ == Place::root) ended_ = true;
    return enter(place_ == Place::root ? Place::outside : Place::root);
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor) refuse_form();
    if (key_ == "shape") return enter(Place::shape);
    if (key_ != "data_offsets") refuse_form();
    offsets_.clear();
    return enter(Place::offsets);
  }

  bool end_array() override {
    if (place_ == Place::offsets) {
      if (offsets_.size() != 2) refuse("does not give two offsets of tensor '{}'", tensor().name);
      tensor().begin = offsets_[0];
      tensor().end = offsets_[1];
    }
    return enter(Place::tensor);
  }

  bool string(string_t& text) override {
    require_plain(text);
    if (place_ == Place::texts)
      header_.texts[key_] = text;
    else if (place_ == Place::tensor && key_ == "dtype")
      tensor().dtype = text;
    else
      refuse_form();
    return true;
  }

  bool number_unsigned(number_unsigned_t number) override {
    if (place_ == Place::offsets && offsets_.size() < 2)
      offsets_.push_back(number);
    else if (place_ == Place::shape && tensor().shape.size() < kMostDimensions && number <= kMostElements)
      tensor().shape.push_back(static_cast<std::int64_t>(number));
    else
      refuse_form();
    return true;
  }

  bool null() override { refuse_form(); }
  bool boolean(bool) override { refuse_form(); }
  bool number_integer(number_integer_t) override { refuse_form(); }
  bool number_float(number_float_t, const string_t&) override { refuse_form(); }
  bool binary(binary_t&) override { refuse_form(); }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override { refuse("is no JSON"); }

 private:
  static constexpr auto kMostElements = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

  template <typename... Args>
  [[noreturn]] static void refuse(fmt::format_string<Args...> format, Args&&... args) {
    throw input_error("its header {}", fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] static void refuse_form() { refuse("has what the format has no place for"); }

  static void require_plain(const std::string& text) {
    if (!is_plain(text)) refuse("has a control character in a name or a text");
  }

  bool enter(Place place) {
    place_ = place;
    return true;
  }
  TensorPlace& tensor() { return header_.tensors.back(); }

  TensorHeader header_;
  Place place_ = Place::outside;
  bool ended_ = false;
  std::string key_;
  std::set<std::string> names_, fields_;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; });
}

std::string plain_text(std::string_view text) {
  std::string plain(text);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return plain;
}

std::string json_string(const std::string& text) { return Json(text).dump(); }

TensorHeader parse_header_json(std::string_view json) {
  HeaderReader reader;
  Json::sax_parse(json.begin(), json.end(), &reader);
  return reader.take();
}

}  // namespace lockstep
