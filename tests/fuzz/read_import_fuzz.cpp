// libFuzzer target: other programs' results of any bytes are read as analyze import does it, or refused in one
// line. The first byte says as which file the others are read. See scripts/fuzz.
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/import/artefact.hpp"
#include "analysis/import/claims.hpp"
#include "fuzz/refusal.hpp"

namespace lockstep::fuzz {

namespace {

void read_as(unsigned kind, const std::string& text) {
  refusal_by([&] {
    const std::vector<ImportedRun> runs =
        kind % 2 == 0 ? runs_of_csv(text, "f.csv") : runs_of_json(text, "f.json");
    claims_of(runs);
  });
}

}  // namespace

}  // namespace lockstep::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) lockstep::fuzz::read_as(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
