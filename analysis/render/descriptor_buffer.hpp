// A stream buffer over a file descriptor that remembers why a write failed. Does not own the descriptor.
#pragma once

#include <streambuf>
#include <vector>

namespace lockstep {

class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor);
  int error() const { return error_; }  // errno of the first write that failed; 0: none did

 protected:
  int_type overflow(int_type c) override;
  int sync() override;

 private:
  bool drain();
  int descriptor_, error_ = 0;
  std::vector<char> buffer_;
};

}  // namespace lockstep
