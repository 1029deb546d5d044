// Text that is not YAML, and YAML that costs more than it is worth.
#include "given.hpp"
#include "support/catch.hpp"

using given::kMinimal;
using given::refusal;

TEST_CASE("not YAML: line and column in one line") {
  CHECK(refusal("model: {name: mlp\n") == "x.yaml:2:1: not YAML: end of map flow not found");
  CHECK(refusal(kMinimal + "  accumulate: 2: 3\n") == "x.yaml:9:16: not YAML: illegal map value");
  CHECK(refusal(kMinimal + "---\nmodel: {name: cnn}\n") ==
        "x.yaml:9: a second YAML document begins; a configuration is one");
  // Text that yaml-cpp takes for one empty document after another, without an end.
  CHECK(refusal(",\n") == "x.yaml:1:1: not YAML: unexpected text");
  CHECK(refusal("# A comment.\n--- , a\n") == "x.yaml:2:5: not YAML: unexpected text");
  CHECK(refusal("\"model\", data\n") == "x.yaml:1:8: not YAML: unexpected text");
  CHECK(refusal("\"model\" data\n").starts_with("x.yaml:1:"));
  CHECK(refusal(kMinimal, {"run.name=,"}) == "--set: the value of 'run.name=,' is not YAML: unexpected text");
  CHECK(refusal(kMinimal, {"run.name=\"a\", b"}).ends_with("is not YAML: unexpected text"));
  CHECK(refusal(kMinimal, {"training.target=[0.8"}) ==
        "--set: the value of 'training.target=[0.8' is not YAML: end of sequence flow not found");
  for (const std::string& yaml :
       {std::string("a: *b\n"), std::string("a: &a {b: *a}\n"), std::string("\x01\xff\xfe", 3),
        std::string(5000, '['), std::string("a: !!int x\n"), std::string("%YAML 9\n---\n"),
        std::string("\0\0", 2)}) {
    CAPTURE(yaml);
    const std::string message = refusal(yaml);
    CHECK(message.starts_with("x.yaml:"));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("bombs cost neither time nor memory") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  CHECK(refusal(bomb) == "x.yaml:1: unknown key 'a0'");
  // Where a list is allowed, too: it is looked at to its first item.
  CHECK(refusal(bomb.substr(0, 0) + "model: &m {name: mlp}\ntraining: {target: [&l [1, 2], *l, *l]}\n")
            .ends_with("not a list of lists, maps or empty items"));
  for (const std::string& deep : {std::string(400000, '['), std::string(400000, '{'), [] {
                                    std::string dashes;
                                    for (int i = 0; i < 100000; ++i) dashes += "- ";
                                    return dashes;
                                  }()}) {
    const std::string message = refusal(deep);
    CHECK(message.starts_with("x.yaml:"));
    CHECK(message.ends_with("not YAML: nested too deeply"));
  }
  // Half a kilobyte of memory for each of their letters.
  for (const std::string& item : {std::string("a,"), std::string(","), std::string("{},")}) {
    std::string many = "training: {target: [";
    while (many.size() < 1000000) many += item;
    CHECK(refusal(many + "]}\n").ends_with("not YAML: more than 20000 values"));
  }
  CHECK(refusal(std::string((1 << 20) + 1, '#')) ==
        "x.yaml: is larger than 1048576 bytes, the limit here; give a smaller file");
  for (const std::string& set :
       {std::string(1000, 'x') + ": 1\n", "  accumulate: " + std::string(1000000, 'x') + "\n"}) {
    const std::string message = refusal(kMinimal + set);
    CHECK(message.find("xxx...") != std::string::npos);
    CHECK(message.size() < 300);
  }
  CHECK(refusal(kMinimal + "run: {name: " + std::string(1000000, 'x') + "}\n") == "accepted");
}
