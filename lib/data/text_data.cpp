#include "data/text_data.hpp"

#include "base/parallel_for.hpp"

namespace lockstep {

void row_text(const CsvTable& table, const CsvRow& row, std::string& out) {
  out.clear();
  append_text(table.bytes, row.texts[0], out);
  if (table.text_fields < 2) return;
  out.push_back(' ');
  append_text(table.bytes, row.texts[1], out);
}

EncodedSplit encode_table(const CsvTable& table, const TextEncoder& encoder, std::int64_t max_length,
                          int threads) {
  const auto length = static_cast<std::size_t>(max_length);
  const auto inputs = zeroed_bytes(table.rows.size() * length * sizeof(std::int32_t));
  const auto labels = zeroed_int32(table.rows.size());
  auto* ids = reinterpret_cast<std::int32_t*>(inputs.get());
  parallel_for(table.rows.size(), threads, [&](std::size_t begin, std::size_t end) {
    std::string text;
    for (std::size_t row = begin; row < end; ++row) {
      row_text(table, table.rows[row], text);
      encoder.encode(text, ids + row * length, length);
      labels.get()[row] = table.rows[row].label - 1;
    }
  });
  return {static_cast<std::int64_t>(table.rows.size()), inputs, labels};
}

}  // namespace lockstep
