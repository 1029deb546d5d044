#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "analysis/import/json_file.hpp"
#include "analysis/import/kineto_trace.hpp"
#include "analysis/import/text_stream.hpp"
#include "analysis/import/trace_builder.hpp"
#include "base/error.hpp"

namespace lockstep {

namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::uint64_t kLongestValue = 1 << 20;  // bytes of one name, number or space between
// Nanoseconds: what a trace counts from (until 2096), when an event begins, and how long it takes (31 years).
// Their sum fits into 64 bits.
constexpr std::int64_t kLatest = 4'000'000'000'000'000'000, kLongest = 1'000'000'000'000'000'000;

constexpr std::int64_t kMostElements = std::int64_t{1} << 48;

// Feeds the stream to the parser and limits the size of each value.
class BoundedIterator : public StreamIterator {
 public:
  BoundedIterator() = default;
  BoundedIterator(TextStream& stream, std::uint64_t& since_value)
      : StreamIterator(stream), stream_(&stream), since_value_(&since_value) {}
  BoundedIterator& operator++() {
    if (++*since_value_ > kLongestValue)
      throw input_error("{}: byte {}: a value of more than {} bytes; no trace has one", stream_->path(),
                        stream_->position(), kLongestValue);
    StreamIterator::operator++();
    return *this;
  }
  BoundedIterator operator++(int) {
    const BoundedIterator before = *this;
    ++*this;
    return before;
  }

 private:
  TextStream* stream_ = nullptr;
  std::uint64_t* since_value_ = nullptr;
};

// Where in the file a value stands.
enum class Place { other, root, events, event, arguments, shapes, types, distributed, devices, device };

class TraceParser : public Json::json_sax_t {
 public:
  TraceParser(KinetoTrace& trace, const TextStream& stream, std::uint64_t& since_value,
              const std::string& step_name)
      : trace_(trace), stream_(stream), since_value_(since_value), builder_(trace, step_name) {}

  void finish() {
    if (!events_found_) fail("has no 'traceEvents'; give a trace that torch.profiler has exported");
    builder_.finish();
  }

  bool null() override { return next(); }
  bool boolean(bool) override { return next(); }
  bool number_integer(Json::number_integer_t value) override {
    return number(static_cast<double>(value), value);
  }
  bool number_unsigned(Json::number_unsigned_t value) override {
    constexpr auto kMost = static_cast<Json::number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return number(static_cast<double>(value), static_cast<std::int64_t>(std::min(value, kMost)));
  }
  bool number_float(Json::number_float_t value, const Json::string_t& text) override {
    text_of_number_ = text;
    const bool ok = number(value, std::abs(value) < 9e18 ? static_cast<std::int64_t>(value)
                                                         : std::numeric_limits<std::int64_t>::max());
    text_of_number_ = {};
    return ok;
  }
  bool string(Json::string_t& value) override {
    take_text(value);
    return next();
  }
  bool binary(Json::binary_t&) override { return false; }  // no JSON text holds any
  bool start_object(std::size_t) override { return open(false); }
  bool start_array(std::size_t) override { return open(true); }
  bool key(Json::string_t& name) override {
    key_ = name;
    return next();
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    fail("not JSON: " + json_complaint(error));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw input_error("{}: byte {}: {}", stream_.path(), stream_.position(), what);
  }
  bool next() {
    since_value_ = 0;
    return true;
  }

  Place place_of_child(bool array) const {
    if (places_.empty()) return array ? Place::events : Place::root;
    switch (places_.back()) {
      case Place::root:
        if (key_ == "traceEvents" && array) return Place::events;
        if (key_ == "deviceProperties" && array) return Place::devices;
        return key_ == "distributedInfo" && !array ? Place::distributed : Place::other;
      case Place::events:
        return array ? Place::other : Place::event;
      case Place::event:
        return key_ == "args" && !array ? Place::arguments : Place::other;
      case Place::arguments:
        if (key_ == "Input Dims" && array) return Place::shapes;
        return key_ == "Input type" && array ? Place::types : Place::other;
      case Place::shapes:  // a list of numbers a tensor, in lists of tensors
        return array ? Place::shapes : Place::other;
      case Place::devices:
        return array ? Place::other : Place::device;
      default:
        return Place::other;
    }
  }

  bool open(bool array) {
    if (places_.size() == kDeepest) fail(fmt::format("nested too deeply; {} levels are read", kDeepest));
    const Place place = place_of_child(array);
    if (place == Place::event) event_.clear();
    if (place == Place::shapes) tensor_.reset();
    events_found_ = events_found_ || place == Place::events;
    places_.push_back(place);
    return next();
  }
  bool close() {
    if (places_.back() == Place::event) builder_.take(event_);
    if (places_.back() == Place::shapes && tensor_) event_.elements_in += *std::exchange(tensor_, {});
    places_.pop_back();
    return next();
  }

  bool number(double value, std::int64_t whole) {
    switch (places_.empty() ? Place::other : places_.back()) {
      case Place::event:
        if (key_ == "ts") event_.begin = nanoseconds(value, whole, kLatest);
        if (key_ == "dur") event_.duration = nanoseconds(value, whole, kLongest);
        if (key_ == "tid") event_.thread = whole;
        break;
      case Place::arguments:
        take_argument(whole);
        break;
      case Place::shapes:
        tensor_ = elements(elements(whole) * std::min(tensor_.value_or(1),
                                                      kMostElements / std::max<std::int64_t>(whole, 1) + 1));
        break;
      case Place::distributed:
        if (key_ == "rank") trace_.rank = count(whole, 0);
        if (key_ == "world_size") trace_.world_size = count(whole, 1);
        break;
      case Place::root:
        if (key_ == "baseTimeNanoseconds") trace_.base = base(whole);
        break;
      default:
        break;
    }
    return next();
  }

  void take_argument(std::int64_t whole) {
    if (key_ == "correlation") event_.correlation = whole;
    if (key_ == "In msg nelems") event_.elements_in = elements(whole);
    if (key_ == "Out msg nelems") event_.elements_out = elements(whole);
  }

  void take_text(std::string& value) {
    switch (places_.empty() ? Place::other : places_.back()) {
      case Place::event:
        if (key_ == "ph") event_.phase = value.size() == 1 ? value[0] : '?';
        if (key_ == "name") event_.name.swap(value);
        if (key_ == "cat") event_.category.swap(value);
        if (key_ == "ts" || key_ == "dur") fail(fmt::format("'{}' is a text, not a number", key_));
        break;
      case Place::arguments:
        if (key_ == "Collective name") event_.collective.swap(value);
        if (key_ == "dtype") event_.dtype.swap(value);
        if (key_ == "Process Group Name") event_.group.swap(value);
        break;
      case Place::root:
        if (key_ == "host_name") trace_.host = value.substr(0, 200);
        break;
      case Place::types:
        if (event_.dtype.empty()) event_.dtype.swap(value);
        break;
      case Place::distributed:
        if (key_ == "backend") trace_.backend = value.substr(0, 40);
        if (key_ == "nccl_version") trace_.library_version = value.substr(0, 40);
        break;
      case Place::device:
        if (key_ == "name" && trace_.device.empty()) trace_.device = value.substr(0, 100);
        break;
      default:
        break;
    }
  }

  // Exactly: a double does not hold microseconds since 1970 to the nanosecond.
  std::int64_t nanoseconds(double microseconds, std::int64_t whole, std::int64_t most) const {
    if (!(std::abs(microseconds) <= static_cast<double>(most) / 1000))
      fail(fmt::format("'{}' is {:g} microseconds, longer than any trace", key_, microseconds));
    const std::size_t point = text_of_number_.find('.');
    if (point == std::string_view::npos || text_of_number_.find_first_of("eE") != std::string_view::npos)
      return text_of_number_.empty() ? whole * 1000 : std::llround(microseconds * 1000);
    std::int64_t fraction = 0;
    for (std::size_t digit = 1; digit <= 3; ++digit)
      fraction =
          fraction * 10 + (point + digit < text_of_number_.size() ? text_of_number_[point + digit] - '0' : 0);
    return whole * 1000 + (microseconds < 0 ? -fraction : fraction);
  }
  std::int64_t count(std::int64_t value, std::int64_t least) const {
    if (value < least || value > 1'000'000)
      fail(fmt::format("'{}' is {}, which is not a number of ranks", key_, value));
    return value;
  }
  std::int64_t elements(std::int64_t value) const {
    if (value < 0 || value > kMostElements) fail(fmt::format("'{}' is {}, which is not a size", key_, value));
    return value;
  }
  std::int64_t base(std::int64_t value) const {
    if (value < 0 || value > kLatest) fail(fmt::format("'{}' is {}, which is not a time", key_, value));
    return value;
  }

  KinetoTrace& trace_;
  const TextStream& stream_;
  std::uint64_t& since_value_;
  TraceBuilder builder_;
  std::vector<Place> places_;
  std::string key_;
  std::string_view text_of_number_;  // as the file has it; empty: a whole number
  TraceEvent event_;
  std::optional<std::int64_t> tensor_;  // elements of the one whose shape is read
  bool events_found_ = false;
};

}  // namespace

KinetoTrace read_kineto_trace(const std::string& path, const std::string& step_name) {
  KinetoTrace trace;
  trace.path = path;
  TextStream stream(path);
  std::uint64_t since_value = 0;
  TraceParser parser(trace, stream, since_value, step_name);
  Json::sax_parse(BoundedIterator(stream, since_value), BoundedIterator(), &parser);
  parser.finish();
  return trace;
}

bool looks_like_trace(const std::string& path) {
  constexpr std::size_t kEnough = 1 << 20;
  std::string text;
  TextStream stream(path);
  for (; text.size() < kEnough && !stream.at_end(); stream.advance()) text += stream.current();
  const auto has = [&](std::string_view word) { return text.find(word) != std::string::npos; };
  return has("\"traceEvents\"") ||
         (has("\"ph\"") && has("\"ts\"") && text.find_first_not_of(" \t\r\n\xEF\xBB\xBF") == text.find('['));
}

}  // namespace lockstep
