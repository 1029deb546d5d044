// Moved to launch/device_map.hpp; this stays for programs that were written before.
#pragma once

#include "launch/device_map.hpp"
