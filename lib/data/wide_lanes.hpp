// Marks an inner loop that is compiled once for each width of vectors and chosen when the program is loaded.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define LOCKSTEP_WIDE_LANES __attribute__((target_clones("avx2", "default")))
#else
#define LOCKSTEP_WIDE_LANES
#endif
