// Moved to comm/backends.hpp; this stays for programs that were written before.
#pragma once

#include "comm/backends.hpp"
