// SuppressedWarnings: while one lives, LibTorch's warnings on this thread that contain a text are not shown;
// others go where they went.
#pragma once

#include <c10/util/Exception.h>

#include <string>
#include <string_view>

namespace lockstep {

class SuppressedWarnings final : public c10::WarningHandler {
 public:
  // containing: outlives it; empty: all warnings.
  explicit SuppressedWarnings(std::string_view containing) : text_(containing) {}
  void process(const c10::Warning& warning) override {
    if (warning.msg().find(text_) == std::string::npos) others_->process(warning);
  }

 private:
  std::string_view text_;
  c10::WarningHandler* others_ = c10::WarningUtils::get_warning_handler();
  c10::WarningUtils::WarningHandlerGuard guard_{this};
};

}  // namespace lockstep
