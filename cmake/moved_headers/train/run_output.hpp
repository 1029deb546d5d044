// Moved to record/run_output.hpp; this stays for programs that were written before.
#pragma once

#include "record/run_output.hpp"
