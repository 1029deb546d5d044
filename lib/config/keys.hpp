// The one table of keys: name, allowed values, meaning, and how each is read into and written from RunConfig.
// Defaults are RunConfig's own. Private to lib/config.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/run_config.hpp"
#include "config/value.hpp"

namespace lockstep {

inline const std::string kRequired = "required";  // Key::unset of a key that must be given

struct Key {
  std::string name;                  // "training.epochs"
  std::string allowed;               // "a whole number >= 1": the rest of "must be ..."
  std::string doc;                   // one line
  std::string unset;                 // what it means that the key has no value; empty: it always has one
  bool is_text = false;              // free text, quoted in YAML where needed
  std::vector<std::string> choices;  // of an enumeration

  std::function<std::optional<std::string>(const RunConfig&)> get;  // as text; empty: no value
  std::function<bool(RunConfig&, const Value&)> set;                // false: not an allowed value
  std::function<void(RunConfig&)> reset;                            // to the default

  std::string section() const;  // "training.optimizer"
  std::string last() const;     // "name"
};

const std::vector<Key>& keys();
const Key* find_key(const std::string& name);

// "run", "model", ..., "training.optimizer", ...: in the order of the table.
const std::vector<std::string>& sections();
std::string section_doc(const std::string& section);

// For the error messages: the names of all keys.
std::vector<std::string> key_names();

}  // namespace lockstep
