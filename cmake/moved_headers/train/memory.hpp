// Moved to record/memory.hpp; this stays for programs that were written before.
#pragma once

#include "record/memory.hpp"
