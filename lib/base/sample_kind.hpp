// What a sample is: data sets say which kind they give, models which kind they take.
#pragma once

namespace lockstep {

enum class SampleKind {
  images,  // (C, H, W) pixels and a class
  text,    // (T) token ids and a class
  pairs,   // (T) token ids of a sentence and (U) of its translation
  tokens,  // (T) token ids and the (T) that follow each
};

}  // namespace lockstep
