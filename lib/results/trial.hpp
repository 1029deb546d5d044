// Tries in a child process what might crash this one. HDF5 crashes on some damaged files (1.10.8: a heap
// object whose size was changed is copied beyond its end) and loops for ever on others; a reader must not.
#pragma once

#include <functional>

namespace lockstep {

// Whether body returns, or throws, in a forked child within so many seconds of processor time. What it
// changes in memory is lost, what it prints is not seen. Error(failed) when no child can be started.
bool survives(const std::function<void()>& body, unsigned cpu_seconds);

}  // namespace lockstep
