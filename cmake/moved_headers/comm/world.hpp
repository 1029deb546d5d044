// Moved to launch/world.hpp; this stays for programs that were written before.
#pragma once

#include "launch/world.hpp"
