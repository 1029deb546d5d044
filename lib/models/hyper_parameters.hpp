// The hyper-parameters of one model: the keys it knows with their defaults, and the values of one run after
// checking what the user gave. Values are YAML text on the way in and out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/run_config.hpp"

namespace lockstep {

struct HyperParameter {
  enum class Kind { integer, integers, real, boolean, choice };

  std::string key;  // without "model."
  Kind kind = Kind::integer;
  std::vector<std::string> defaults;      // YAML text, one a preset, or one for all
  std::string doc;                        // one line
  double least = 1;                       // integer, integers (each entry), real
  double below = 1e9;                     // values are smaller than this
  std::vector<std::string> choices = {};  // choice
};

class HyperParameters {
 public:
  // Defaults of the preset (an index), replaced by what is given. Error(bad_input) naming file and line for
  // an unknown key, a wrong type or a value out of range. `model` is the model's name, for messages.
  HyperParameters(std::string model, std::vector<HyperParameter> known, std::size_t preset,
                  const std::vector<Setting>& given);

  // The value of a known key of that kind; another key is a programming error (std::out_of_range).
  std::int64_t integer(const std::string& key) const;
  std::vector<std::int64_t> integers(const std::string& key) const;
  double real(const std::string& key) const;
  bool boolean(const std::string& key) const;
  const std::string& choice(const std::string& key) const;

  // "configs/x.yaml:5: 'model.heads'", or "'model.heads'" for a default: how messages begin.
  std::string place(const std::string& key) const;

  // Every key with the value used, in the order of the model's table.
  std::vector<Setting> resolved() const;

 private:
  std::string model_;
  std::vector<HyperParameter> known_;
  std::map<std::string, Setting> values_;
};

}  // namespace lockstep
