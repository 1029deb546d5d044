// When a run writes checkpoints, by its keys.
#include "given.hpp"
#include "support/catch.hpp"

using given::kMinimal;
using given::refusal;

TEST_CASE("signals make checkpoints where other keys ask for some, unless on_signal says otherwise") {
  const auto at_signals = [](const std::vector<std::string>& keys) {
    return given::load(kMinimal, keys).checkpoint.at_signals();
  };
  CHECK_FALSE(at_signals({}));
  for (const std::string key : {"every_epochs=1", "every_steps=5", "every_minutes=0.5", "on_signal=true"}) {
    CHECK(at_signals({"checkpoint." + key}));
    CHECK_FALSE(at_signals({"checkpoint." + key, "checkpoint.on_signal=false"}));
  }
  CHECK(at_signals({"checkpoint.every_steps=5", "checkpoint.on_signal=auto"}));
}

TEST_CASE("what checkpoint keys may be") {
  CHECK(refusal(kMinimal, {"checkpoint.every_steps=-1"}) ==
        "--set: 'checkpoint.every_steps' must be a whole number from 0 to 1000000000000, not '-1'");
  CHECK(refusal(kMinimal, {"checkpoint.every_minutes=soon"}) ==
        "--set: 'checkpoint.every_minutes' must be a number from 0 to 1000000, not 'soon'");
  CHECK(refusal(kMinimal, {"checkpoint.on_signal=USR1"}) ==
        "--set: 'checkpoint.on_signal' must be auto or true or false, not 'USR1'");
}

TEST_CASE("an ablation has nothing to save") {
  for (const std::string key : {"every_steps=5", "every_minutes=0.5", "on_signal=true"}) {
    const std::string name = key.substr(0, key.find('='));
    CHECK(refusal(kMinimal, {"parallel.ablation=no_comm", "checkpoint." + key}) ==
          "--set: 'parallel.ablation' leaves parts of the training out, so there is nothing to save; set "
          "checkpoint." +
              name + " to " + (name == "on_signal" ? "false" : "0"));
  }
  CHECK(refusal(kMinimal, {"parallel.ablation=no_comm", "checkpoint.on_signal=false"}) == "accepted");
}
