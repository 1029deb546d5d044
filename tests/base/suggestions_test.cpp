#include "base/suggestions.hpp"

#include "support/catch.hpp"

using lockstep::did_you_mean;
using lockstep::nearest;

namespace {
const std::vector<std::string> kKeys = {
    "data.validation",      "training.epochs",       "training.steps",           "training.global_batch",
    "training.micro_batch", "training.optimizer.lr", "parallel.first_bucket_mb", "parallel.bucket_mb"};
}

TEST_CASE("a typo names the key it is a typo of") {
  CHECK(nearest("training.epohcs", kKeys) == "training.epochs");
  CHECK(nearest("traning.epochs", kKeys) == "training.epochs");
  CHECK(nearest("training.Epoch", kKeys) == "training.epochs");
  CHECK(nearest("parallel.buckets_mb", kKeys) == "parallel.bucket_mb");
  CHECK(nearest("parallel.bucket-mb", kKeys) == "parallel.bucket_mb");
}

TEST_CASE("the right key in the wrong section is found") {
  CHECK(nearest("training.lr", kKeys) == "training.optimizer.lr");
  CHECK(nearest("validation", kKeys) == "data.validation");
}

TEST_CASE("a shared word is enough") {
  CHECK(nearest("training.batchsize", kKeys) == "training.global_batch");
  CHECK(nearest("training.batch_size", kKeys) == "training.global_batch");
  CHECK(nearest("batch", kKeys) == "training.global_batch");
}

TEST_CASE("plain words and flags") {
  CHECK(nearest("transfomer", {"mlp", "cnn", "transformer"}) == "transformer");
  CHECK(nearest("--dry_run", {"--config", "--dry-run"}) == "--dry-run");
  CHECK(nearest("fashion-mnist", {"mnist", "fashion_mnist"}) == "fashion_mnist");
}

TEST_CASE("nothing close, no suggestion") {
  CHECK(nearest("training.banana", kKeys).empty());
  CHECK(nearest("", kKeys).empty());
  CHECK(nearest("x", {"y"}).empty());
  CHECK(nearest("word", {}).empty());
  CHECK(did_you_mean("training.banana", kKeys).empty());
  CHECK(did_you_mean("training.epohcs", kKeys) == "; did you mean 'training.epochs'?");
}
