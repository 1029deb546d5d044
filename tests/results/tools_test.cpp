// A run file read and written by h5py, with nothing of ours.
#include <array>
#include <cstdio>
#include <fstream>

#include "results/run_reader.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

constexpr const char* kRead = R"(
import sys, h5py, numpy
f = h5py.File(sys.argv[1], "r")
assert f.attrs["schema"] == 1 and f.attrs["mode"] == "ddp" and f.attrs["status"] == "complete"
assert f.attrs["valid"] == 1 and f.attrs["invalid_reasons"] == ""
assert f["/config/given"][()].decode().startswith("model: {name: mlp}")
assert f["/config"].attrs["training.global_batch"] == "64"
wall = f["/steps/wall"]
assert wall.shape == (2, 5) and wall.dtype == numpy.float64 and wall.attrs["unit"] == "s"
kinds = f["/comm/kind"].attrs["names"]
assert [kinds[k] for k in f["/comm/kind"][:2]] == ["all_reduce", "broadcast"]
assert [h.decode() for h in f["/env/host"]] == ["h0", "h1"]
assert [d.decode() for d in f["/env/driver"]] == ["", ""]
assert f["/epochs"].attrs["metric"] == "perplexity" and f["/epochs/confusion"].shape == (2, 2, 2)
assert f["/audit/digest"][1, 0] == 2**64 - 1
every = []
f.visititems(lambda name, o: every.append(o) if isinstance(o, h5py.Dataset) else None)
assert every and all("unit" in d.attrs and "about" in d.attrs and d.dtype.names is None for d in every)
)";

// Other types, a boolean, a list of reasons, gzip, no optional path.
constexpr const char* kWrite = R"(
import sys, h5py, numpy
f = h5py.File(sys.argv[1], "w")
f.attrs["schema"] = numpy.int32(1)
for key, value in {"uuid": "u", "mode": "seq", "status": "complete"}.items():
    f.attrs[key] = numpy.bytes_(value)
f.attrs["valid"] = True
f.attrs["invalid_reasons"] = ["one thing", "another"]
for i, name in enumerate("start wall data h2d forward backward comm comm_exposed optimizer other".split()):
    f.create_dataset("/steps/" + name, data=numpy.full((2, 1000), i, "f4"), compression="gzip", shuffle=True)
f["/steps/samples"] = numpy.full((2, 1000), 8, "i8")
f["/steps/epoch"] = numpy.zeros((2, 1000), "u1")
)";

// Every text of the file, decoded strictly: h5py fails on a name that is none.
constexpr const char* kEveryText = R"(
import sys, h5py
f = h5py.File(sys.argv[1], "r")
texts = []
def look(name, o):
    for key, value in o.attrs.items():
        texts.extend([value] if isinstance(value, str) else [v for v in getattr(value, "flat", []) if isinstance(v, str)])
    if isinstance(o, h5py.Dataset) and h5py.check_string_dtype(o.dtype):
        texts.extend(v.decode("utf-8", "strict") for v in ([o[()]] if o.shape == () else o[()].flat))
f.visititems(look)
look("/", f)
for text in texts: text.encode("utf-8", "strict")  # h5py keeps stray bytes of attributes as surrogates
assert sum("M\ufffdller" in text for text in texts) >= 6, texts
)";

// Whether there is a Python with h5py; the script's complaint is shown when it fails.
bool python(const TemporaryFolder& folder, const char* script, const std::string& file) {
  if (std::string(PYTHON).empty()) {
    WARN("SKIPPED: no Python with h5py; set LOCKSTEP_TEST_PYTHON");
    return false;
  }
  std::ofstream(folder / "script.py") << script;
  FILE* pipe = popen(
      ("'" + std::string(PYTHON) + "' '" + (folder / "script.py") + "' '" + file + "' 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
  INFO(text);
  REQUIRE(pclose(pipe) == 0);
  return true;
}

}  // namespace

TEST_CASE("h5py reads a run file as the document says") {
  const TemporaryFolder folder;
  write_sample(folder / "run.h5");
  python(folder, kRead, folder / "run.h5");
}

TEST_CASE("every text in a run file is UTF-8, whatever the machine is called") {
  const TemporaryFolder folder;
  const std::string latin1 = "M\xfcller";
  RunData run = sample_start();
  run.config_given = run.config_resolved = "# " + latin1 + "\n";
  run.settings["run.name"] = latin1;
  run.ranks[0].host = run.ranks[0].cpu = latin1;
  run.environment["flags"] = latin1;
  run.model.layers[0] = latin1;
  RunWriter writer(folder / "run.h5", run);
  writer.append_epoch(sample_steps(3, 0), sample_comm(0), {}, sample_epoch(1), sample_audit());
  writer.finish("complete", false, {latin1}, 12.5);
  CHECK(read_run(folder / "run.h5").ranks[0].host == "M\xEF\xBF\xBDller");
  python(folder, kEveryText, folder / "run.h5");
}

TEST_CASE("a file written with h5py is as good as ours") {
  const TemporaryFolder folder;
  if (!python(folder, kWrite, folder / "run.h5")) return;
  const RunData run = read_run(folder / "run.h5");
  CHECK(run.header.mode == "seq");
  CHECK(run.header.valid);
  CHECK(run.header.invalid_reasons == std::vector<std::string>{"one thing", "another"});
  CHECK(run.steps.ranks() == 2);
  CHECK(run.steps.steps() == 1000);
  CHECK(run.steps.comm_exposed.at(1, 999) == 7.0);
  CHECK(run.steps.samples.at(0, 0) == 8);
  CHECK(run.steps.bubble.at(1, 999) == 0.0);
  CHECK_FALSE(run.absent.empty());
}
