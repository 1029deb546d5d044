// Bad configurations, each with the exact line the user sees.
#include "given.hpp"
#include "support/catch.hpp"

using given::kMinimal;
using given::refusal;

TEST_CASE("unknown keys name the nearest") {
  CHECK(refusal(kMinimal + "  batchsize: 64\n") ==
        "x.yaml:9: unknown key 'training.batchsize'; did you mean 'training.global_batch'?");
  CHECK(refusal(kMinimal + "  lr: 0.1\n") ==
        "x.yaml:9: unknown key 'training.lr'; did you mean 'training.optimizer.lr'?");
  CHECK(refusal(kMinimal + "paralel: {overlap: true}\n") ==
        "x.yaml:9: unknown key 'paralel'; did you mean 'parallel'?");
  CHECK(refusal(kMinimal + "banana: 1\n") == "x.yaml:9: unknown key 'banana'");
  CHECK(refusal(kMinimal, {"training.epohcs=4"}) ==
        "--set: unknown key 'training.epohcs'; did you mean 'training.epochs'?");
}

TEST_CASE("values that no choice has") {
  CHECK(refusal(kMinimal, {"parallel.backend=gloo"}) ==
        "--set: 'parallel.backend' must be auto, mpi, shm, nccl or sim, not 'gloo'");
  CHECK(
      refusal(kMinimal, {"parallel.ablation=no_com"}) ==
      "--set: 'parallel.ablation' must be none, no_comm or comm_only, not 'no_com'; did you mean 'no_comm'?");
  CHECK(refusal(kMinimal, {"parallel.algorithm=ring"}) ==
        "--set: 'parallel.algorithm' must be all_reduce or parameter_server, not 'ring'");
  CHECK(refusal(kMinimal, {"parallel.partition=[0, 2]"}) ==
        "--set: 'parallel.partition' must be published, even, auto or a list of layers per stage, not the "
        "list [0, 2]");
}

TEST_CASE("values of the wrong type") {
  const auto with_epochs = [](const std::string& value) {
    return refusal(
        "model: {name: mlp}\ndata: {name: mnist}\ntraining:\n  global_batch: 64\n  epochs: " + value + "\n");
  };
  CHECK(with_epochs("three") ==
        "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not 'three'");
  CHECK(with_epochs("0") == "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not '0'");
  CHECK(with_epochs("-3") ==
        "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not '-3'");
  CHECK(with_epochs("2.5") ==
        "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not '2.5'");
  CHECK(with_epochs("3 epochs") ==
        "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not '3 epochs'");
  CHECK(with_epochs("\"3\"") ==
        "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not the text \"3\"");
  CHECK(with_epochs("[3]") ==
        "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not the list [3]");
  CHECK(with_epochs("{a: 3}") ==
        "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not a map");
  CHECK(with_epochs("") == "x.yaml:5: 'training.epochs' must be a whole number from 1 to 1000000, not empty");
  CHECK(with_epochs("99999999999999999999").starts_with("x.yaml:5: 'training.epochs' must be"));
  CHECK(refusal(kMinimal, {"parallel.sync_batchnorm=yes"}) ==
        "--set: 'parallel.sync_batchnorm' must be true or false, not 'yes'");
  CHECK(refusal(kMinimal, {"parallel.overlap=yes"}) ==
        "--set: 'parallel.overlap' must be auto, true, false or thread, not 'yes'");
  CHECK(refusal(kMinimal, {"training.optimizer.lr=0"}) ==
        "--set: 'training.optimizer.lr' must be a number from 1e-30 to 1000000, not '0'");
  CHECK(refusal(kMinimal, {"training.optimizer.lr=nan"}) ==
        "--set: 'training.optimizer.lr' must be a number from 1e-30 to 1000000, not 'nan'");
  CHECK(refusal(kMinimal, {"data.validation=1"}) ==
        "--set: 'data.validation' must be a number >= 0 and < 1, not '1'");
  CHECK(refusal(kMinimal, {"run.seed=-1"}) ==
        "--set: 'run.seed' must be a whole number from 0 to 18446744073709551615, not '-1'");
  for (const char* value : {"-1", "1e300", "never"})
    CHECK(refusal(kMinimal, {std::string("parallel.timeout_s=") + value}) ==
          std::string("--set: 'parallel.timeout_s' must be a number from 0 to 10000000, not '") + value +
              "'");
  CHECK(refusal(kMinimal, {"parallel.threads=many"}) ==
        "--set: 'parallel.threads' must be auto or a whole number from 1 to 65536, not 'many'");
  CHECK(refusal(kMinimal, {"training.target=0.85"}) ==
        "--set: 'training.target' must be a list of numbers from -1e+30 to 1e+30, not '0.85'");
  CHECK(refusal(kMinimal, {"training.target=[0.85, high]"}) ==
        "--set: 'training.target' must be a list of numbers from -1e+30 to 1e+30, not the list [0.85, high]");
  CHECK(refusal(kMinimal, {"training.target=[[1]]"}) ==
        "--set: 'training.target' must be a list of numbers from -1e+30 to 1e+30, not a list of lists, maps "
        "or empty items");
  CHECK(refusal(kMinimal, {"data.shape=[28, 28]"}) ==
        "--set: 'data.shape' must be a list of three whole numbers from 1 to 65536, not the "
        "list [28, 28]");
  CHECK(
      refusal(kMinimal, {"data.languages=[de, de]"}) ==
      "--set: 'data.languages' must be a list of two different languages, [from, to], not the list [de, de]");
  CHECK(refusal(kMinimal, {"data.languages=[de, ../en]"}) ==
        "--set: 'data.languages' must be a list of two different languages, [from, to], not the list [de, "
        "../en]");
  CHECK(refusal(kMinimal, {"data.rotation=181"}) ==
        "--set: 'data.rotation' must be a number from 0 to 180, not '181'");
  CHECK(refusal(kMinimal, {"data.test_share=0"}) ==
        "--set: 'data.test_share' must be a number > 0 and < 1, not '0'");
  CHECK(refusal(kMinimal, {"training.optimizer.name=adamm"}) ==
        "--set: 'training.optimizer.name' must be sgd, adam or adamw, not 'adamm'; did you mean 'adam'?");
  CHECK(refusal(kMinimal, {"run.name=\"\""}) == "--set: 'run.name' must be a text, not the text \"\"");
}

TEST_CASE("a value where a map is wanted, and the reverse") {
  CHECK(refusal(kMinimal + "  schedule: cosine\n") ==
        "x.yaml:9: 'training.schedule' must be a map with the keys name, warmup_steps, not 'cosine'");
  CHECK(refusal("just words\n") ==
        "x.yaml:1: a configuration must be a map of sections (run, model, data, training, ...), not 'just "
        "words'");
  CHECK(refusal("- a\n- b\n") ==
        "x.yaml:1: a configuration must be a map of sections (run, model, data, training, ...), not the list "
        "[a, b]");
  CHECK(refusal(kMinimal, {"model.hidden={a: 1}"}) ==
        "--set: 'model.hidden' must be a value or a list, not a map");
  CHECK(refusal(kMinimal + "? [a, b]\n: 1\n") == "x.yaml:9: a key must be a word, not a list or a map");
}

TEST_CASE("a key given twice") {
  CHECK(refusal(kMinimal + "  epochs: 4\n") ==
        "x.yaml:9: duplicate key 'training.epochs'; first given at line 7");
  CHECK(refusal(kMinimal + "training: {epochs: 4}\n") ==
        "x.yaml:9: duplicate key 'training.epochs'; first given at line 7");
  CHECK(refusal("model: {name: mlp, width: 1, width: 2}\n") ==
        "x.yaml:1: duplicate key 'model.width'; first given at line 1");
}

TEST_CASE("--set without key or value") {
  for (const std::string set : {"training.epochs", "=3", "training.epochs=", ""})
    CHECK(refusal(kMinimal, {set}) ==
          "--set: '" + set + "' must be written key=value, for example training.epochs=3");
}

TEST_CASE("files that cannot be read") {
  const auto of = [](const std::string& path) -> std::string {
    try {
      lockstep::load_config(path, {});
    } catch (const lockstep::Error& e) {
      return e.what();
    }
    return "accepted";
  };
  CHECK(of("no/such/file.yaml") == "no/such/file.yaml: cannot be read: No such file or directory");
  CHECK(of("/") == "/: is a folder; give a YAML file");
}

TEST_CASE("what every configuration needs") {
  CHECK(refusal("") == "x.yaml: 'model.name' is missing; give the model to train");
  CHECK(refusal("model: {name: mlp}\n") == "x.yaml: 'data.name' is missing; give the data set to train on");
  CHECK(refusal(kMinimal, {"training.epochs=null"}) ==
        "x.yaml: 'training.epochs' or 'training.steps' is missing; give exactly one of the two");
  CHECK(refusal(kMinimal, {"training.global_batch=null"}) ==
        "x.yaml: 'training.global_batch' or 'training.micro_batch' is missing; give exactly one of the two");
}

TEST_CASE("keys that contradict each other name both places") {
  CHECK(refusal(kMinimal + "  micro_batch: 8\n") ==
        "x.yaml:8: 'training.global_batch' and x.yaml:9: 'training.micro_batch' are both given; keep one of "
        "the two "
        "('--set training.global_batch=null' removes one)");
  CHECK(refusal(kMinimal, {"training.steps=5"}) ==
        "x.yaml:7: 'training.epochs' and --set: 'training.steps' are both given; keep one of the two ('--set "
        "training.epochs=null' removes one)");
}

TEST_CASE("optimizer keys that do not go together") {
  CHECK(refusal(kMinimal, {"training.optimizer.momentum=0.9"}) ==
        "--set: 'training.optimizer.momentum' is for the optimizer sgd only; leave it out, or set "
        "training.optimizer.name to sgd");
  CHECK(refusal(kMinimal, {"training.optimizer={name: sgd, nesterov: true}"}) ==
        "--set: 'training.optimizer.nesterov' needs the optimizer sgd with momentum > 0; set "
        "training.optimizer.momentum, for example to 0.9");
  CHECK(refusal(kMinimal, {"training.optimizer={name: sgd, beta2: 0.99}"}) ==
        "--set: 'training.optimizer.beta2' is for adam and adamw only; leave it out, or set "
        "training.optimizer.name "
        "to one of them");
  CHECK(refusal(kMinimal, {"training.optimizer={name: sgd, momentum: 0.9, nesterov: true}"}) == "accepted");
}

TEST_CASE("steps, buckets, devices and scaling that do not go together") {
  const std::vector<std::string> ten_steps = {"training.epochs=null", "training.steps=10"};
  auto with = [&](const std::string& set) {
    std::vector<std::string> sets = ten_steps;
    sets.push_back(set);
    return refusal(kMinimal, sets);
  };
  CHECK(with("training.schedule.warmup_steps=10") ==
        "--set: 'training.schedule.warmup_steps' is 10, but the run has 10 steps; it must be smaller");
  CHECK(with("measure.warmup=10") ==
        "--set: 'measure.warmup' is 10, but the run has 10 steps; none would be left to measure");
  CHECK(with("training.schedule.warmup_steps=9") == "accepted");
  CHECK(refusal(kMinimal, {"parallel.bucket_mb=0.5"}) ==
        "'parallel.first_bucket_mb' is 1, more than parallel.bucket_mb, 0.5; make it at most that");
  CHECK(refusal(kMinimal, {"parallel.bucket_mb=auto", "parallel.first_bucket_mb=300"}) == "accepted");
  CHECK(refusal(kMinimal, {"parallel.overlap=perhaps"}) ==
        "--set: 'parallel.overlap' must be auto, true, false or thread, not 'perhaps'");
  CHECK(refusal(kMinimal, {"parallel.bucket_mb=0"}) ==
        "--set: 'parallel.bucket_mb' must be auto or a number from 1e-06 to 1000000, not '0'");
  CHECK(refusal(kMinimal, {"parallel.device=cpu", "parallel.backend=nccl"}) ==
        "--set: 'parallel.backend' is nccl, which moves data between GPUs, but parallel.device is cpu; take "
        "the "
        "backend mpi");
  CHECK(refusal(kMinimal, {"measure.scaling=weak"}) ==
        "--set: 'measure.scaling' is weak, which keeps the batch of each rank; give training.micro_batch "
        "instead of "
        "training.global_batch");
}

TEST_CASE("a simulated link needs the back end sim, and a slow rank both its keys") {
  for (const std::string set :
       {"latency_us=5", "gbps=10", "jitter_us=1", "slow_rank=0", "slow_factor=2", "slow_phase=data"}) {
    const std::string key = "parallel.link." + set.substr(0, set.find('='));
    CHECK(refusal(kMinimal, {"parallel.link." + set}) ==
          "--set: '" + key + "' is for the back end sim only; leave it out, or set parallel.backend to sim");
  }
  CHECK(refusal(kMinimal, {"parallel.link={latency_us: 0, gbps: 0, slow_rank: -1, slow_factor: 1}"}) ==
        "accepted");
  const std::string sim = "parallel.backend=sim";
  CHECK(refusal(kMinimal, {sim, "parallel.link={latency_us: 50, gbps: 10, jitter_us: 3}"}) == "accepted");
  CHECK(refusal(kMinimal, {sim, "parallel.link={slow_rank: 1, slow_factor: 1.5}"}) == "accepted");
  CHECK(
      refusal(kMinimal, {sim, "parallel.link.slow_factor=2"}) ==
      "--set: 'parallel.link.slow_factor' is 2, but no rank is slow; name one with parallel.link.slow_rank");
  CHECK(refusal(kMinimal, {sim, "parallel.link.slow_rank=1"}) ==
        "--set: 'parallel.link.slow_rank' is 1, but parallel.link.slow_factor is 1, which slows nothing; "
        "make it "
        "larger");
  CHECK(refusal(kMinimal, {sim, "parallel.link.slow_factor=0.5"}) ==
        "--set: 'parallel.link.slow_factor' must be a number from 1 to 10000, not '0.5'");
  CHECK(refusal(kMinimal, {sim, "parallel.link.latency_us=-1"}) ==
        "--set: 'parallel.link.latency_us' must be a number from 0 to 1000000000, not '-1'");
}

TEST_CASE("an ablation saves nothing and measures gradients alone") {
  CHECK(refusal(kMinimal, {"parallel.ablation=no_comm"}) == "accepted");
  CHECK(refusal(kMinimal, {"parallel.ablation=no_comm", "checkpoint.every_epochs=1"}) ==
        "--set: 'parallel.ablation' leaves parts of the training out, so there is nothing to save; set "
        "checkpoint.every_epochs to 0");
  CHECK(
      refusal(kMinimal, {"parallel.ablation=no_comm", "parallel.overlap=auto"}) ==
      "--set: 'parallel.overlap': with parallel.ablation nothing is tried; give the value that the run with "
      "the whole step has chosen");
  CHECK(
      refusal(kMinimal, {"parallel.ablation=comm_only", "parallel.bucket_mb=auto"}) ==
      "--set: 'parallel.bucket_mb': with parallel.ablation nothing is tried; give the value that the run with "
      "the whole step has chosen");
  CHECK(
      refusal(kMinimal, {"parallel.ablation=comm_only", "parallel.sync_batchnorm=true"}) ==
      "--set: 'parallel.ablation' is about gradients alone, and parallel.sync_batchnorm communicates in the "
      "forward pass; set it to false");
}

TEST_CASE("a batch that the ranks cannot share names place, numbers and remedy") {
  const auto of = [](const std::vector<std::string>& sets, int ranks) -> std::string {
    const auto config = given::load(kMinimal, sets);
    try {
      config.global_batch(ranks);
    } catch (const lockstep::Error& e) {
      return std::string(e.what()).substr(config.given.at("training.global_batch").file.size());
    }
    return "accepted";
  };
  CHECK(
      of({}, 3) ==
      ":8: 'training.global_batch' is 64, which 3 ranks x accumulate 1 do not divide evenly; take 63 or 66");
  CHECK(of({"training.accumulate=5"}, 1) ==
        ":8: 'training.global_batch' is 64, which 1 rank x accumulate 5 do not divide evenly; take 60 or 65");
  CHECK(of({}, 100) ==
        ":8: 'training.global_batch' is 64, which 100 ranks x accumulate 1 do not divide evenly; take 100");
  CHECK(of({}, 8) == "accepted");
}

TEST_CASE("numbers that readers of YAML take differently, or that are none") {
  const auto of = [](const std::string& value) {
    return refusal(kMinimal, {"training.accumulate=" + value});
  };
  for (const std::string value : {"010", "+010", "00", "0_1"})
    CHECK(of(value).find("which some YAML parsers read as octal; write ") != std::string::npos);
  CHECK(refusal(kMinimal + "  accumulate: 010\n") ==
        "x.yaml:9: 'training.accumulate' is 010, which some YAML parsers read as octal; write 10");
  CHECK(refusal(kMinimal, {"model.hidden=[064, 32]"}) ==
        "--set: 'model.hidden' is 064, which some YAML parsers read as octal; write 64");
  for (const std::string value :
       {"0x20", "0o10", "0b1", "1:30", "3_2", "32.0", "1e3", ".inf", ".nan", "2^5", "\xef\xbc\x93"}) {
    CAPTURE(value);
    CHECK(of(value).starts_with("--set: 'training.accumulate' must be a whole number from 1 to 65536, not '" +
                                value));
  }
  for (const std::string value :
       {"inf", ".inf", "-.inf", "nan", ".NaN", "1e400", "1e-400", "1e-31", "-0.0", "1:30.5"})
    CHECK(refusal(kMinimal, {"training.optimizer.lr=" + value})
              .starts_with("--set: 'training.optimizer.lr' must be a number from"));
  CHECK(refusal(kMinimal, {"run.seed=18446744073709551616"})
            .starts_with("--set: 'run.seed' must be a whole number from 0 to 18446744073709551615"));
  CHECK(refusal(kMinimal, {"run.seed=18446744073709551615"}) == "accepted");
  CHECK(refusal(kMinimal, {"run.seed=0"}) == "accepted");
}

TEST_CASE("every number has bounds, and says which") {
  for (const std::string set :
       {"data.samples=1000000000000000", "data.shape=[1000000, 1000000, 1000000]",
        "training.epochs=1000000000000000000", "training.global_batch=9000000000000000000",
        "parallel.bucket_mb=1e-300", "parallel.first_bucket_mb=1e300", "data.vocabulary=2147483648",
        "data.max_length=2147483648", "parallel.threads=100000", "training.grad_clip=1e300",
        "training.optimizer.weight_decay=1e300", "training.optimizer.eps=1e-300",
        "training.steps=9000000000000000000", "training.schedule.warmup_steps=9000000000000000000",
        "checkpoint.keep=9000000000000000000", "parallel.micro_batches=1000000",
        "parallel.partition=[9000000000000000000]", "training.target=[1e300]", "data.classes=2147483648"}) {
    CAPTURE(set);
    const std::string message = refusal(kMinimal, {set}), key = set.substr(0, set.find('='));
    CHECK(message.starts_with("--set: '" + key + "' must be "));
    CHECK(message.find_first_of("0123456789") != std::string::npos);
  }
  for (const std::string set :
       {"latency_us=1e300", "jitter_us=1e10", "gbps=1e-300", "gbps=1e300", "slow_factor=1e300"})
    CHECK(refusal(kMinimal, {"parallel.backend=sim", "parallel.link." + set})
              .starts_with("--set: 'parallel.link." + set.substr(0, set.find('=')) + "' must be a number "));
}

TEST_CASE("no, as a cache, is none") {
  for (const std::string word : {"no", "No", "off", "false", "none"})
    CHECK(given::load(kMinimal, {"data.cache=" + word}).data.cache == "none");
  CHECK(given::load(kMinimal, {"data.cache=\"no\""}).data.cache == "no");
  CHECK(refusal(kMinimal, {"data.cache=yes"}) == "--set: 'data.cache' must be a folder, or none, not 'yes'");
}

TEST_CASE("Norway is a language") {
  const std::string file = kMinimal.substr(0, kMinimal.find("training"));
  for (const auto& config : {given::load(file + "  languages: [no, en]\n" + kMinimal.substr(file.size())),
                             given::load(kMinimal, {"data.languages=[no, en]"})})
    CHECK(config.data.languages == std::vector<std::string>{"no", "en"});
}

TEST_CASE("anchors and aliases are read, merge keys refused") {
  const auto c = given::load(
      "model: {name: mlp}\ndata: {name: synthetic_images, samples: &n 200, test_samples: *n}\n"
      "training: {epochs: 1, global_batch: *n}\n");
  CHECK(c.data.test_samples == 200);
  CHECK(c.training.global_batch == 200);
  CHECK(refusal(kMinimal + "  <<: {epochs: 4}\n") ==
        "x.yaml:9: merge keys ('<<') are not supported; write the keys out");
  CHECK(refusal("x-defaults: &d {epochs: 1}\n" + kMinimal + "  <<: *d\n")
            .starts_with("x.yaml:1: unknown key 'x-defaults'"));
}

TEST_CASE("look-alikes are told from what they look like") {
  CHECK(refusal(kMinimal + "tr\xd0\xb0ining: {accumulate: 2}\n") ==
        "x.yaml:9: unknown key 'tr\xd0\xb0ining' (with the character U+0430); did you mean 'training'?");
  CHECK(refusal(kMinimal + "  \xc2\xa0"
                           "accumulate: 2\n")
            .find("U+00A0") != std::string::npos);
  CHECK(refusal(kMinimal, {"parallel.backend=\xe2\x80\x9cmpi\xe2\x80\x9d"})
            .find("(with the character U+201C)") != std::string::npos);
  CHECK(refusal(kMinimal, {"training.epochs=\xef\xbc\x93"}).ends_with("(with the character U+FF13)"));
}

TEST_CASE("keys at the wrong level, and more of --set") {
  CHECK(refusal(kMinimal + "epochs: 3\n") ==
        "x.yaml:9: unknown key 'epochs'; did you mean 'training.epochs'?");
  CHECK(refusal(kMinimal + "  parallel: {threads: 1}\n") ==
        "x.yaml:9: unknown key 'training.parallel'; did you mean 'parallel'?");
  CHECK(refusal(kMinimal + "parallel: [threads, 1]\n")
            .starts_with("x.yaml:9: 'parallel' must be a map with the keys device, "));
  CHECK(refusal(kMinimal, {"training.optimizer=adam"})
            .starts_with("--set: 'training.optimizer' must be a map"));
  CHECK(refusal(kMinimal, {"training.optimizer=null"})
            .starts_with("--set: 'training.optimizer' must be a map"));
  CHECK(refusal(kMinimal, {"run.name=#1"}) == "--set: the value of 'run.name=#1' must be one YAML value");
  CHECK(refusal(kMinimal, {"run.name=a\n---\nb"}) ==
        "--set: the value of 'run.name=a\\n---\\nb' must be one YAML value");
  CHECK(refusal(kMinimal, {"run.name=a", "run.name=b"}) == "accepted");
  CHECK(refusal(kMinimal, {"data.shape=[1, ~, 2]"}).ends_with("not a list of lists, maps or empty items"));
}
