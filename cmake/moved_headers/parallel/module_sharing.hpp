// Moved to parallel/initial_broadcast.hpp; this stays for programs that were written before.
#pragma once

#include "parallel/initial_broadcast.hpp"
