// Writes JSON text: objects and lists in the order in which they are given. Reads none.
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_list() { return open('['); }
  JsonText& end_list() { return close(']'); }
  JsonText& key(const std::string& name);
  JsonText& text(const std::string& value);
  JsonText& number(double value);  // null when it is not finite
  JsonText& integer(std::int64_t value);
  JsonText& boolean(bool value);
  JsonText& null();
  const std::string& str() const { return out_; }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  JsonText& raw(const std::string& value);
  void separate();  // comma, line and indentation, as the place demands
  std::string out_;
  int depth_ = 0;
  bool first_ = true, after_key_ = false;
};

}  // namespace lockstep
