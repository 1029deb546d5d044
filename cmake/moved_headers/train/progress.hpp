// Moved to record/progress.hpp; this stays for programs that were written before.
#pragma once

#include "record/progress.hpp"
