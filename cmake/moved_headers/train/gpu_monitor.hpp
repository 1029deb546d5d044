// Moved to record/gpu_monitor.hpp; this stays for programs that were written before.
#pragma once

#include "record/gpu_monitor.hpp"
