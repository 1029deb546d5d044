#include "analysis/render/descriptor_buffer.hpp"

#include <unistd.h>

#include <cerrno>

namespace lockstep {

DescriptorBuffer::DescriptorBuffer(int descriptor) : descriptor_(descriptor), buffer_(1 << 16) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

bool DescriptorBuffer::drain() {
  for (const char* at = pbase(); at < pptr() && error_ == 0;) {
    const ssize_t taken = write(descriptor_, at, static_cast<std::size_t>(pptr() - at));
    if (taken >= 0)
      at += taken;
    else if (errno != EINTR)
      error_ = errno;
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return error_ == 0;
}

DescriptorBuffer::int_type DescriptorBuffer::overflow(int_type c) {
  if (!drain()) return traits_type::eof();
  return traits_type::eq_int_type(c, traits_type::eof()) ? traits_type::not_eof(c)
                                                         : sputc(traits_type::to_char_type(c));
}

int DescriptorBuffer::sync() { return drain() ? 0 : -1; }

}  // namespace lockstep
