// The loops of embeddings over plain fp32 memory, vectorised. No tensors, no threads. Id 0 is padding: it
// reads as zero and gets nothing.
#pragma once

#include <cstdint>
#include <span>

namespace lockstep::kernels {

// Row i of out (ids x width) = row ids[i] of weight (vocabulary x width).
void gather_rows(std::span<const std::int64_t> ids, const float* weight, std::int64_t width, float* out);

// out (width) = the mean of the rows of weight that the ids other than 0 name; 0 when there is none.
void mean_of_rows(std::span<const std::int64_t> ids, const float* weight, std::int64_t width, float* out);

// Row i of `from` is added to row ids[i] of `to`: the first `width` columns of rows that lie `stride` apart in both.
void add_to_rows(std::span<const std::int64_t> ids, const float* from, std::int64_t width, float* to,
                 std::int64_t stride);

// In which documents each id occurs: id v in documents[begins[v]] up to, without, documents[begins[v + 1]], in order,
// once for each time.
struct Occurrences {
  std::span<const std::int32_t> begins;     // vocabulary + 1
  std::span<const std::int32_t> documents;  // as many as there are ids
};
// ids: of documents of `length` tokens each, padding included. Fills begins and documents, of the sizes above.
void find_occurrences(std::span<const std::int64_t> ids, std::int64_t length, std::span<std::int32_t> begins,
                      std::span<std::int32_t> documents);

// Row d of `from`, times shares[d], is added to row v of `to` for each occurrence of id v in document d. By id, so that
// each row of `to` is read and written once: documents are few enough for a cache, a vocabulary is not.
void add_by_id(const Occurrences& occurrences, const float* from, const float* shares, std::int64_t width,
               float* to, std::int64_t stride);

// to[i] += scale * from[i]
void add_scaled(std::span<const float> from, float scale, float* to);

}  // namespace lockstep::kernels
