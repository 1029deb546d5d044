#include "analysis/import/json_file.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kMostValues = 2'000'000;  // each takes up to 80 bytes of memory, for 2 in the file

// Outside of strings, and on the same lines as before.
std::string without_non_finite(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  bool quoted = false;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t taken = 1;
    if (!quoted)
      for (const std::string_view word : {"NaN", "-Infinity", "Infinity"})
        if (text.substr(at, word.size()) == word) taken = word.size();
    if (taken > 1) {
      out += "null";
    } else {
      if (text[at] == '"') quoted = !quoted;
      if (quoted && text[at] == '\\') taken = std::min<std::size_t>(2, text.size() - at);
      out += text.substr(at, taken);
    }
    at += taken;
  }
  return out;
}

// Builds the tree. The library's own builder looks each new key up among all earlier ones of its object, and
// does not report duplicates.
class TreeMaker : public Json::json_sax_t {
 public:
  TreeMaker(std::string_view text, const std::string& source) : text_(text), source_(source) {}
  Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(Json::number_integer_t value) override { return add(value); }
  bool number_unsigned(Json::number_unsigned_t value) override { return add(value); }
  bool number_float(Json::number_float_t value, const Json::string_t&) override { return add(value); }
  bool string(Json::string_t& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }  // no JSON text holds any
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool key(Json::string_t& name) override {
    members_of(*open_.back()).emplace_back(std::move(name), nullptr);
    return true;
  }
  bool end_object() override {
    require_different_keys();
    open_.pop_back();
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override {
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(position, text_.size()));
    throw input_error("{}:{}: not JSON: {}", source_, 1 + std::count(text_.begin(), end, '\n'),
                      json_complaint(error));
  }

 private:
  using Members = Json::object_t::Container;  // of which an object is a list that looks keys up
  static Members& members_of(Json& object) { return object.get_ref<Json::object_t&>(); }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() == kDeepest)
      throw input_error("{}: {}: nested too deeply; {} levels are read here", source_, pointer(), kDeepest);
    open_.push_back(&place(std::move(value)));
    return true;
  }

  Json& place(Json value) {
    if (++values_ > kMostValues)
      throw input_error("{}: has more than {} values, the limit here", source_, kMostValues);
    if (open_.empty()) return root_ = std::move(value);
    Json& parent = *open_.back();
    if (parent.is_object()) return members_of(parent).back().second = std::move(value);
    parent.get_ref<Json::array_t&>().push_back(std::move(value));
    return parent.back();
  }

  void require_different_keys() const {
    std::vector<std::string_view> keys;
    for (const auto& member : members_of(*open_.back())) keys.emplace_back(member.first);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end())
      throw input_error("{}: {}: the key '{}' occurs twice in one object", source_, pointer(), *twice);
  }

  // Of the place that is read, as RFC 6901 writes it but for its escapes: /results/0.
  std::string pointer() const {
    std::string out;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i)
      out += "/" + (open_[i]->is_object() ? members_of(*open_[i]).back().first
                                          : std::to_string(open_[i]->size() - 1));
    return out.empty() ? "/" : out;
  }

  std::string_view text_;
  const std::string& source_;
  Json root_;
  std::vector<Json*> open_;  // containers that the place is in; an open one's parent does not grow
  std::size_t values_ = 0;
};

}  // namespace

std::string json_complaint(const Json::exception& error) {
  const std::string what = error.what();
  const std::size_t end = what.find("] ");
  std::string reason = end == std::string::npos ? what : what.substr(end + 2);
  if (!reason.starts_with("parse error at ")) return reason;
  const std::size_t place = reason.find(": ");
  return place == std::string::npos ? reason : reason.substr(place + 2);
}

Json parse_json(const std::string& text, const std::string& source) {
  const std::string json = without_non_finite(text);
  TreeMaker tree(json, source);
  Json::sax_parse(json, &tree);
  return tree.take();
}

}  // namespace lockstep
