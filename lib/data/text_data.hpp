// Labelled text files to encoded rows: CSV parsed, tokens written straight to where training reads them.
#pragma once

#include "data/csv.hpp"
#include "data/encoded_data.hpp"
#include "data/tokenizer.hpp"

namespace lockstep {

// The text that is encoded: the fields of a row joined by one space.
void row_text(const CsvTable& table, const CsvRow& row, std::string& out);

// int32 (rows, max_length), padded with 0, and labels from 0. In parallel; the result does not depend on
// `threads`.
EncodedSplit encode_table(const CsvTable& table, const TextEncoder& encoder, std::int64_t max_length,
                          int threads);

}  // namespace lockstep
