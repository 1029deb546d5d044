#include "kernels/embedding.hpp"

#include <cub/device/device_radix_sort.cuh>

#include "base/error.hpp"
#include "kernels/columns.cuh"
#include "kernels/grid.cuh"
#include "kernels/vector.cuh"

namespace lockstep::kernels {
namespace {

constexpr int kLanes = 32, kRows = 8;  // of a block: columns across, rows that are summed side by side

__device__ bool is_outside(const Tokens& tokens, std::int64_t id) {
  return id < 0 || id >= tokens.vocabulary;
}

template <int W>
__device__ void fill(float (&values)[W], float with) {
#pragma unroll
  for (int i = 0; i < W; ++i) values[i] = with;
}

// The row of an id at `column`: zeros for padding, NaN outside the table.
template <int W>
__device__ void load_row(const Tokens& tokens, std::int64_t id, const float* table, std::int64_t columns,
                         std::int64_t column, float (&values)[W]) {
  if (id == tokens.padding)
    fill(values, 0.0f);
  else if (is_outside(tokens, id))
    fill(values, __int_as_float(0x7fc00000));
  else
    load<W>(table + id * columns + column, values);
}

struct Embed {
  Tokens tokens;
  const float* table;
  float* out;
  std::int64_t columns;

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t column, float (&values)[W]) const {
    load_row<W>(tokens, tokens.ids[row], table, columns, column, values);
    store<W>(out + row * columns + column, values);
  }
};

// The sum of a block's rows of threads, in a fixed order, in the first one. All threads call it.
template <int W>
__device__ void add_rows_of_threads(float (&sums)[W]) {
  __shared__ float lanes[kRows][kLanes * W];
#pragma unroll
  for (int i = 0; i < W; ++i) lanes[threadIdx.y][threadIdx.x * W + i] = sums[i];
  __syncthreads();
  if (threadIdx.y != 0) return;
#pragma unroll
  for (int i = 0; i < W; ++i) {
    float sum = 0;
#pragma unroll
    for (int row = 0; row < kRows; ++row) sum += lanes[row][threadIdx.x * W + i];
    sums[i] = sum;
  }
}

template <int W>
__device__ std::int64_t column_of_thread() {
  return (static_cast<std::int64_t>(blockIdx.y) * kLanes + threadIdx.x) * W;
}

// A block a document and kLanes * W columns.
template <int W>
__global__ void __launch_bounds__(kLanes* kRows)
    mean(Tokens tokens, const float* table, float* means, float* shares, std::int64_t columns) {
  __shared__ int counts[kRows];
  const std::int64_t* ids = tokens.ids + blockIdx.x * tokens.length;
  const std::int64_t column = column_of_thread<W>();
  float sums[W] = {};
  int count = 0;
#pragma unroll 4
  for (std::int64_t t = threadIdx.y; t < tokens.length; t += kRows) {
    const std::int64_t id = ids[t];
    count += id != tokens.padding;
    if (column >= columns) continue;
    float values[W];
    load_row<W>(tokens, id, table, columns, column, values);
#pragma unroll
    for (int i = 0; i < W; ++i) sums[i] += values[i];
  }
  if (threadIdx.x == 0) counts[threadIdx.y] = count;
  add_rows_of_threads<W>(sums);  // counts are there after it, too
  if (threadIdx.y != 0) return;
  count = 0;
  for (const int part : counts) count += part;
  const float share = 1.0f / static_cast<float>(count > 1 ? count : 1);
  if (blockIdx.y == 0 && threadIdx.x == 0) shares[blockIdx.x] = share;
  if (column >= columns) return;
#pragma unroll
  for (int i = 0; i < W; ++i) sums[i] *= share;
  store<W>(means + blockIdx.x * columns + column, sums);
}

// The gradient of a table. Tokens are sorted by id, those that count for nothing behind all others. A warp sums kPiece
// neighbours of that order; a sum whose tokens all lie in its piece goes to the table, and the first or last one of a
// piece, which may have further tokens in the piece before or behind, is left to add_across.

constexpr int kPiece = 64;

using Key = std::uint32_t;

__global__ void write_keys(Tokens tokens, std::int64_t count, Key* keys, std::int32_t* places) {
  for (std::int64_t i = first_index(); i < count; i += grid_threads()) {
    const std::int64_t id = tokens.ids[i];
    keys[i] = static_cast<Key>(id == tokens.padding || is_outside(tokens, id) ? tokens.vocabulary : id);
    places[i] = static_cast<std::int32_t>(i);
  }
}

struct Sorted {
  const Key* keys;             // (count), ascending
  const std::int32_t* places;  // (count), of the tokens in their documents
  std::int64_t count;
  Key none;  // the key of what counts for nothing

  // Whether the tokens at i and i + 1 add to the same row.
  __device__ bool joined(std::int64_t i) const { return i >= 0 && i + 1 < count && keys[i] == keys[i + 1]; }
};

struct Sums {
  const float *gradient, *shares;
  std::int64_t length, columns;
  float* table;
  float* partial;  // (pieces, 2, columns): of what began before the piece, of what goes on behind it

  __device__ float* begun_before(std::int64_t piece) const { return partial + 2 * piece * columns; }
  __device__ float* going_on(std::int64_t piece) const { return begun_before(piece) + columns; }
};

template <int W>
__device__ void add_to(float* place, const float (&sums)[W]) {
  float values[W];
  load<W>(place, values);
#pragma unroll
  for (int i = 0; i < W; ++i) values[i] += sums[i];
  store<W>(place, values);
}

// A warp a piece and kLanes * W columns.
template <int W>
__global__ void __launch_bounds__(kLanes* kRows) add_pieces(Sorted sorted, Sums to) {
  constexpr int kAtOnce = 8;
  const std::int64_t piece = static_cast<std::int64_t>(blockIdx.x) * kRows + threadIdx.y;
  const std::int64_t begin = piece * kPiece, end = min(begin + kPiece, sorted.count);
  const std::int64_t column = column_of_thread<W>();
  if (begin >= sorted.count || column >= to.columns) return;
  float sums[W] = {};
  bool from_before = sorted.joined(begin - 1);
  for (std::int64_t i = begin; i < end; i += kAtOnce) {
    float values[kAtOnce][W], share[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      fill(values[k], 0.0f);
      share[k] = 0;
      if (i + k >= end || sorted.keys[i + k] == sorted.none) continue;
      const std::int64_t place = sorted.places[i + k];
      const std::int64_t row = to.shares != nullptr ? place / to.length : place;
      share[k] = to.shares != nullptr ? to.shares[row] : 1.0f;
      load<W>(to.gradient + row * to.columns + column, values[k]);
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if (i + k >= end) break;
      const Key key = sorted.keys[i + k];
      if (key == sorted.none) return;  // so are all behind
#pragma unroll
      for (int c = 0; c < W; ++c) sums[c] += share[k] * values[k][c];
      const bool goes_on = sorted.joined(i + k);
      if (goes_on && i + k + 1 < end) continue;
      if (from_before)
        store<W>(to.begun_before(piece) + column, sums);
      else if (goes_on)
        store<W>(to.going_on(piece) + column, sums);
      else
        add_to<W>(to.table + key * to.columns + column, sums);
      fill(sums, 0.0f);
      from_before = false;
    }
  }
}

// How many tokens have a key up to this one.
__device__ std::int64_t upper_bound(const Sorted& sorted, Key key) {
  std::int64_t low = 0, high = sorted.count;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (sorted.keys[middle] <= key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// A block a piece and kLanes * W columns: the sum that begins in this piece and ends in a later one.
template <int W>
__global__ void __launch_bounds__(kLanes* kRows) add_across(Sorted sorted, Sums to) {
  const std::int64_t piece = blockIdx.x, begin = piece * kPiece, last = begin + kPiece - 1;
  if (last >= sorted.count || !sorted.joined(last)) return;
  const Key key = sorted.keys[last];
  if (key == sorted.none || (sorted.keys[begin] == key && sorted.joined(begin - 1))) return;
  const std::int64_t last_piece = (upper_bound(sorted, key) - 1) / kPiece;
  const std::int64_t column = column_of_thread<W>();
  float sums[W] = {};
  if (column < to.columns) {
#pragma unroll 4
    for (std::int64_t p = piece + threadIdx.y; p <= last_piece; p += kRows) {
      float values[W];
      load<W>((p == piece ? to.going_on(p) : to.begun_before(p)) + column, values);
#pragma unroll
      for (int i = 0; i < W; ++i) sums[i] += values[i];
    }
  }
  add_rows_of_threads<W>(sums);
  if (threadIdx.y == 0 && column < to.columns) add_to<W>(to.table + key * to.columns + column, sums);
}

// What lies in the scratch memory, from its begin on.
struct Scratch {
  std::int64_t count, pieces, columns;
  int key_bits = 0;
  std::size_t sort_bytes = 0;

  Scratch(const Tokens& tokens, std::int64_t width)
      : count(tokens.documents * tokens.length), pieces((count + kPiece - 1) / kPiece), columns(width) {
    while (tokens.vocabulary >> key_bits != 0) ++key_bits;
    sort(nullptr, nullptr);
  }

  static std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }
  std::size_t of_partial() const {
    return aligned(static_cast<std::size_t>(2 * pieces * columns) * sizeof(float));
  }
  std::size_t of_numbers() const { return aligned(static_cast<std::size_t>(count) * sizeof(Key)); }
  std::size_t bytes() const { return of_partial() + 4 * of_numbers() + sort_bytes; }

  float* partial(char* begin) const { return reinterpret_cast<float*>(begin); }
  template <typename T>
  T* numbers(char* begin, std::size_t which) const {
    return reinterpret_cast<T*>(begin + of_partial() + which * of_numbers());
  }

  // begin null: asks how many bytes it takes.
  void sort(char* begin, cudaStream_t stream) {
    void* const memory = begin != nullptr ? begin + of_partial() + 4 * of_numbers() : nullptr;
    const cudaError_t code = cub::DeviceRadixSort::SortPairs(
        memory, sort_bytes, numbers<Key>(begin, 0), numbers<Key>(begin, 1), numbers<std::int32_t>(begin, 2),
        numbers<std::int32_t>(begin, 3), static_cast<int>(count), 0, key_bits, stream);
    if (code != cudaSuccess) throw run_error("sorting tokens failed: {}", cudaGetErrorString(code));
  }
};

template <int W>
void add(const Sorted& sorted, const Sums& sums, std::int64_t pieces, cudaStream_t stream) {
  const auto across = static_cast<unsigned>((sums.columns + kLanes * W - 1) / (kLanes * W));
  const dim3 threads(kLanes, kRows);
  add_pieces<W><<<dim3(static_cast<unsigned>((pieces + kRows - 1) / kRows), across), threads, 0, stream>>>(
      sorted, sums);
  check_launch("add_by_id");
  add_across<W><<<dim3(static_cast<unsigned>(pieces), across), threads, 0, stream>>>(sorted, sums);
  check_launch("add_by_id");
}

}  // namespace

void embed_rows(const Tokens& tokens, const float* table, float* out, std::int64_t columns,
                cudaStream_t stream) {
  const bool vectors = in_vectors<4>(table, columns) && in_vectors<4>(out, columns);
  pass_over_columns<4>(Embed{tokens, table, out, columns}, vectors, tokens.documents * tokens.length, columns,
                       nullptr, stream, "embed_rows");
}

void mean_of_rows(const Tokens& tokens, const float* table, float* means, float* shares, std::int64_t columns,
                  cudaStream_t stream) {
  if (tokens.documents == 0 || columns == 0) return;
  const auto documents = static_cast<unsigned>(tokens.documents);
  const dim3 threads(kLanes, kRows);
  const auto across = [&](int width) {
    return static_cast<unsigned>((columns + kLanes * width - 1) / (kLanes * width));
  };
  if (in_vectors<4>(table, columns) && in_vectors<4>(means, columns))
    mean<4><<<dim3(documents, across(4)), threads, 0, stream>>>(tokens, table, means, shares, columns);
  else
    mean<1><<<dim3(documents, across(1)), threads, 0, stream>>>(tokens, table, means, shares, columns);
  check_launch("mean_of_rows");
}

std::size_t by_id_scratch(const Tokens& tokens, std::int64_t columns) {
  return Scratch(tokens, columns).bytes();
}

void add_by_id(const Tokens& tokens, const float* gradient, const float* shares, float* sums,
               std::int64_t columns, void* scratch, cudaStream_t stream) {
  Scratch parts(tokens, columns);
  if (parts.count == 0 || columns == 0) return;
  auto* const begin = static_cast<char*>(scratch);
  write_keys<<<blocks_for(parts.count), kThreads, 0, stream>>>(
      tokens, parts.count, parts.numbers<Key>(begin, 0), parts.numbers<std::int32_t>(begin, 2));
  check_launch("add_by_id");
  parts.sort(begin, stream);
  const Sorted sorted{parts.numbers<Key>(begin, 1), parts.numbers<std::int32_t>(begin, 3), parts.count,
                      static_cast<Key>(tokens.vocabulary)};
  const Sums to{gradient, shares, tokens.length, columns, sums, parts.partial(begin)};
  if (in_vectors<4>(gradient, columns) && in_vectors<4>(sums, columns))
    add<4>(sorted, to, parts.pieces, stream);
  else
    add<1>(sorted, to, parts.pieces, stream);
}

}  // namespace lockstep::kernels
