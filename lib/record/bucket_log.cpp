#include "record/bucket_log.hpp"

#include <algorithm>

namespace lockstep {

namespace {

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

std::vector<BucketLog::Sender>::const_iterator BucketLog::find(const void* sender) const {
  return std::find_if(senders_.begin(), senders_.end(), [&](const Sender& s) { return s.who == sender; });
}

bool BucketLog::knows(const void* sender) const {
  const auto found = find(sender);
  return found != senders_.end() && found->known;
}

void BucketLog::add(const WorkPtr& work, const void* sender, int bucket) {
  if (is_message(work->kind)) return;  // its numbers are those of a pair of ranks
  const auto found = find(sender);
  log_.add(work, found != senders_.end() && bucket >= 0 ? found->first + bucket : -1);
}

void BucketLog::set(const void* sender, const BucketTable& buckets) {
  const auto found = find(sender);
  const auto place = found - senders_.begin();
  if (found == senders_.end()) senders_.push_back({sender});
  Sender& own = senders_[static_cast<std::size_t>(place)];
  own.known = true;
  own.buckets = buckets;
  number();
}

void BucketLog::forget(const void* sender) {
  for (Sender& s : senders_)
    if (s.who == sender) s.known = false;
}

void BucketLog::number() {
  int next = 0;
  for (Sender& sender : senders_) {
    sender.first = next;
    next += static_cast<int>(sender.buckets.bytes.size());
  }
  changed_ = true;
}

BucketTable BucketLog::table() {
  BucketTable all;
  for (const Sender& sender : senders_) {
    append(all.bytes, sender.buckets.bytes);
    append(all.parameters, sender.buckets.parameters);
    append(all.first_parameter, sender.buckets.first_parameter);
  }
  changed_ = false;
  return all;
}

}  // namespace lockstep
