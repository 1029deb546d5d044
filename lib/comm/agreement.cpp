#include "comm/agreement.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "comm/library_versions.hpp"
#include "launch/topology.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kMostRanksListed = 4;

std::string value_of(const Facts& facts, const std::string& name) {
  const auto found = std::find_if(facts.begin(), facts.end(), [&](const auto& f) { return f.first == name; });
  if (found == facts.end()) return "not given";
  return found->second.empty() ? "empty" : found->second;
}

// "0.1 on rank 0, 0.2 on ranks 1, 2"; empty where all have the same.
std::string disagreement(const std::vector<Facts>& ranks, const std::string& name) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>>
      values;  // in order of the first rank that has it
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const std::string value = value_of(ranks[rank], name);
    auto found = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == value; });
    if (found == values.end()) found = values.insert(found, {value, {}});
    found->second.push_back(rank);
  }
  if (values.size() < 2) return {};
  std::string text;
  for (const auto& [value, where] : values) {
    text += fmt::format("{}{} on rank{} ", text.empty() ? "" : ", ", value, where.size() > 1 ? "s" : "");
    for (std::size_t i = 0; i < std::min(where.size(), kMostRanksListed); ++i)
      text += fmt::format("{}{}", i == 0 ? "" : ", ", where[i]);
    if (where.size() > kMostRanksListed) text += fmt::format(" and {} more", where.size() - kMostRanksListed);
  }
  return text;
}

[[noreturn]] void report(const std::vector<Facts>& ranks, const std::string& what,
                         const std::string& remedy) {
  for (const Facts& some : ranks)  // rank 0's first; then what rank 0 does not even have
    for (const auto& [name, value] : some)
      if (const std::string text = disagreement(ranks, name); !text.empty())
        throw input_error("{}: {} is {}; {}", what, name, text, remedy);
  throw run_error("the ranks differ in something that none of them can name");
}

// The largest of every element over the ranks.
std::vector<std::int64_t> largest(Communicator& communicator, const c10::Device& device,
                                  const std::vector<std::int64_t>& mine) {
  at::Tensor values = at::tensor(mine, at::kLong).to(device);
  communicator.all_reduce(values, ReduceOp::max)->wait();
  values = values.to(at::kCPU);
  const auto* const first = values.data_ptr<std::int64_t>();
  return {first, first + values.numel()};
}

// mine: a message; longest: of any rank's.
std::vector<Facts> all_gather(Communicator& communicator, const c10::Device& device, const std::string& mine,
                              std::int64_t longest) {
  const auto width = static_cast<std::int64_t>(sizeof(std::int64_t)) + longest;
  at::Tensor one = at::zeros({width}, at::kByte);
  const auto length = static_cast<std::int64_t>(mine.size());
  std::memcpy(one.data_ptr<std::uint8_t>(), &length, sizeof length);
  std::memcpy(one.data_ptr<std::uint8_t>() + sizeof length, mine.data(), mine.size());
  at::Tensor all = at::zeros({communicator.size() * width}, at::TensorOptions(device).dtype(at::kByte));
  communicator.all_gather(all, one.to(device))->wait();
  all = all.to(at::kCPU);
  std::vector<Facts> ranks;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    const auto* const from = all.data_ptr<std::uint8_t>() + rank * width;
    std::int64_t theirs = 0;
    std::memcpy(&theirs, from, sizeof theirs);
    ranks.push_back(from_message<Facts>(
        {reinterpret_cast<const char*>(from) + sizeof theirs, static_cast<std::size_t>(theirs)}));
  }
  return ranks;
}

}  // namespace

void require_agreement(Group& group, const Facts& facts, const std::string& what, const std::string& remedy) {
  const std::vector<std::uint64_t> digests = group.all_gather(Digest().add(to_message(facts)).value());
  if (std::any_of(digests.begin(), digests.end(), [&](std::uint64_t d) { return d != digests.front(); }))
    report(group.all_gather(facts), what, remedy);
}

void require_agreement(Communicator& communicator, const c10::Device& device, const Facts& facts,
                       const std::string& what, const std::string& remedy) {
  const std::string mine = to_message(facts);
  const auto digest = static_cast<std::int64_t>(Digest().add(mine).value());
  // Where the largest digest and the largest complement are this rank's, all are.
  const auto found = largest(communicator, device, {digest, ~digest, static_cast<std::int64_t>(mine.size())});
  if (found[0] != ~found[1]) report(all_gather(communicator, device, mine, found[2]), what, remedy);
}

void require_same_launch(World& world, const std::string& program, const Facts& asked_for) {
  Facts facts = {{"the program", program}};
  for (const auto& [name, value] : library_versions(world))
    facts.emplace_back("its build (" + name + ")", value);
  facts.insert(facts.end(), asked_for.begin(), asked_for.end());
  require_agreement(world, facts, "the ranks were not started alike",
                    "start all ranks of a run with one program and one configuration");
}

}  // namespace lockstep
